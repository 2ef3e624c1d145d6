import { expect, test } from 'vitest';

import { killLoop } from './kill-loop.ts';

const kills = 20;

test('a killed process leaves a prefix of its batches, with every one that was reported as stored', async () => {
  const { reported } = await killLoop(kills);
  // Otherwise nothing was in flight when the process died.
  expect(reported).toBeGreaterThan(kills * 5);
}, 600_000);
