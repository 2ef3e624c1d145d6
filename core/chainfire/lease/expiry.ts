import { type StateForm } from '../../base/capture.ts';
import { type RaftRefusal, type RaftView, type Term } from '../../raft/types.ts';
import { type CommandBody, emptyBody } from '../command.ts';
import { type Lease } from './lease-table.ts';
import { type LeaseDeadlines } from './lease-deadlines.ts';

export interface ExpiryPort {
  /** A command under the next number of this member. */
  encode(body: CommandBody): { readonly seq: number; readonly bytes: Uint8Array };
  /** Gives it to Raft. @returns why it was not taken */
  propose(bytes: Uint8Array): RaftRefusal | undefined;
  /** Keys attached to a lease, counted up to `max`. */
  countKeys(lease: Lease, max: number): number;
}

/**
 * Leases that one entry ends, at most: a few milliseconds of every member, which hold up everything else. Tens of thousands that end
 * together take some seconds in which all other requests go on.
 */
export const expiryIdsMax = 100;
/** Keys that one entry deletes, but for those of its first lease. */
export const expiryKeysMax = 300;

/**
 * A leader's part in the end of leases: it proposes to end those that are overdue by its clock.
 *
 * Only a leader that has applied an entry of its own term does: by then every renewal that was ever acknowledged before it led
 * has been applied here and counts. What it proposes holds good in its term alone and spares leases that were renewed behind
 * what it had applied, so it is never passed on and never proposed by anybody again: the next leader finds out for itself.
 */
export class Expiry {
  readonly #raftView: RaftView;
  readonly #deadlines: LeaseDeadlines;
  readonly #retryUs: number;
  readonly #port: ExpiryPort;
  /** The entry under way. In its own log a leader's entry is applied in the end, or the term is over. */
  #underWay: { readonly seq: number; readonly term: Term } | undefined;
  #notBeforeUs = 0;

  /** @param given.retryUs when leases that were found overdue come up again, unless they have gone by then */
  constructor(given: {
    readonly raft: RaftView;
    readonly deadlines: LeaseDeadlines;
    readonly retryUs: number;
    readonly port: ExpiryPort;
  }) {
    this.#raftView = given.raft;
    this.#deadlines = given.deadlines;
    this.#retryUs = given.retryUs;
    this.#port = given.port;
  }

  /**
   * When `settle` has something to do even if nothing arrives.
   *
   * @param appliedTerm of the last entry applied here
   */
  dueUs(appliedTerm: Term): number {
    return this.#mayPropose(appliedTerm) ? Math.max(this.#deadlines.dueUs, this.#notBeforeUs) : Infinity;
  }

  /** A command of this member was applied. @returns whether it was the one under way */
  applied(seq: number): boolean {
    if (this.#underWay?.seq !== seq) return false;
    this.#underWay = undefined;
    return true;
  }

  settle(nowUs: number, applied: { readonly index: number; readonly term: Term }): void {
    if (this.dueUs(applied.term) > nowUs) return;
    const againUs = nowUs + this.#retryUs;
    const ids = this.#takeOverdue(nowUs, againUs);
    if (ids.length === 0) return;
    const { term } = this.#raftView;
    const leaseExpire = { ids, term, appliedIndex: applied.index };
    const { seq, bytes } = this.#port.encode({ ...emptyBody, leaseExpire });
    const refusal = this.#port.propose(bytes);
    if (refusal === undefined) this.#underWay = { seq, term };
    else this.#notBeforeUs = againUs;
  }

  passState(form: StateForm): void {
    this.#underWay = form.optional('underWay', this.#underWay, { seq: 0, term: 0 }, (fields, entry) => ({
      seq: fields.number('seq', entry.seq),
      term: fields.number('term', entry.term),
    }));
    this.#notBeforeUs = form.number('notBeforeUs', this.#notBeforeUs);
  }

  #mayPropose(appliedTerm: Term): boolean {
    const { role, term } = this.#raftView;
    if (role !== 'leader' || appliedTerm !== term) return false;
    return this.#underWay === undefined || this.#underWay.term !== term;
  }

  /** As many as come with few enough keys, at least one. They come up again at `againUs`, unless they have gone by then. */
  #takeOverdue(nowUs: number, againUs: number): readonly bigint[] {
    const ids: bigint[] = [];
    let keys = 0;
    while (ids.length < expiryIdsMax) {
      const lease = this.#deadlines.nextOverdue(nowUs);
      if (lease === undefined) break;
      keys += this.#port.countKeys(lease, expiryKeysMax + 1);
      if (keys > expiryKeysMax && ids.length > 0) break;
      ids.push(lease.id);
      this.#deadlines.putOff(againUs);
    }
    return ids;
  }
}
