import { assert } from '../../base/assert.ts';
import { type Links, type Pass, type StateForm } from '../../base/capture.ts';
import { type Credential } from '../auth/protocol.ts';
import { type KeyRange } from '../mvcc/key-range.ts';
import { type WatchEvent } from './event.ts';

/** What a watch wants to hear: together with its keys, all that decides which events it gets and how they look. */
export const wantsPrevious = 1;
export const wantsNoPuts = 2;
export const wantsNoDeletions = 4;
export const wantsCombinations = 8;

/** Where a watch is. */
export type WatchPlace =
  /** At the present: told of every change as it happens. */
  | 'live'
  /** In the past: served from history, in turns. */
  | 'behind'
  /** In the past, and its stream is full: it goes on when that has drained. */
  | 'parked'
  /** Begins at a revision that lies ahead. */
  | 'future'
  | 'ended';

const watchPlaces: readonly WatchPlace[] = ['live', 'behind', 'parked', 'future', 'ended'];

/** The cohort that a watch is in. */
export interface WatchHome {
  /** The first revision that its watches have not been given. */
  readonly cursor: number;
  remove(watch: Watch): void;
}

/** The watches of a cohort that get the same bytes: the same keys, the same wishes. */
export class WatchBucket {
  readonly wants: number;
  readonly watches: Watch[] = [];
  /** What has matched since it was last delivered. */
  events: WatchEvent[] = [];

  constructor(wants: number) {
    this.wants = wants;
  }

  accepts(event: WatchEvent): boolean {
    return (this.wants & (event.isDeletion ? wantsNoDeletions : wantsNoPuts)) === 0;
  }
}

/** One watch of a stream. */
export class Watch {
  readonly stream: WatchStream;
  readonly id: number;
  readonly range: KeyRange;
  readonly wants: number;
  readonly fragment: boolean;
  /** As the client said it, 0 for none: it is told nothing, not even of progress, before that has happened. */
  readonly startRevision: number;
  place: WatchPlace = 'ended';
  /** The first revision that it may lack. Inside a cohort the cohort's cursor counts, when that is further. */
  next: number;
  /** Its cohort while it is live or behind, and its place there. */
  cohort: WatchHome | undefined;
  bucket: WatchBucket | undefined;
  bucketAt = 0;
  /** Its key among those of the future. */
  futureKey = '';
  /** When it was last told anything (µs). */
  toldUs: number;
  /** When to look whether it has been idle for long; of watches that want to know of progress. */
  checkUs = 0;

  constructor(given: {
    readonly stream: WatchStream;
    readonly id: number;
    readonly range: KeyRange;
    readonly wants: number;
    readonly fragment: boolean;
    readonly startRevision: number;
    readonly next: number;
    readonly nowUs: number;
  }) {
    this.stream = given.stream;
    this.id = given.id;
    this.range = given.range;
    this.wants = given.wants;
    this.fragment = given.fragment;
    this.startRevision = given.startRevision;
    this.next = given.next;
    this.toldUs = given.nowUs;
  }
}

/** A client's stream and its watches. */
export class WatchStream {
  readonly id: number;
  readonly requireLeader: boolean;
  readonly by: Credential | undefined;
  /** Whose it was found to be when the last watch was set up; empty: nobody's that is known. */
  user = '';
  readonly watches = new Map<number, Watch>();
  /** Those that wait for the stream to drain, in the order in which they came to wait. */
  readonly parked = new Set<Watch>();
  /** Watches that are not at the present: behind or parked. */
  behindCount = 0;
  /** A question for progress waits until all its watches are at the present. */
  progressWanted = false;
  /** Set when it is full, until half of it has drained: every watch of it gets its turn then, not only the quickest. */
  isFull = false;
  /** Answers to requests that were handed over although it was full. */
  answersBeyond = 0;
  readonly #bytesMax: number;
  #undrainedBytes = 0;
  #lastId = -1;

  constructor(given: {
    readonly id: number;
    readonly requireLeader: boolean;
    readonly by: Credential | undefined;
    readonly bytesMax: number;
  }) {
    this.id = given.id;
    this.requireLeader = given.requireLeader;
    this.by = given.by;
    this.#bytesMax = given.bytesMax;
  }

  get undrainedBytes(): number {
    return this.#undrainedBytes;
  }

  notified(bytes: number): void {
    this.#undrainedBytes += bytes;
    if (this.#undrainedBytes >= this.#bytesMax) this.isFull = true;
  }

  drained(bytes: number): void {
    assert(bytes >= 0 && bytes <= this.#undrainedBytes, 'a stream drains what it was given');
    this.#undrainedBytes -= bytes;
    if (this.#undrainedBytes * 2 > this.#bytesMax) return;
    this.isFull = false;
    this.answersBeyond = 0;
  }

  /** The next number that no watch of the stream has, as etcd counts: from 0 on. */
  chooseWatchId(): number {
    do this.#lastId += 1;
    while (this.watches.has(this.#lastId));
    return this.#lastId;
  }

  /** Without its watches, which refer to it. */
  passState(form: StateForm): void {
    this.user = form.text('user', this.user);
    this.behindCount = form.number('behindCount', this.behindCount);
    this.progressWanted = form.flag('progressWanted', this.progressWanted);
    this.isFull = form.flag('isFull', this.isFull);
    this.answersBeyond = form.number('answersBeyond', this.answersBeyond);
    this.#undrainedBytes = form.number('undrainedBytes', this.#undrainedBytes);
    this.#lastId = form.number('lastId', this.#lastId);
  }
}

export function passStream(bytesMax: number): Pass<WatchStream> {
  return (form, stream) => {
    const id = form.number('id', stream.id);
    const requireLeader = form.flag('requireLeader', stream.requireLeader);
    const by = form.data('by', stream.by);
    const passed = form.restores ? new WatchStream({ id, requireLeader, by, bytesMax }) : stream;
    passed.passState(form);
    return passed;
  };
}

/** Without its cohort: that says who is in it, and in which order. */
export function passWatch(streams: Links<WatchStream>): Pass<Watch> {
  return (form, watch) => {
    const given = {
      stream: streams.pass(form, 'stream', watch.stream),
      id: form.number('id', watch.id),
      range: form.data('range', watch.range),
      wants: form.number('wants', watch.wants),
      fragment: form.flag('fragment', watch.fragment),
      startRevision: form.number('startRevision', watch.startRevision),
      next: form.number('next', watch.next),
      nowUs: form.number('toldUs', watch.toldUs),
    };
    const passed = form.restores ? new Watch(given) : watch;
    passed.place = form.choice('place', watch.place, watchPlaces);
    passed.futureKey = form.text('futureKey', watch.futureKey);
    passed.checkUs = form.number('checkUs', watch.checkUs);
    return passed;
  };
}

/** Stand for a stream and a watch where there is none. */
export const blankStream = new WatchStream({ id: 0, requireLeader: false, by: undefined, bytesMax: 1 });
export const blankWatch = new Watch({
  stream: blankStream,
  id: 0,
  range: { from: '', to: undefined, single: false },
  wants: 0,
  fragment: false,
  startRevision: 0,
  next: 0,
  nowUs: 0,
});
