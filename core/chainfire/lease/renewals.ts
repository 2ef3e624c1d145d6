import { noBytes } from '../../base/bytes.ts';
import { type StateForm } from '../../base/capture.ts';
import { type RaftRefusal } from '../../raft/types.ts';
import { type CommandBody, emptyBody } from '../command.ts';

/** A client that waits for its lease to be renewed. */
export interface KeepAlive {
  readonly requestId: number;
  readonly id: bigint;
  readonly deadlineUs: number;
}

/** What is done by one entry of the log. */
interface Batch {
  readonly seq: number;
  readonly bytes: Uint8Array;
  readonly waiting: readonly KeepAlive[];
  /** Raft has taken it or passed it on: it may be done, now or later. */
  isHanded: boolean;
}

export interface RenewalsPort {
  /** A command under the next number of this member. */
  encode(body: CommandBody): { readonly seq: number; readonly bytes: Uint8Array };
  /** Gives it to Raft. @returns why it was not taken */
  propose(bytes: Uint8Array): RaftRefusal | undefined;
}

/** Leases that one entry renews, at most: applying it holds up everything else. */
export const renewalIdsMax = 1_000;

/**
 * Keepalives on their way through the log. Those that come while an entry of this member is under way gather, and the next
 * entry renews for all of them; so a storm of keepalives makes no more entries than the log has round trips.
 *
 * Renewing twice does no harm: an entry of which nothing is heard is proposed again, the same one, so that whichever copy is
 * applied first answers. A copy that comes late prolongs the lease once more, by no more than the time for which somebody
 * still waited for it. Bounded by its owner.
 */
export class Renewals {
  readonly #retryUs: number;
  readonly #port: RenewalsPort;
  /** Those that still want an answer, by request, in order of arrival. */
  readonly #alive = new Map<number, KeepAlive>();
  #gathering: KeepAlive[] = [];
  #underWay: Batch | undefined;
  /** When what is under way is proposed again. */
  #againUs = Infinity;

  /** @param retryUs how long an entry may stay unheard of */
  constructor(retryUs: number, port: RenewalsPort) {
    this.#retryUs = retryUs;
    this.#port = port;
  }

  get size(): number {
    return this.#alive.size;
  }

  /** When `settle` has something to do even if nothing arrives. */
  get dueUs(): number {
    return this.#underWay === undefined ? Infinity : this.#againUs;
  }

  add(keepAlive: KeepAlive): void {
    this.#alive.set(keepAlive.requestId, keepAlive);
    this.#gathering.push(keepAlive);
  }

  cancel(requestId: number): void {
    this.#alive.delete(requestId);
  }

  /** Takes out those that have waited too long; those that are no part of an entry yet are surely not done. */
  expired(nowUs: number): readonly { readonly requestId: number; readonly mayBeDone: boolean }[] {
    const expired: KeepAlive[] = [];
    for (const keepAlive of this.#alive.values()) {
      if (keepAlive.deadlineUs > nowUs) break;
      expired.push(keepAlive);
    }
    if (expired.length === 0) return [];
    for (const { requestId } of expired) this.#alive.delete(requestId);
    const handed = new Set(this.#underWay?.isHanded === true ? this.#underWay.waiting : []);
    return expired.map((keepAlive) => ({
      requestId: keepAlive.requestId,
      mayBeDone: handed.has(keepAlive),
    }));
  }

  /** Deadline of the oldest; not for every step, see `Proposals`. */
  earliestDeadlineUs(): number {
    for (const { deadlineUs } of this.#alive.values()) return deadlineUs;
    return Infinity;
  }

  /** There is a leader again, or another: what the old one was told may be lost. */
  leaderFound(): void {
    if (this.#underWay !== undefined) this.#againUs = 0;
  }

  /** Takes out those that the applied command has renewed for; undefined when it was none of these. */
  takeApplied(seq: number): readonly KeepAlive[] | undefined {
    if (this.#underWay?.seq !== seq) return undefined;
    const renewed = this.#underWay.waiting.filter((keepAlive) => this.#isAlive(keepAlive));
    for (const { requestId } of renewed) this.#alive.delete(requestId);
    this.#underWay = undefined;
    return renewed;
  }

  /** Proposes what has gathered, when nothing is under way, or again what has been for too long. */
  settle(nowUs: number): void {
    if (this.#underWay !== undefined) {
      if (nowUs < this.#againUs) return;
      if (this.#underWay.waiting.some((keepAlive) => this.#isAlive(keepAlive))) {
        return this.#propose(this.#underWay, nowUs);
      }
      this.#underWay = undefined;
    }
    if (this.#gathering.length === 0) return;
    const batch = this.#nextBatch();
    if (batch !== undefined) this.#propose(batch, nowUs);
  }

  /** A keepalive stands in several places, and is looked for by what it is. */
  passState(form: StateForm): void {
    const { each } = form.links('known', blankKeepAlive, passKeepAlive);
    const alive = form.list('alive', this.#alive.values(), blankKeepAlive, each);
    if (form.restores) {
      this.#alive.clear();
      for (const keepAlive of alive) this.#alive.set(keepAlive.requestId, keepAlive);
    }
    this.#gathering = form.list('gathering', this.#gathering, blankKeepAlive, each);
    const blank: Batch = { seq: 0, bytes: noBytes, waiting: [], isHanded: false };
    this.#underWay = form.optional('underWay', this.#underWay, blank, (fields, batch) => ({
      seq: fields.number('seq', batch.seq),
      bytes: fields.bytes('bytes', batch.bytes),
      waiting: fields.list('waiting', batch.waiting, blankKeepAlive, each),
      isHanded: fields.flag('isHanded', batch.isHanded),
    }));
    this.#againUs = form.number('againUs', this.#againUs);
  }

  #propose(batch: Batch, nowUs: number): void {
    this.#underWay = batch;
    this.#againUs = nowUs + this.#retryUs;
    // Refused or passed on and lost: it is said again, as long as somebody waits.
    const refusal = this.#port.propose(batch.bytes);
    if (refusal === undefined) batch.isHanded = true;
  }

  #nextBatch(): Batch | undefined {
    const waiting: KeepAlive[] = [];
    const ids = new Set<bigint>();
    let looked = 0;
    for (const keepAlive of this.#gathering) {
      if (ids.size === renewalIdsMax) break;
      looked += 1;
      if (!this.#isAlive(keepAlive)) continue;
      waiting.push(keepAlive);
      ids.add(keepAlive.id);
    }
    this.#gathering = this.#gathering.slice(looked);
    if (waiting.length === 0) return undefined;
    const { seq, bytes } = this.#port.encode({ ...emptyBody, leaseRenew: { ids: [...ids] } });
    return { seq, bytes, waiting, isHanded: false };
  }

  #isAlive(keepAlive: KeepAlive): boolean {
    return this.#alive.get(keepAlive.requestId) === keepAlive;
  }
}

const blankKeepAlive: KeepAlive = { requestId: 0, id: 0n, deadlineUs: 0 };

function passKeepAlive(form: StateForm, keepAlive: KeepAlive): KeepAlive {
  return {
    requestId: form.number('requestId', keepAlive.requestId),
    id: form.big('id', keepAlive.id),
    deadlineUs: form.number('deadlineUs', keepAlive.deadlineUs),
  };
}
