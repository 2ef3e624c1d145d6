import { type Partition } from './partition.ts';
import { type ReplicationSettings } from './settings.ts';

/**
 * Turns at the logs' upkeep: retention, compaction and the like. Each partition has its turn once an interval, and again soon
 * while there is more to do; only so many have theirs in one step.
 */
export class Upkeep {
  readonly #settings: Pick<
    ReplicationSettings,
    'retentionIntervalUs' | 'upkeepPauseUs' | 'upkeepPartitionsMax'
  >;
  /** Whose turn is next comes first; a turn ends at the back. */
  readonly #queue = new Set<Partition>();
  /** Those whose last turn did not come to an end, likewise. */
  readonly #unfinished = new Set<Partition>();
  /** Undefined until the clock was read once: nothing is too old before. */
  #wallMs: number | undefined;
  #wallReadUs = 0;
  #deadlineUs = 0;

  constructor(settings: ReplicationSettings) {
    this.#settings = settings;
  }

  get deadlineUs(): number {
    return this.#wallMs === undefined || this.#queue.size === 0 ? Infinity : this.#deadlineUs;
  }

  add(partition: Partition): void {
    this.#queue.add(partition);
    // When the next turn is due is found out at the next tick.
    this.#deadlineUs = 0;
  }

  remove(partition: Partition): void {
    this.#queue.delete(partition);
    this.#unfinished.delete(partition);
  }

  /** What a turn had written is on the disk: where it waited for that, it goes on. */
  synced(partition: Partition, nowUs: number): void {
    if (!partition.log.hasMoreUpkeep || !this.#queue.has(partition)) return;
    this.#unfinished.add(partition);
    this.#deadlineUs = Math.min(this.#deadlineUs, nowUs + this.#settings.upkeepPauseUs);
  }

  wallClock(wallMs: number, nowUs: number): void {
    this.#wallMs = wallMs;
    this.#wallReadUs = nowUs;
    this.tick(nowUs);
  }

  tick(nowUs: number): void {
    if (this.#wallMs === undefined || nowUs < this.#deadlineUs) return;
    const wallMs = this.#wallMs + Math.floor((nowUs - this.#wallReadUs) / 1_000);
    const due = [...this.#unfinished];
    for (const partition of this.#queue) {
      if (due.length >= this.#settings.upkeepPartitionsMax) break;
      if (partition.upkeptUs + this.#settings.retentionIntervalUs > nowUs) break;
      if (!this.#unfinished.has(partition)) due.push(partition);
    }
    for (const partition of due.slice(0, this.#settings.upkeepPartitionsMax)) {
      this.#turn(partition, wallMs, nowUs);
    }
    this.#deadlineUs = this.#nextUs(nowUs);
  }

  #turn(partition: Partition, wallMs: number, nowUs: number): void {
    this.#queue.delete(partition);
    this.#queue.add(partition);
    this.#unfinished.delete(partition);
    partition.upkeptUs = nowUs;
    if (partition.upkeep(wallMs)) this.#unfinished.add(partition);
  }

  #nextUs(nowUs: number): number {
    const soonUs = nowUs + this.#settings.upkeepPauseUs;
    if (this.#unfinished.size > 0) return soonUs;
    for (const { upkeptUs } of this.#queue) {
      return Math.max(upkeptUs + this.#settings.retentionIntervalUs, soonUs);
    }
    return Infinity;
  }
}
