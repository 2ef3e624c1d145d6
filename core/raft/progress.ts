import { assert } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';
import { type LogIndex, type RaftOptions } from './types.ts';

/**
 * What a leader knows of one member of its group.
 *
 * - `probe`: where the logs agree is unknown; one append is on its way at a time.
 * - `replicate`: they agree up to `next − 1` unless a message was lost; appends are pipelined within the window.
 * - `snapshot`: the member needs what the log no longer holds; nothing is appended until the stream has ended.
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';
const progressStates: readonly ProgressState[] = ['probe', 'replicate', 'snapshot'];

export class Progress {
  /** Highest index known durable on the member and equal to ours. Falls only when the member has started anew. */
  match: LogIndex = 0;
  /** The first index to send. Invariant: next > match. */
  next: LogIndex;
  state: ProgressState = 'probe';
  /** A probe is on its way; unset by any answer. */
  probing = false;
  /** An append must go out though there is nothing new in it: the last ones may be lost. */
  pingDue = false;
  /** Heard of since the last quorum check. */
  active = false;
  /** When this leader last heard of it. */
  heardUs = -Infinity;
  /** The member's start that `match` belongs to; 0: not heard of yet. */
  boot = 0;
  /** Newest read round that it has confirmed. */
  readSeq = 0;
  /** Until then, by the leader's clock, it surely votes for nobody (see lease.ts). */
  leaseUntilUs = -Infinity;
  /** When an unanswered append was last repeated or asked after, and `match` then. */
  nudgedUs = -Infinity;
  nudgedMatch: LogIndex = 0;
  /** Newest commit index that it was sent while `replicate`. */
  sentCommit: LogIndex = 0;
  /** Where probing starts once the snapshot has been sent. */
  snapshotIndex: LogIndex = 0;
  /** Newest batch of forwarded proposals taken from it, and the boot that numbers them. */
  forwardBoot = 0;
  forwardSeq = 0;
  /** Quorum checks left for which a member that was removed is still served, so that it learns of it. 0: not leaving. */
  farewells = 0;
  readonly window: InflightWindow;

  constructor(next: LogIndex, options: RaftOptions) {
    this.next = next;
    this.window = new InflightWindow(options.inflightAppendsMax, options.inflightBytesMax);
  }

  becomeProbe(next: LogIndex): void {
    assert(next > this.match, 'what is known to match is not probed again');
    this.state = 'probe';
    this.next = next;
    this.probing = false;
    this.pingDue = false;
    this.window.clear();
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.next = this.match + 1;
    this.probing = false;
    this.pingDue = false;
    this.sentCommit = 0;
    this.window.clear();
  }

  becomeSnapshot(snapshotIndex: LogIndex): void {
    this.state = 'snapshot';
    this.snapshotIndex = snapshotIndex;
    this.probing = false;
    this.pingDue = false;
    this.window.clear();
  }

  /** The member holds everything up to `index` durably. Returns whether that was news; a stale answer is none. */
  accept(index: LogIndex): boolean {
    this.window.freeTo(index);
    const news = index > this.match;
    if (news) this.match = index;
    this.next = Math.max(this.next, index + 1);
    return news;
  }

  /**
   * The member's log did not match at `rejectedIndex`; at best it does at `hintIndex`. Returns false for a stale answer:
   * one that contradicts `match`, or that answers another probe than the last.
   */
  reject(rejectedIndex: LogIndex, hintIndex: LogIndex): boolean {
    if (rejectedIndex <= this.match) return false;
    if (this.state === 'replicate') {
      this.becomeProbe(Math.max(this.match, Math.min(rejectedIndex - 1, hintIndex)) + 1);
      return true;
    }
    if (this.state !== 'probe' || this.next - 1 !== rejectedIndex) return false;
    this.next = Math.max(Math.min(rejectedIndex, hintIndex + 1), this.match + 1);
    this.probing = false;
    return true;
  }

  /** The member has started anew and may hold less than it had acknowledged: nothing is known any more. */
  restart(boot: number, lastIndex: LogIndex | undefined): void {
    assert(boot > this.boot, 'a member starts under a higher number each time');
    this.boot = boot;
    this.match = 0;
    this.readSeq = 0;
    if (this.state !== 'snapshot') {
      this.becomeProbe(lastIndex === undefined ? this.next : Math.max(1, Math.min(this.next, lastIndex + 1)));
    }
  }

  passState(form: StateForm): void {
    this.match = form.number('match', this.match);
    this.next = form.number('next', this.next);
    this.state = form.choice('state', this.state, progressStates);
    this.probing = form.flag('probing', this.probing);
    this.pingDue = form.flag('pingDue', this.pingDue);
    this.active = form.flag('active', this.active);
    this.heardUs = form.number('heardUs', this.heardUs);
    this.boot = form.number('boot', this.boot);
    this.readSeq = form.number('readSeq', this.readSeq);
    this.leaseUntilUs = form.number('leaseUntilUs', this.leaseUntilUs);
    this.nudgedUs = form.number('nudgedUs', this.nudgedUs);
    this.nudgedMatch = form.number('nudgedMatch', this.nudgedMatch);
    this.sentCommit = form.number('sentCommit', this.sentCommit);
    this.snapshotIndex = form.number('snapshotIndex', this.snapshotIndex);
    this.forwardBoot = form.number('forwardBoot', this.forwardBoot);
    this.forwardSeq = form.number('forwardSeq', this.forwardSeq);
    this.farewells = form.number('farewells', this.farewells);
    form.part('window', this.window);
  }
}

