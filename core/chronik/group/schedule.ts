import { Heap } from '../../base/heap.ts';
import { type Group } from './group.ts';
import { type LedPartition } from './led-partition.ts';

interface Appointment {
  readonly deadlineUs: number;
  /** Tells those of one time apart: first made, first kept. */
  readonly seq: number;
  readonly led: LedPartition;
  readonly group: Group;
}

/**
 * When to look at which group. A deadline that moves further away, as a session's does with every heartbeat, costs nothing: the
 * group is looked at when the old one comes, and then says when it wants to be looked at next.
 */
export class GroupSchedule {
  readonly #appointments = new Heap<Appointment>(
    (left, right) => left.deadlineUs - right.deadlineUs || left.seq - right.seq,
  );
  #seq = 0;

  get deadlineUs(): number {
    return this.#appointments.peek()?.deadlineUs ?? Infinity;
  }

  /** The group is to be looked at then, or before. */
  noLaterThan(led: LedPartition, group: Group, deadlineUs: number): void {
    if (deadlineUs >= group.scheduledUs) return;
    group.scheduledUs = deadlineUs;
    this.#appointments.push({ deadlineUs, seq: ++this.#seq, led, group });
  }

  /** A group whose time has come, one after the other; undefined when there is none. */
  takeDue(nowUs: number): { readonly led: LedPartition; readonly group: Group } | undefined {
    for (;;) {
      const first = this.#appointments.peek();
      if (first === undefined || first.deadlineUs > nowUs) return undefined;
      this.#appointments.pop();
      const { led, group, deadlineUs } = first;
      // An earlier one was made after this one, or the group is gone.
      if (group.scheduledUs !== deadlineUs || led.groups.get(group.id) !== group) continue;
      group.scheduledUs = Infinity;
      return { led, group };
    }
  }
}
