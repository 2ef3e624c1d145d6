import { type NodeEpoch, type NodeName, type Revision } from '../types.ts';
import { type Batch } from './batch.ts';
import { type Desk } from './desk.ts';
import { type Memory } from './memory.ts';
import { type DeletedRow, placesOf, type VmRow } from './rows.ts';

/** An agent that waits for something new to be wanted of its node. */
export interface DesiredWatch {
  readonly requestId: number;
  readonly node: NodeName;
  readonly epoch: NodeEpoch;
  readonly fromRevision: Revision;
  readonly untilUs: number;
}

/** Who waits for what is wanted of a node to change, and when it last did. */
export class DesiredWatches {
  readonly #desk: Desk;
  readonly #memory: Memory;
  /** When what is wanted of anything was last unknown: a change since may be as old as that. */
  readonly #fromRevision: Revision;
  readonly #changed = new Map<NodeName, Revision>();
  /** By request. At most `pollsMax`: the owner counts. */
  readonly #waiting = new Map<number, DesiredWatch>();
  /** Nothing is due before; at times too early, never too late. */
  #wakeUs = Infinity;

  constructor(desk: Desk, memory: Memory, revision: Revision) {
    this.#desk = desk;
    this.#memory = memory;
    this.#fromRevision = revision;
  }

  get deadlineUs(): number {
    return this.#wakeUs;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @returns whether there is something new already */
  wait(watch: DesiredWatch): boolean {
    if (this.#isNews(watch)) return true;
    this.#waiting.set(watch.requestId, watch);
    this.#wakeUs = Math.min(this.#wakeUs, watch.untilUs);
    return false;
  }

  cancel(requestId: number): void {
    this.#waiting.delete(requestId);
  }

  /** Before the batch is part of what is committed. */
  onCommitting(batch: Batch): void {
    const { committed } = this.#memory;
    for (const { table, key, row } of batch.rows) {
      if (table === 'vms') this.#onVm(committed.vms.get(key), row as VmRow | undefined, batch.revision);
      if (table === 'deleted') {
        const after = row as DeletedRow | undefined;
        for (const place of [...(committed.deleted.get(key)?.remains ?? []), ...(after?.remains ?? [])]) {
          this.#changed.set(place.node, batch.revision);
        }
      }
    }
  }

  /** @returns those for whom there is something, or whose time is over, in the order in which they came */
  takeDue(): readonly DesiredWatch[] {
    const due: DesiredWatch[] = [];
    this.#wakeUs = Infinity;
    for (const watch of this.#waiting.values()) {
      const row = this.#memory.working.nodes.get(watch.node);
      const isStale = row?.epoch !== watch.epoch || row.lost !== undefined;
      if (isStale || this.#desk.nowUs >= watch.untilUs || this.#isNews(watch)) due.push(watch);
      else this.#wakeUs = Math.min(this.#wakeUs, watch.untilUs);
    }
    for (const { requestId } of due) this.#waiting.delete(requestId);
    return due;
  }

  #isNews({ node, fromRevision }: DesiredWatch): boolean {
    return (this.#changed.get(node) ?? this.#fromRevision) > fromRevision;
  }

  #onVm(before: VmRow | undefined, after: VmRow | undefined, revision: Revision): void {
    // What was told of it alone is news to nobody.
    const isNews =
      before?.generation !== after?.generation ||
      before?.remains.length !== after?.remains.length ||
      before?.counts !== after?.counts;
    if (!isNews) return;
    for (const row of [before, after]) {
      for (const place of row === undefined ? [] : placesOf(row)) this.#changed.set(place.node, revision);
    }
  }
}
