import { randomInt } from 'node:crypto';

import { type Prng } from '../../core/base/prng.ts';

/** Randomness from the system, for a client that nobody replays: it spreads clients over members, and retries in time. */
export const systemPrng: Prng = {
  below: (bound) => randomInt(bound),
  chance: (numerator, denominator) => randomInt(denominator) < numerator,
  fork: () => systemPrng,
};
