import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { systemWallUs, WallClockTimer } from '../../../adapters/runner/wall-clock.ts';
import { rig, turns } from './scripted.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('a machine is told the wall clock behind its first tick, then once a second, until the end', async () => {
  let wallUs = 1_767_225_600_000_000;
  const { machine, runner } = rig(undefined, { wallClock: () => wallUs });
  await turns();
  // It jumps back as it likes; the monotonic clock knows nothing of it.
  wallUs -= 3_600_000_000;
  vi.advanceTimersByTime(1_000);
  await turns();
  expect(machine.events).toEqual([
    { kind: 'tick' },
    { kind: 'wallClock', wallUs: 1_767_225_600_000_000 },
    { kind: 'wallClock', wallUs: 1_767_222_000_000_000 },
  ]);
  await runner.stop();
  vi.advanceTimersByTime(5_000);
  await turns();
  expect(machine.events).toHaveLength(3);
});

test('a clock that stands before 1970 counts as 1970, and a fraction of a microsecond as none', () => {
  const told: number[] = [];
  const readings = [-5, 7.9];
  const timer = new WallClockTimer(() => readings.shift() ?? 0);
  timer.start((wallUs) => told.push(wallUs));
  vi.advanceTimersByTime(1_000);
  timer.stop();
  expect(told).toEqual([0, 7]);
});

test('the machine’s own clock is read in microseconds since 1970', () => {
  expect(Math.abs(systemWallUs() - Date.now() * 1_000)).toBeLessThan(60_000_000);
});
