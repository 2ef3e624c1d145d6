import { expect, test } from 'vitest';
import { nodeId } from '../../../core/base/ids.ts';
import { SnapshotHolds } from '../../../core/raft/snapshot-holds.ts';

const two = nodeId(2);
const three = nodeId(3);

test('the log is held behind a snapshot until it has arrived, and as long again', () => {
  const holds = new SnapshotHolds(100);
  expect(holds.cutMax(0)).toBe(Infinity);
  holds.begun(two, 50, 1_000);
  expect(holds.cutMax(9_000_000)).toBe(50);
  holds.sent(two, 3_000);
  expect([holds.cutMax(4_999), holds.cutMax(5_000)]).toEqual([50, Infinity]);
});

test('a quick snapshot leaves the least time there is', () => {
  const holds = new SnapshotHolds(100);
  holds.begun(two, 50, 0);
  holds.sent(two, 1);
  expect([holds.cutMax(100), holds.cutMax(101)]).toEqual([50, Infinity]);
});

test('the peer that is furthest behind decides; a stream that breaks holds nothing', () => {
  const holds = new SnapshotHolds(100);
  holds.begun(two, 50, 0);
  holds.begun(three, 40, 0);
  expect(holds.cutMax(1)).toBe(40);
  holds.failed(three);
  expect(holds.cutMax(1)).toBe(50);
  holds.begun(two, 60, 2);
  expect(holds.cutMax(3)).toBe(60);
});
