import { assert } from '../../base/assert.ts';
import { type Revision } from '../types.ts';
import { type Batch } from './batch.ts';
import { type Desk } from './desk.ts';
import { asciiJson } from './json-shape.ts';
import { type KvChange, type KvCompare, type KvOutcome } from './protocol.ts';
import { commitKey, leaderKey } from './rows.ts';
import { type ControlPlaneSettings } from './settings.ts';

interface UnderWay {
  readonly batch: Batch;
  readonly kvId: number;
  /** Its row of the commit. */
  readonly row: string;
  /** Rows of those that were to settle whether it was done: each says that it was not. */
  readonly settling: readonly string[];
}

export type CommitNews =
  | { readonly kind: 'committed'; readonly batch: Batch }
  /** Another one leads, or did. */
  | { readonly kind: 'deposed'; readonly reason: string }
  /** It was not done, and never will be: memory shows what is not so, and is to be read again. */
  | { readonly kind: 'undone'; readonly batch: Batch; readonly reason: string }
  | undefined;

/**
 * Commits, one after the other. Each checks that the term still holds and that no commit has come in between, and numbers
 * itself.
 *
 * One whose outcome nobody has heard is settled by another that takes its number and changes nothing. If that one succeeds,
 * the unknown one was not done and never will be, since it compares the number. If it fails, the row of the commit says who
 * has taken the number: each attempt writes its own.
 */
export class Commits {
  readonly #settings: ControlPlaneSettings;
  readonly #desk: Desk;
  readonly #term: number;
  readonly #key: string;
  #revision: Revision;
  /** As it lies in the store; undefined: there never was a commit. */
  #row: string | undefined;
  #attempts = 0;
  #underWay: UnderWay | undefined;
  #unknown = 0;
  #done = 0;

  constructor(
    settings: ControlPlaneSettings,
    desk: Desk,
    term: number,
    last: { readonly revision: Revision; readonly row: string | undefined; readonly attempts: number },
  ) {
    this.#settings = settings;
    this.#desk = desk;
    this.#term = term;
    this.#key = settings.prefix + commitKey;
    this.#revision = last.revision;
    this.#row = last.row;
    this.#attempts = last.attempts;
  }

  get revision(): Revision {
    return this.#revision;
  }

  /** So many were made in this term: their rows are told apart by it. */
  get attempts(): number {
    return this.#attempts;
  }

  get isUnderWay(): boolean {
    return this.#underWay !== undefined;
  }

  /** Nobody has heard what has become of the one under way. */
  get isSettling(): boolean {
    return (this.#underWay?.settling.length ?? 0) > 0;
  }

  get batchUnderWay(): Batch | undefined {
    return this.#underWay?.batch;
  }

  get done(): number {
    return this.#done;
  }

  get unknown(): number {
    return this.#unknown;
  }

  begin(batch: Batch): void {
    assert(this.#underWay === undefined, 'one commit is under way');
    assert(batch.revision === this.#revision + 1, 'commits are numbered one by one');
    const row = this.#nextRow();
    this.#underWay = { batch, row, settling: [], kvId: this.#ask(row, batch.changes) };
  }

  onAnswered(kvId: number, outcome: KvOutcome): CommitNews {
    const underWay = this.#underWay;
    if (underWay === undefined || underWay.kvId !== kvId) return undefined;
    switch (outcome.kind) {
      case 'txn':
        return outcome.succeeded ? this.#onSucceeded(underWay) : this.#onCompared(underWay, outcome);
      case 'unknown':
        this.#unknown += 1;
        this.#settle(underWay);
        return undefined;
      case 'failed':
        // That it was not tried says nothing of the one that it was to settle.
        if (underWay.settling.length > 0) return { kind: 'deposed', reason: outcome.reason };
        return this.#undone(underWay, outcome.reason);
      default:
        return { kind: 'deposed', reason: 'the store has answered something else' };
    }
  }

  #onSucceeded(underWay: UnderWay): CommitNews {
    const settled = underWay.settling.at(-1);
    this.#revision += 1;
    this.#row = settled ?? underWay.row;
    if (settled !== undefined) {
      return this.#undone(underWay, 'nobody has heard whether it was done, and it was not');
    }
    return this.#committed(underWay);
  }

  /** Somebody has taken the number: the one that nobody heard of, one that was to settle it, or another leader. */
  #onCompared(underWay: UnderWay, outcome: Extract<KvOutcome, { kind: 'txn' }>): CommitNews {
    const leader = outcome.rows.find(({ key }) => key === this.#settings.prefix + leaderKey);
    if (leader?.createRevision !== this.#term) return { kind: 'deposed', reason: 'another term has begun' };
    const found = outcome.rows.find(({ key }) => key === this.#key)?.value;
    if (found !== undefined && found === underWay.row) {
      this.#revision += 1;
      this.#row = found;
      return this.#committed(underWay);
    }
    if (found !== undefined && underWay.settling.includes(found)) {
      this.#revision += 1;
      this.#row = found;
      return this.#undone(underWay, 'nobody has heard whether it was done, and it was not');
    }
    return { kind: 'deposed', reason: `the row ${commitKey} was changed by somebody else` };
  }

  #committed({ batch }: UnderWay): CommitNews {
    this.#underWay = undefined;
    this.#done += 1;
    return { kind: 'committed', batch };
  }

  #undone({ batch }: UnderWay, reason: string): CommitNews {
    this.#underWay = undefined;
    return { kind: 'undone', batch, reason };
  }

  #settle(underWay: UnderWay): void {
    const row = this.#nextRow();
    this.#underWay = {
      ...underWay,
      kvId: this.#ask(row, []),
      settling: [...underWay.settling, row],
    };
  }

  #nextRow(): string {
    this.#attempts += 1;
    return asciiJson({ revision: this.#revision + 1, term: this.#term, attempt: this.#attempts });
  }

  #ask(row: string, changes: readonly KvChange[]): number {
    const leader = this.#settings.prefix + leaderKey;
    const number: KvCompare =
      this.#row === undefined
        ? { kind: 'absent', key: this.#key }
        : { kind: 'value', key: this.#key, equals: this.#row };
    return this.#desk.ask({
      kind: 'kvTxn',
      compares: [{ kind: 'createRevision', key: leader, equals: this.#term }, number],
      changes: [...changes, { kind: 'put', key: this.#key, value: row }],
      otherwiseRead: [leader, this.#key],
      timeoutUs: this.#settings.kvTimeoutUs,
    });
  }
}
