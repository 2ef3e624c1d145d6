import { expect, test } from 'vitest';

import { LeaderEpochs } from '../../../../core/chronik/log/leader-epochs.ts';

function epochs(...starts: readonly (readonly [epoch: number, startOffset: number])[]): LeaderEpochs {
  const found = new LeaderEpochs();
  for (const [epoch, startOffset] of starts) found.begin(epoch, startOffset);
  return found;
}

test('an epoch ends where the next one begins, the newest at the log’s end (KIP-101)', () => {
  const known = epochs([0, 0], [1, 20], [4, 30]);
  expect(known.endOf(0, 50)).toEqual({ epoch: 0, endOffset: 20 });
  expect(known.endOf(1, 50)).toEqual({ epoch: 1, endOffset: 30 });
  expect(known.endOf(4, 50)).toEqual({ epoch: 4, endOffset: 50 });
});

test('of an epoch that the log has not, the one before it answers with its own number (KIP-279)', () => {
  const known = epochs([1, 20], [4, 30]);
  expect(known.endOf(2, 50)).toEqual({ epoch: 1, endOffset: 30 });
  expect(known.endOf(3, 50)).toEqual({ epoch: 1, endOffset: 30 });
  expect(known.endOf(0, 50)).toBeUndefined();
  expect(known.endOf(5, 50)).toBeUndefined();
  expect(known.endOf(-1, 50)).toBeUndefined();
  expect(epochs().endOf(0, 50)).toBeUndefined();
});

test('a leader that appended nothing leaves no mark', () => {
  const known = epochs([0, 0], [1, 20], [2, 20]);
  expect(known.starts).toEqual([
    { epoch: 0, startOffset: 0 },
    { epoch: 2, startOffset: 20 },
  ]);
  // A follower may get older batches where it had begun to lead.
  known.begin(1, 20);
  expect(known.starts.at(-1)).toEqual({ epoch: 1, startOffset: 20 });
  expect(() => known.begin(0, 30)).toThrow('epochs never fall');
});

test('a cut forgets what began behind it, a new start keeps the epoch that it lies in', () => {
  const known = epochs([0, 0], [1, 20], [4, 30]);
  known.cutTo(30);
  expect(known.last).toBe(1);
  known.forgetBelow(25);
  expect(known.starts).toEqual([{ epoch: 1, startOffset: 25 }]);
  expect(known.endOf(0, 30)).toBeUndefined();
  known.cutTo(25);
  expect(known.last).toBe(-1);
});
