import { type Change, type NodeLanes } from '../../evidence/types.ts';

export interface Series {
  readonly name: string;
  readonly changes: readonly Change<number>[];
}

/** What was appended and is not on the platter yet. */
export function pendingBytes(lanes: NodeLanes): readonly Change<number>[] {
  const changes: Change<number>[] = [];
  const { appendedBytes, durableBytes } = lanes;
  let appendedNext = 0;
  let durableNext = 0;
  let appended = 0;
  let durable = 0;
  while (appendedNext < appendedBytes.length || durableNext < durableBytes.length) {
    const one = appendedBytes[appendedNext];
    const other = durableBytes[durableNext];
    const taken = other === undefined || (one !== undefined && one.atUs <= other.atUs) ? one : other;
    if (taken === undefined) break;
    if (taken === one) {
      appended = taken.value;
      appendedNext += 1;
    } else {
      durable = taken.value;
      durableNext += 1;
    }
    const value = Math.max(0, appended - durable);
    const last = changes.at(-1);
    if (last?.atUs === taken.atUs) changes[changes.length - 1] = { ...taken, value };
    else if (last?.value !== value) changes.push({ atUs: taken.atUs, step: taken.step, value });
  }
  return changes;
}