/** Appends that are on their way to a member, oldest first; bounded by count and by bytes. */
export class InflightWindow {
  readonly #appendsMax: number;
  readonly #bytesMax: number;
  readonly #lastIndexes: number[] = [];
  readonly #bytes: number[] = [];
  #head = 0;
  #count = 0;
  #bytesTotal = 0;

  constructor(appendsMax: number, bytesMax: number) {
    assert(appendsMax > 0 && bytesMax > 0, 'a window lets something through');
    this.#appendsMax = appendsMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytesTotal;
  }

  /** An append may exceed the bytes if it is the only one: an entry can be larger than the window. */
  get full(): boolean {
    return this.#count >= this.#appendsMax || this.#bytesTotal >= this.#bytesMax;
  }

  add(lastIndex: LogIndex, bytes: number): void {
    assert(!this.full, 'an append is sent only through an open window');
    const at = (this.#head + this.#count) % this.#appendsMax;
    this.#lastIndexes[at] = lastIndex;
    this.#bytes[at] = bytes;
    this.#count += 1;
    this.#bytesTotal += bytes;
  }

  /** Appends that end at or below `index` have arrived. */
  freeTo(index: LogIndex): void {
    while (this.#count > 0 && (this.#lastIndexes[this.#head] as number) <= index) {
      this.#bytesTotal -= this.#bytes[this.#head] as number;
      this.#head = (this.#head + 1) % this.#appendsMax;
      this.#count -= 1;
    }
  }

  clear(): void {
    this.#head = 0;
    this.#count = 0;
    this.#bytesTotal = 0;
  }

  passState(form: StateForm): void {
    const appends = Array.from({ length: this.#count }, (_, offset) => {
      const at = (this.#head + offset) % this.#appendsMax;
      return { lastIndex: this.#lastIndexes[at] as number, bytes: this.#bytes[at] as number };
    });
    const passed = form.list('appends', appends, { lastIndex: 0, bytes: 0 }, (row, append) => ({
      lastIndex: row.number('lastIndex', append.lastIndex),
      bytes: row.number('bytes', append.bytes),
    }));
    if (!form.restores) return;
    this.clear();
    for (const { lastIndex, bytes } of passed) this.add(lastIndex, bytes);
  }
}
