import { Heap } from '../../base/heap.ts';
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

const idleEndsMax = 1_024;

/** Who waits for what is wanted of a node to change, and when it last did. */
export class DesiredWatches {
  readonly #desk: Desk;
  readonly #memory: Memory;
  /** When what is wanted of anything was last unknown: a change since may be as old as that. */
  readonly #fromRevision: Revision;
  readonly #changed = new Map<NodeName, Revision>();
  /** By request. At most `pollsMax`: the owner counts. */
  readonly #waiting = new Map<number, DesiredWatch>();
  /** The requests of those that wait, by node. */
  readonly #ofNode = new Map<NodeName, Set<number>>();
  /** First those whose time is over first. Some have been answered since: at most half of them, and `idleEndsMax`. */
  #ends = new Heap<DesiredWatch>(byEnd);
  /** Nodes of which something has changed since it was last looked who has news. */
  readonly #touched = new Set<NodeName>();

  constructor(desk: Desk, memory: Memory, revision: Revision) {
    this.#desk = desk;
    this.#memory = memory;
    this.#fromRevision = revision;
  }

  /** At times too early, never too late. */
  get deadlineUs(): number {
    return this.#ends.peek()?.untilUs ?? Infinity;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @returns whether there is something new already */
  wait(watch: DesiredWatch): boolean {
    if (this.#isNews(watch)) return true;
    const { requestId, node } = watch;
    this.#waiting.set(requestId, watch);
    const beside = this.#ofNode.get(node);
    if (beside === undefined) this.#ofNode.set(node, new Set([requestId]));
    else beside.add(requestId);
    this.#ends.push(watch);
    if (this.#ends.size > 2 * this.#waiting.size + idleEndsMax) this.#dropIdleEnds();
    return false;
  }

  cancel(requestId: number): void {
    const watch = this.#waiting.get(requestId);
    if (watch === undefined) return;
    this.#waiting.delete(requestId);
    const beside = this.#ofNode.get(watch.node);
    beside?.delete(requestId);
    if (beside?.size === 0) this.#ofNode.delete(watch.node);
  }

  /** Before the batch is part of what is committed. */
  onCommitting(batch: Batch): void {
    const { committed } = this.#memory;
    for (const { table, key, row } of batch.rows) {
      if (table === 'vms') this.#onVm(committed.vms.get(key), row as VmRow | undefined, batch.revision);
      if (table === 'deleted') {
        const after = row as DeletedRow | undefined;
        for (const place of [...(committed.deleted.get(key)?.remains ?? []), ...(after?.remains ?? [])]) {
          this.#change(place.node, batch.revision);
        }
      }
      // Another epoch may have begun.
      if (table === 'nodes') this.#touched.add(key);
    }
  }

  /** @returns those for whom there is something, or whose time is over, in the order in which they came */
  takeDue(): readonly DesiredWatch[] {
    const due = new Set<number>();
    for (const node of this.#touched) {
      for (const requestId of this.#ofNode.get(node) ?? []) due.add(requestId);
    }
    this.#touched.clear();
    for (let end = this.#ends.peek(); end !== undefined; end = this.#ends.peek()) {
      if (end.untilUs > this.#desk.nowUs) break;
      this.#ends.pop();
      due.add(end.requestId);
    }
    const taken: DesiredWatch[] = [];
    for (const requestId of [...due].sort((left, right) => left - right)) {
      const watch = this.#waiting.get(requestId);
      if (watch === undefined || !this.#isDue(watch)) continue;
      this.cancel(requestId);
      taken.push(watch);
    }
    return taken;
  }

  #isDue(watch: DesiredWatch): boolean {
    const row = this.#memory.working.nodes.get(watch.node);
    const isStale = row?.epoch !== watch.epoch || row.lost !== undefined;
    return isStale || this.#desk.nowUs >= watch.untilUs || this.#isNews(watch);
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
      for (const place of row === undefined ? [] : placesOf(row)) this.#change(place.node, revision);
    }
  }

  #dropIdleEnds(): void {
    this.#ends = new Heap(byEnd);
    for (const watch of this.#waiting.values()) this.#ends.push(watch);
  }

  #change(node: NodeName, revision: Revision): void {
    this.#changed.set(node, revision);
    this.#touched.add(node);
  }
}

function byEnd(left: DesiredWatch, right: DesiredWatch): number {
  return left.untilUs - right.untilUs || left.requestId - right.requestId;
}
