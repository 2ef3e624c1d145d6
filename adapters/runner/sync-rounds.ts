import { assert } from '../../core/base/assert.ts';
import { type PersistEffect } from '../../core/base/effects.ts';
import { type SegmentFiles } from '../../core/storage/segment-files.ts';
import { type RunnerCounters, type SyncRound } from './counters.ts';

/**
 * Makes a machine's appends durable, round by round: one is in flight, and what is appended meanwhile is the next. A failed
 * one is never retried.
 */
export class SyncRounds {
  readonly #segments: SegmentFiles;
  readonly #clock: () => number;
  readonly #counters: RunnerCounters;
  readonly #onSync: ((round: SyncRound) => void) | undefined;
  readonly #onEnded: (failure: string | undefined) => void;

  /** Invariant: #reportedSeq ≤ #endedSeq ≤ #syncingSeq ≤ #appendedSeq. They are: reported to the machine, */
  #reportedSeq = 0;
  /** durable, */
  #endedSeq = 0;
  /** covered by the round that is in flight or, when none is, by the last one, */
  #syncingSeq = 0;
  /** and appended. */
  #appendedSeq = 0;
  #startUs = 0;
  #stopped = false;
  /** Of the round in flight, and of what accumulates for the next. */
  #round = { persists: 0, appends: 0, bytes: 0 };
  #nextRound = { persists: 0, appends: 0, bytes: 0 };

  /** @param given.onEnded called when a round has ended; with why, when it has failed */
  constructor(given: {
    readonly segments: SegmentFiles;
    readonly clock: () => number;
    readonly counters: RunnerCounters;
    readonly onSync: ((round: SyncRound) => void) | undefined;
    readonly onEnded: (failure: string | undefined) => void;
  }) {
    this.#segments = given.segments;
    this.#clock = given.clock;
    this.#counters = given.counters;
    this.#onSync = given.onSync;
    this.#onEnded = given.onEnded;
  }

  /** The last sync number that was appended. */
  get appendedSeq(): number {
    return this.#appendedSeq;
  }

  /** The last one that `report` has returned: what waits for one at or below it may leave. */
  get reportedSeq(): number {
    return this.#reportedSeq;
  }

  get isUnderWay(): boolean {
    return this.#syncingSeq > this.#endedSeq;
  }

  append(effect: PersistEffect): void {
    assert(effect.syncSeq > this.#appendedSeq, 'sync numbers rise');
    this.#appendedSeq = effect.syncSeq;
    const round = this.#nextRound;
    round.persists += 1;
    for (const { file, bytes } of effect.appends) {
      this.#segments.append(file, bytes);
      round.appends += 1;
      round.bytes += bytes.length;
    }
  }

  /** Begins a round, if none is in flight and there is something to sync. */
  start(): void {
    if (this.#stopped || this.isUnderWay || this.#appendedSeq === this.#endedSeq) return;
    this.#syncingSeq = this.#appendedSeq;
    this.#startUs = this.#clock();
    const round = this.#round;
    this.#round = this.#nextRound;
    this.#nextRound = round;
    round.persists = round.appends = round.bytes = 0;
    this.#segments.sync(this.#onSyncEnd);
  }

  /** What is durable and was not reported before. */
  report(): number | undefined {
    if (this.#endedSeq === this.#reportedSeq) return undefined;
    this.#reportedSeq = this.#endedSeq;
    return this.#reportedSeq;
  }

  /** Nobody waits any more: a round that is in flight ends unheard. */
  stop(): void {
    this.#stopped = true;
  }

  readonly #onSyncEnd = (failure: string | undefined): void => {
    if (this.#stopped) return;
    if (failure === undefined) {
      this.#endedSeq = this.#syncingSeq;
      this.#count();
    }
    this.#onEnded(failure);
  };

  #count(): void {
    const durationUs = this.#clock() - this.#startUs;
    const { persists, appends, bytes } = this.#round;
    this.#counters.syncs += 1;
    this.#counters.syncUs += durationUs;
    this.#counters.persists += persists;
    this.#counters.appends += appends;
    this.#counters.appendedBytes += bytes;
    this.#onSync?.({ durationUs, persists, appends, bytes });
  }
}
