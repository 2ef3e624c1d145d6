import { expect, test } from 'vitest';

import { violationSentence } from '../../../../reports/page/model/violation.ts';
import {
  bytes,
  compactEvent,
  duration,
  exactTime,
  faultWords,
  grouped,
} from '../../../../reports/page/model/words.ts';
import { crash, one, two } from '../hand-made.ts';

test.each([
  [0, '0 µs'],
  [850, '850 µs'],
  [12_400, '12.4 ms'],
  [3_500_000, '3.5 s'],
  [125_000_000, '2 min 5 s'],
  [-6_010, '-6.01 ms'],
  [3 * 3_600_000_000, '3 h'],
  [400 * 24 * 3_600_000_000, '400 days'],
  [4 * 365.25 * 24 * 3_600_000_000, '4 years'],
])('%d µs read as %s', (us, text) => {
  expect(duration(us)).toBe(text);
});

test('times are exact, numbers grouped, sizes rounded', () => {
  expect([exactTime(1_234_000_007), grouped(1_234_567.5), bytes(1_536), bytes(12)]).toEqual([
    '1,234.000007 s',
    '1,234,567.5',
    '1.5 KiB',
    '12 B',
  ]);
});

test('a fault is told in words', () => {
  expect(faultWords(crash(5, 2, 2_000_000))).toBe('n2, down 2 s');
  expect(
    faultWords({ kind: 'lossy', atUs: 1, forUs: 1_000, lossPpm: 200_000, duplicatePpm: 0, reorderPpm: 500 }),
  ).toBe('for 1 ms, loss 20 %, duplicate 0 ppm, reorder 500 ppm');
  expect(faultWords({ kind: 'partition', atUs: 1, forUs: 1_000, side: [one], otherSide: [two] })).toBe(
    'for 1 ms, side n1, other side n2',
  );
});

test('the envelope of a message is left out, whatever else the text holds is kept', () => {
  expect(compactEvent('received from=2 messages=[{group=1 message={voteRequest term=9}}]')).toBe(
    'received from=2 voteRequest term=9',
  );
  expect(compactEvent('requested put key=a')).toBe('requested put key=a');
});

test('a violation is told without its name in front and without a stack', () => {
  expect(violationSentence('invariant', 'invariant: member 2: time is monotonic\n    at x')).toBe(
    'Member 2: time is monotonic.',
  );
});
