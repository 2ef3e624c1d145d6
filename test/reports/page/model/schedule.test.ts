import { expect, test } from 'vitest';

import { scheduleRows } from '../../../../reports/page/model/schedule.ts';
import { type Fault } from '../../../../sim/fault.ts';
import { crash, two } from '../hand-made.ts';

const pause: Fault = { kind: 'pause', atUs: 500, node: two, forUs: 10 };

test('what shrinking kept stands beside what it came from, and first; what it left out comes after', () => {
  const original = [crash(100, 1), pause, crash(900, 2), crash(950, 3)];
  const kept = [crash(900, 2, 0), crash(950, 3)];
  expect(scheduleRows(kept, original)).toEqual([
    { kept: crash(900, 2, 0), original: crash(900, 2), changed: ['downUs'] },
    { kept: crash(950, 3), original: crash(950, 3), changed: [] },
    { kept: undefined, original: crash(100, 1), changed: [] },
    { kept: undefined, original: pause, changed: [] },
  ]);
});

test('one that is the same is never taken for another that is merely alike', () => {
  const original = [crash(100, 1), crash(200, 1)];
  expect(
    scheduleRows([crash(150, 1), crash(100, 1)], original).map(({ original: from }) => from?.atUs),
  ).toEqual([100, 200]);
});

test('a fault that was not there before has no origin', () => {
  expect(scheduleRows([pause], [])).toEqual([{ kept: pause, original: undefined, changed: [] }]);
});
