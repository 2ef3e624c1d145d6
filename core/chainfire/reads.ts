import { assert } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';
import { type MemberRequest } from './member-protocol.ts';

/** A request that is answered from this member's state, once that is new enough. */
export interface PendingRead {
  readonly requestId: number;
  readonly request: MemberRequest;
  readonly deadlineUs: number;
}

interface Batch {
  readonly index: number;
  readonly reads: readonly PendingRead[];
}

interface Asked {
  readonly context: number;
  readonly askedUs: number;
  readonly reads: readonly PendingRead[];
}

/** Answers that nobody wants any more are kept in the queues up to this many above the number that somebody wants. */
const deadMax = 1_024;

/**
 * Reads on their way (Raft dissertation §6.4).
 *
 * A linearizable read needs the commit index of a moment after its arrival, confirmed by the leader. Reads gather while one
 * question is under way, and the next question asks for all of them; a question that is lost or refused is asked again,
 * which costs nothing but time. Then reads wait until their index is applied here. Bounded by its owner.
 */
export class Reads {
  readonly #retryUs: number;
  /** Those that still want an answer, by request, in order of arrival. */
  readonly #alive = new Map<number, PendingRead>();
  #gathering: PendingRead[] = [];
  #asked: Asked | undefined;
  /** Not before this time is the next question asked, unless a leader shows up. */
  #retryAtUs = 0;
  #context = 0;
  /** Confirmed, waiting to be applied. */
  #confirmed: Batch[] = [];
  /** Applied far enough for their answer, from #readyHead on. */
  #ready: PendingRead[] = [];
  #readyHead = 0;
  /** Reads in the queues that are not alive, at most. */
  #dead = 0;

  /** @param retryUs how long a question may stay without an answer */
  constructor(retryUs: number) {
    this.#retryUs = retryUs;
  }

  get size(): number {
    return this.#alive.size;
  }

