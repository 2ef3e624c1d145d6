import { assert } from '../../base/assert.ts';
import { type Desk } from './desk.ts';
import { type KvOutcome } from './protocol.ts';
import { leaderKey } from './rows.ts';
import { type ControlPlaneSettings } from './settings.ts';

export type ConfirmationNews<Waiting> =
  /** They came before a read was begun that has shown this term: what memory shows was true when they came, or later. */
  | { readonly kind: 'confirmed'; readonly waiting: readonly Waiting[] }
  | { readonly kind: 'failed'; readonly waiting: readonly Waiting[]; readonly reason: string }
  | { readonly kind: 'deposed'; readonly reason: string }
  | undefined;

/**
 * Makes sure that this server still leads, for whatever is answered without a commit: leases of nodes above all. One read of the
 * leader's key serves all that came before it was begun; what comes while it is under way waits for the next, since another
 * leader may have begun, and decided otherwise, after the one under way had been served. No clock is trusted.
 *
 * A commit shows the term as well, since it compares it: what came before it was begun needs no read of its own.
 */
export class Confirmation<Waiting> {
  readonly #settings: ControlPlaneSettings;
  readonly #desk: Desk;
  readonly #term: number;
  #kvId = 0;
  /** For whom the read under way counts. */
  #served: Waiting[] | undefined;
  /** For whom the commit under way counts. */
  #joined: Waiting[] = [];
  /** At most `pollsMax` with the others: the owner counts. */
  #next: Waiting[] = [];

  constructor(settings: ControlPlaneSettings, desk: Desk, term: number) {
    this.#settings = settings;
    this.#desk = desk;
    this.#term = term;
  }

  get size(): number {
    return (this.#served?.length ?? 0) + this.#joined.length + this.#next.length;
  }

  wait(waiting: Waiting): void {
    this.#next.push(waiting);
  }

  /** A commit begins: all that wait are confirmed by it. */
  joinCommit(): void {
    assert(this.#joined.length === 0, 'one commit is under way');
    this.#joined = this.#next;
    this.#next = [];
  }

  /** It was made. @returns for whom it counted */
  onCommitted(): readonly Waiting[] {
    const waiting = this.#joined;
    this.#joined = [];
    return waiting;
  }

  /** Nobody has heard whether it was made: they do not wait until that is settled. */
  onCommitUnknown(): void {
    this.#next = [...this.#joined, ...this.#next];
    this.#joined = [];
  }

  /** At the end of a step, so that all of its come under one read. */
  begin(): void {
    if (this.#served !== undefined || this.#next.length === 0) return;
    this.#served = this.#next;
    this.#next = [];
    this.#kvId = this.#desk.ask({
      kind: 'kvRange',
      key: this.#settings.prefix + leaderKey,
      end: undefined,
      revision: 0,
      limit: 1,
      timeoutUs: this.#settings.kvTimeoutUs,
    });
  }

  onAnswered(kvId: number, outcome: KvOutcome): ConfirmationNews<Waiting> {
    if (this.#served === undefined || kvId !== this.#kvId) return undefined;
    const waiting = this.#served;
    this.#served = undefined;
    if (outcome.kind !== 'range') {
      const reason = 'reason' in outcome ? outcome.reason : 'the store has answered something else';
      return { kind: 'failed', waiting, reason };
    }
    if (outcome.rows[0]?.createRevision !== this.#term) {
      return { kind: 'deposed', reason: 'another term has begun' };
    }
    return { kind: 'confirmed', waiting };
  }
}
