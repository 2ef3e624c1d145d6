import { expect, test } from 'vitest';

import { parseDuration } from '../../../adapters/config/duration.ts';

test.each([
  ['10m', 600_000_000],
  ['1h30m', 5_400_000_000],
  ['1.5s', 1_500_000],
  ['250ms', 250_000],
  ['7us', 7],
  ['0s', 0],
])('%s is a duration, as in Go', (text, us) => {
  expect(parseDuration(text)).toBe(us);
});

test.each(['', '10', '-1s', '1 s', '1s ', 's', '1d', '1h-30m', '9999999999999999h', '1..5s'])(
  '"%s" is none',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);
