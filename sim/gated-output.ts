import {
  type CutSegmentsEffect,
  type PersistEffect,
  type RemoveSegmentsEffect,
} from '../core/base/effects.ts';
import { type SimulatedSegments } from './disk/segments.ts';
import { DurabilityAudit, type Gated, OutputGate } from './gate.ts';

/**
 * What one life of a process has to say and to write: appends, sync rounds, and whatever waits for the end of one. A twin of the
 * production runner's (adapters/runner), with the disk's own word on everything that leaves.
 */
export class GatedOutput<Effect extends Gated & { readonly kind: string }> {
  readonly #segments: SimulatedSegments;
  readonly #leave: (effect: Effect) => void;
  readonly #gate: OutputGate<Effect>;
  readonly #audit: DurabilityAudit;
  /** Highest sync number whose appends were made, the one that the sync under way covers, and the last that was reported. */
  #appendedSeq = 0;
  #syncingSeq = 0;
  #syncedSeq = 0;
  #removals: { readonly effect: RemoveSegmentsEffect; readonly afterSyncSeq: number }[] = [];

  constructor(options: {
    readonly segments: SimulatedSegments;
    /** Lets an effect out: what it depends on is durable. */
    readonly leave: (effect: Effect) => void;
    readonly gate?: OutputGate<Effect> | undefined;
  }) {
    this.#segments = options.segments;
    this.#leave = options.leave;
    this.#gate = options.gate ?? new OutputGate();
    this.#audit = new DurabilityAudit(() => this.#segments.durable);
  }

  /** Whatever was written was reported as durable. */
  get settled(): boolean {
    return this.#syncedSeq === this.#appendedSeq;
  }

  /** @throws AppendFailed when the disk does not take it */
  persist(effect: PersistEffect): void {
    for (const { file, bytes } of effect.appends) this.#segments.append(file, bytes);
    this.#audit.persisted(effect.syncSeq, this.#segments.appended);
    this.#appendedSeq = effect.syncSeq;
  }

  cut(effect: CutSegmentsEffect): void {
    for (const { file, lengthBytes } of effect.cuts) this.#segments.cut(file, lengthBytes);
  }

  /** Now, or when the sync that it waits for has been reported. */
  say(effect: Effect): void {
    if (this.#gate.passes(effect)) this.#letOut(effect);
  }

  /** When every earlier append is durable. */
  remove(effect: RemoveSegmentsEffect): void {
    if (this.settled) this.#removeNow(effect);
    else this.#removals.push({ effect, afterSyncSeq: this.#appendedSeq });
  }

  /** To be called before the machine is told of it. */
  synced(syncSeq: number): void {
    this.#syncedSeq = syncSeq;
    this.#syncingSeq = 0;
    for (const effect of this.#gate.synced(syncSeq)) this.#letOut(effect);
    while (this.#removals[0] !== undefined && this.#removals[0].afterSyncSeq <= syncSeq) {
      const removal = this.#removals.shift();
      if (removal !== undefined) this.#removeNow(removal.effect);
    }
  }

  /**
   * Begins a round for everything that was appended, unless one is under way or there is nothing to do.
   *
   * @param onEnd told the sync number that it covered, or why it failed
   * @returns whether one has begun
   */
  beginSync(onEnd: (covers: number, failure: string | undefined) => void): boolean {
    if (this.#syncingSeq !== 0 || this.settled) return false;
    const covers = this.#appendedSeq;
    this.#syncingSeq = covers;
    this.#segments.sync((failure) => {
      onEnd(covers, failure);
    });
    return true;
  }

  #letOut(effect: Effect): void {
    this.#audit.leaves(effect);
    this.#leave(effect);
  }

  #removeNow(effect: RemoveSegmentsEffect): void {
    for (const file of effect.files) this.#segments.remove(file);
  }
}
