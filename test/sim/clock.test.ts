import fc from 'fast-check';
import { expect, test } from 'vitest';

import { NodeClock, WallClock, wallJumpUsMax } from '../../sim/clock.ts';

const drift = fc.integer({ min: -100_000, max: 100_000 });
const moment = fc.integer({ min: 0, max: 1_000_000_000 });

test('a clock begins where it is told and gains or loses what its drift says', () => {
  const fast = new NodeClock({ worldUs: 100, nodeUs: 5_000, driftPpm: 1_000 });
  expect(fast.at(100)).toBe(5_000);
  expect(fast.at(1_000_100)).toBe(1_006_000);
  const slow = new NodeClock({ worldUs: 100, nodeUs: 5_000, driftPpm: -1_000 });
  expect(slow.at(1_000_100)).toBe(1_004_000);
});

test('a clock never goes back and never jumps, whenever its drift changes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(drift, fc.nat(1_000_000)), { maxLength: 20 }), (changes) => {
      const clock = new NodeClock({ worldUs: 0, nodeUs: 77, driftPpm: 0 });
      let worldUs = 0;
      let shown = 77;
      for (const [driftPpm, forUs] of changes) {
        clock.drift(worldUs, driftPpm);
        expect(clock.at(worldUs)).toBe(shown);
        worldUs += forUs;
        const next = clock.at(worldUs);
        expect(next - shown).toBeGreaterThanOrEqual(Math.floor(forUs * 0.9));
        expect(next - shown).toBeLessThanOrEqual(Math.ceil(forUs * 1.1));
        shown = next;
      }
    }),
  );
});

test('the time at which a clock will show something is the first one at which it does', () => {
  fc.assert(
    fc.property(drift, moment, moment, fc.nat(1_000_000_000), (driftPpm, worldUs, nodeUs, ahead) => {
      const clock = new NodeClock({ worldUs, nodeUs, driftPpm });
      const due = clock.worldTime(nodeUs + ahead);
      expect(clock.at(due)).toBeGreaterThanOrEqual(nodeUs + ahead);
      if (due > worldUs) expect(clock.at(due - 1)).toBeLessThan(nodeUs + ahead);
    }),
  );
  expect(new NodeClock({ worldUs: 0, nodeUs: 0, driftPpm: 0 }).worldTime(Infinity)).toBe(Infinity);
});

test('a clock that is off by more than a tenth is refused, and so is a look into the past', () => {
  expect(() => new NodeClock({ worldUs: 0, nodeUs: 0, driftPpm: 100_001 })).toThrow('at most a tenth');
  expect(() => new NodeClock({ worldUs: 5, nodeUs: 0, driftPpm: 0 }).at(4)).toThrow('monotonic');
});

test('a wall clock runs on from wherever it jumps to, and the monotonic one beside it knows nothing of it', () => {
  fc.assert(
    fc.property(
      drift,
      moment,
      fc.nat(1_000_000),
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      (driftPpm, worldUs, laterUs, byUs) => {
        const wallUs = 1_767_225_600_000_000;
        const wall = new WallClock({ worldUs, wallUs, driftPpm });
        const still = new WallClock({ worldUs, wallUs, driftPpm });
        wall.jump(worldUs, byUs);
        expect(wall.at(worldUs) - wallUs).toBe(byUs);
        expect(wall.at(worldUs + laterUs) - still.at(worldUs + laterUs)).toBe(byUs);
      },
    ),
  );
});

test('a wall clock never shows a time before 1970, and jumps by ten years at most', () => {
  const wall = new WallClock({ worldUs: 0, wallUs: 5, driftPpm: 0 });
  wall.jump(0, -10);
  expect(wall.at(0)).toBe(0);
  expect(() => {
    wall.jump(0, wallJumpUsMax + 1);
  }).toThrow('ten years');
});

test('a wall clock drifts with the oscillator that it shares', () => {
  const wall = new WallClock({ worldUs: 0, wallUs: 0, driftPpm: 0 });
  wall.drift(1_000_000, 100_000);
  expect(wall.at(2_000_000)).toBe(2_100_000);
  wall.jump(2_000_000, -100_000);
  expect(wall.at(3_000_000)).toBe(3_100_000);
});
