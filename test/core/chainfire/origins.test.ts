import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Origins, sessionsMax, spansMax } from '../../../core/chainfire/origins.ts';

const see = (origins: Origins, seq: number, term = 1, boot = 1): boolean =>
  origins.accept({ member: 1, boot, seq }, term);

test('a number is accepted once, in whatever order numbers come, and a copy of the state knows as much', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ boot: fc.nat({ max: 1 }), seq: fc.integer({ min: 1, max: 40 }) }), {
        maxLength: 80,
        size: 'max',
      }),
      (arrivals) => {
        let origins = new Origins();
        const seen = new Set<string>();
        for (const { boot, seq } of arrivals) {
          expect(see(origins, seq, 1, boot)).toBe(!seen.has(`${boot}/${seq}`));
          seen.add(`${boot}/${seq}`);
          origins = Origins.decode(origins.encode());
        }
      },
    ),
  );
});

test('numbers in a row take no more room than one', () => {
  const origins = new Origins();
  for (let seq = 1; seq <= 1_000; seq += 1) see(origins, seq);
  expect(origins.encode().length).toBeLessThan(20);
});

test('a new term forgets: a message of the old one is taken by no leader of the new', () => {
  const origins = new Origins();
  expect([see(origins, 1, 1), see(origins, 1, 1), see(origins, 1, 2)]).toEqual([true, false, true]);
});

test('where memory ends, an old number counts as seen: rather not done than done twice', () => {
  const origins = new Origins();
  for (let at = 1; at <= spansMax + 1; at += 1) expect(see(origins, at * 10)).toBe(true);
  expect([see(origins, 10), see(origins, 5), see(origins, 15)]).toEqual([false, false, true]);
});

test('the life that was quiet longest is forgotten first', () => {
  const origins = new Origins();
  for (let boot = 0; boot < sessionsMax; boot += 1) see(origins, 1, 1, boot);
  expect(see(origins, 1, 1, 0)).toBe(false);
  see(origins, 1, 1, sessionsMax);
  expect(see(origins, 1, 1, 0)).toBe(false);
  expect(see(origins, 1, 1, 1)).toBe(true);
});