  /** Reads in the queues, those included that nobody wants any more. */
  get held(): number {
    let held = this.#gathering.length + (this.#asked?.reads.length ?? 0);
    held += this.#ready.length - this.#readyHead;
    for (const { reads } of this.#confirmed) held += reads.length;
    return held;
  }

  /** Waits for the leader's word. */
  addLinearizable(read: PendingRead): void {
    this.#alive.set(read.requestId, read);
    this.#gathering.push(read);
  }

  /** Waits for an index that is known to be committed. */
  addAtIndex(read: PendingRead, index: number): void {
    this.#alive.set(read.requestId, read);
    this.#confirmed.push({ index, reads: [read] });
  }

  cancel(requestId: number): void {
    if (this.#alive.delete(requestId)) this.#bury(1);
  }

  /** The next question's context, when one is due; the caller puts it to Raft. */
  ask(nowUs: number): number | undefined {
    if (this.#asked !== undefined && nowUs >= this.#asked.askedUs + this.#retryUs) this.#askAgain();
    if (this.#asked !== undefined || nowUs < this.#retryAtUs) return undefined;
    const reads = this.#gathering.filter((read) => this.#isAlive(read));
    this.#gathering = [];
    if (reads.length === 0) return undefined;
    this.#context += 1;
    this.#asked = { context: this.#context, askedUs: nowUs, reads };
    return this.#context;
  }

  confirmed(context: number, index: number): void {
    // An answer to a question that was asked again since: its reads are part of the newer one.
    if (this.#asked?.context !== context) return;
    this.#confirmed.push({ index, reads: this.#asked.reads });
    this.#asked = undefined;
  }

  refused(context: number, nowUs: number): void {
    if (this.#asked?.context !== context) return;
    this.#askAgain();
    this.#retryAtUs = nowUs + this.#retryUs;
  }

  /** The leader is another: what the old one was asked may never be answered. */
  leaderFound(): void {
    this.#retryAtUs = 0;
    if (this.#asked !== undefined) this.#askAgain();
  }

  /** Whether `takeReady` has something to look at. */
  hasReady(appliedIndex: number): boolean {
    return this.#ready.length > 0 || this.#confirmed.some(({ index }) => index <= appliedIndex);
  }

  /** Takes out the next read that the applied index suffices for. The others may still be cancelled, or expire. */
  takeReady(appliedIndex: number): PendingRead | undefined {
    this.#gatherReady(appliedIndex);
    while (this.#readyHead < this.#ready.length) {
      const read = this.#ready[this.#readyHead];
      this.#readyHead += 1;
      if (read === undefined || !this.#isAlive(read)) continue;
      this.#alive.delete(read.requestId);
      return read;
    }
    if (this.#ready.length > 0) this.#ready = [];
    this.#readyHead = 0;
    return undefined;
  }

  #gatherReady(appliedIndex: number): void {
    if (this.#confirmed.length === 0) return;
    const waiting: Batch[] = [];
    for (const batch of this.#confirmed) {
      if (batch.index > appliedIndex) waiting.push(batch);
      else for (const read of batch.reads) this.#ready.push(read);
    }
    if (waiting.length < this.#confirmed.length) this.#confirmed = waiting;
  }

  /** Takes out those that have waited too long. */
  expired(nowUs: number): readonly PendingRead[] {
    const expired: PendingRead[] = [];
    for (const read of this.#alive.values()) {
      if (read.deadlineUs > nowUs) break;
      expired.push(read);
    }
    for (const read of expired) this.#alive.delete(read.requestId);
    this.#bury(expired.length);
    return expired;
  }

  /** Deadline of the oldest; not for every step, see `Proposals`. */
  earliestDeadlineUs(): number {
    for (const read of this.#alive.values()) return read.deadlineUs;
    return Infinity;
  }

  /** When `ask` has something to do even if nothing arrives. */
  get askUs(): number {
    if (this.#asked !== undefined) return this.#asked.askedUs + this.#retryUs;
    return this.#gathering.length === 0 ? Infinity : this.#retryAtUs;
  }

  /** A read stands in several places, and is looked for by what it is. */
  passState(form: StateForm): void {
    const { each } = form.links('known', blankRead, passRead);
    const alive = form.list('alive', this.#alive.values(), blankRead, each);
    if (form.restores) {
      this.#alive.clear();
      for (const read of alive) this.#alive.set(read.requestId, read);
    }
    this.#gathering = form.list('gathering', this.#gathering, blankRead, each);
    this.#asked = form.optional(
      'asked',
      this.#asked,
      { context: 0, askedUs: 0, reads: [] },
      (fields, asked) => ({
        context: fields.number('context', asked.context),
        askedUs: fields.number('askedUs', asked.askedUs),
        reads: fields.list('reads', asked.reads, blankRead, each),
      }),
    );
    this.#retryAtUs = form.number('retryAtUs', this.#retryAtUs);
    this.#context = form.number('context', this.#context);
    this.#confirmed = form.list('confirmed', this.#confirmed, { index: 0, reads: [] }, (row, batch) => ({
      index: row.number('index', batch.index),
      reads: row.list('reads', batch.reads, blankRead, each),
    }));
    this.#ready = form.list('ready', this.#ready, blankRead, each);
    this.#readyHead = form.number('readyHead', this.#readyHead);
    this.#dead = form.number('dead', this.#dead);
  }

  #askAgain(): void {
    assert(this.#asked !== undefined, 'a question is under way');
    this.#gathering = [...this.#asked.reads, ...this.#gathering];
    this.#asked = undefined;
  }

  /** Sweeps the queues once enough of them is dead: a cluster without a leader must not gather what its clients gave up. */
  #bury(count: number): void {
    this.#dead += count;
    if (this.#dead <= this.#alive.size + deadMax) return;
    this.#dead = 0;
    const alive = (read: PendingRead): boolean => this.#isAlive(read);
    this.#gathering = this.#gathering.filter(alive);
    this.#ready = this.#ready.slice(this.#readyHead).filter(alive);
    this.#readyHead = 0;
    this.#confirmed = this.#confirmed
      .map(({ index, reads }) => ({ index, reads: reads.filter(alive) }))
      .filter(({ reads }) => reads.length > 0);
  }

  #isAlive(read: PendingRead): boolean {
    return this.#alive.get(read.requestId) === read;
  }
}

const blankRead: PendingRead = { requestId: 0, request: { kind: 'status', request: {} }, deadlineUs: 0 };

function passRead(form: StateForm, read: PendingRead): PendingRead {
  return {
    requestId: form.number('requestId', read.requestId),
    request: form.data('request', read.request),
    deadlineUs: form.number('deadlineUs', read.deadlineUs),
  };
}
