import { assert } from '../../base/assert.ts';
import { type Links, type StateForm } from '../../base/capture.ts';
import { Heap } from '../../base/heap.ts';
import { usPerSecond } from '../../base/units.ts';
import { blankLease, type Lease, type LeaseTable } from './lease-table.ts';

interface Item {
  /** When the lease is to be looked at: at its deadline, or at an earlier one that has moved on since. */
  readonly dueUs: number;
  readonly lease: Lease;
}

/** Leases that are no more stay in the heap up to this many above the number of those that are. */
const deadMax = 1_024;

/**
 * When leases are overdue by this member's monotonic clock: the time at which it applied the grant or the last renewal (or
 * started, or installed a snapshot), plus the time to live, plus what its clock may be fast over that time. So no lease is
 * found overdue before its time to live has passed since the client sent what was acknowledged last.
 *
 * Every member counts; only a leader acts on it. Each lease has one item in the heap: a renewal moves the lease's deadline
 * alone, and the item follows when it comes up.
 */
export class LeaseDeadlines {
  readonly #table: LeaseTable;
  readonly #clockDriftPpmMax: number;
  #heap = newHeap();

  constructor(table: LeaseTable, clockDriftPpmMax: number) {
    this.#table = table;
    this.#clockDriftPpmMax = clockDriftPpmMax;
  }

  /** Begins the time to live anew of what the table says was granted or renewed. */
  restart(nowUs: number): void {
    for (const lease of this.#table.takeRenewed()) {
      const isNew = lease.deadlineUs === Infinity;
      // The drift over a time to live of whole seconds, in millionths, is a whole number of µs.
      const lastsUs = lease.ttlSeconds * usPerSecond + lease.ttlSeconds * this.#clockDriftPpmMax;
      lease.deadlineUs = Math.min(nowUs + lastsUs, Number.MAX_SAFE_INTEGER);
      if (isNew) this.#heap.push({ dueUs: lease.deadlineUs, lease });
    }
    this.#sweep();
  }

  /** Items in the heap, those of leases that are no more included. */
  get size(): number {
    return this.#heap.size;
  }

  /** Nothing is overdue before; at times too early, never too late. */
  get dueUs(): number {
    return this.#heap.peek()?.dueUs ?? Infinity;
  }

  /** The lease that is overdue for the longest time. The same one again, until it is gone, renewed or put off. */
  nextOverdue(nowUs: number): Lease | undefined {
    for (let item = this.#heap.peek(); item !== undefined; item = this.#heap.peek()) {
      if (item.dueUs > nowUs) return undefined;
      const { lease } = item;
      if (lease.alive && lease.deadlineUs <= nowUs) return lease;
      this.#heap.pop();
      if (lease.alive) this.#heap.push({ dueUs: lease.deadlineUs, lease });
    }
    return undefined;
  }

  /** The lease that `nextOverdue` named comes up again at `againUs`, unless it has gone by then. */
  putOff(againUs: number): void {
    const item = this.#heap.pop();
    assert(item !== undefined && item.dueUs < againUs, 'a lease that is due is put off');
    this.#heap.push({ dueUs: againUs, lease: item.lease });
  }

  /** Whole seconds that are left of a lease; never more than it was granted. */
  remainingSeconds(lease: Lease, nowUs: number): number {
    const leftUs = Math.max(0, lease.deadlineUs - nowUs);
    return Math.min(lease.ttlSeconds, Math.floor(leftUs / usPerSecond));
  }

  passState(form: StateForm, leases: Links<Lease>): void {
    this.#heap.passState(form, { dueUs: 0, lease: blankLease }, (row, { dueUs, lease }) => ({
      dueUs: row.number('dueUs', dueUs),
      lease: leases.pass(row, 'lease', lease),
    }));
  }

  /** Leases that came and went must not gather, however far away their deadlines were. */
  #sweep(): void {
    if (this.#heap.size <= 2 * this.#table.size + deadMax) return;
    this.#heap = newHeap();
    for (const lease of this.#table.leases()) this.#heap.push({ dueUs: lease.deadlineUs, lease });
  }
}

/** Equal times in the order of ids: what was restored from a snapshot names leases in the same order. */
function newHeap(): Heap<Item> {
  return new Heap<Item>((left, right) => {
    if (left.dueUs !== right.dueUs) return left.dueUs - right.dueUs;
    return left.lease.id < right.lease.id ? -1 : left.lease.id > right.lease.id ? 1 : 0;
  });
}
