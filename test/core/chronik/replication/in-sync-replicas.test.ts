import { expect, test } from 'vitest';

import { nodeId } from '../../../../core/base/ids.ts';
import { InSyncReplicas } from '../../../../core/chronik/replication/in-sync-replicas.ts';

const [a, b, c] = [1, 2, 3].map(nodeId) as [
  ReturnType<typeof nodeId>,
  ReturnType<typeof nodeId>,
  ReturnType<typeof nodeId>,
];

test('who is proposed counts beside those that are in sync, until it is known what became of it', () => {
  const isr = new InSyncReplicas([a, b], 5);
  isr.proposed([a, b, c]);
  expect(isr.maximal).toEqual([a, b, c]);
  isr.changed([a, b, c], 6);
  expect(isr).toMatchObject({ committed: [a, b, c], maximal: [a, b, c], isProposed: false });
});

test('who is to leave counts until it has left', () => {
  const isr = new InSyncReplicas([a, b, c], 5);
  isr.proposed([a, b]);
  expect(isr.maximal).toEqual([a, b, c]);
  isr.changed([a, b], 6);
  expect(isr.maximal).toEqual([a, b]);
});

test('a proposal that is refused brings in nobody, and may be made again a little later', () => {
  const isr = new InSyncReplicas([a, b], 5);
  isr.proposed([a, b, c]);
  isr.answered(5, 'refused', 700);
  expect(isr).toMatchObject({ maximal: [a, b], isProposed: false, retryUs: 700 });
});

test('a proposal of unknown fate may still be applied: whom it names counts as long as the partition epoch is the same', () => {
  const isr = new InSyncReplicas([a], 5);
  isr.proposed([a, b]);
  isr.answered(5, 'unknown', 700);
  expect(isr).toMatchObject({ maximal: [a, b], isProposed: false });
  isr.proposed([a, c]);
  expect(isr.maximal).toEqual([a, b, c]);
  isr.answered(5, 'refused', 900);
  expect(isr.maximal).toEqual([a, b, c]);
  isr.changed([a], 6);
  expect(isr.maximal).toEqual([a]);
});

test('an answer to what was proposed before the set changed says nothing any more', () => {
  const isr = new InSyncReplicas([a, b, c], 5);
  isr.proposed([a, b]);
  isr.changed([a, c], 6);
  isr.proposed([a, b, c]);
  isr.answered(5, 'refused', 700);
  expect(isr).toMatchObject({ maximal: [a, c, b], isProposed: true });
});
