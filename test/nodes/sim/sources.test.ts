import { expect, test } from 'vitest';

import { sourcesNow } from '../../../nodes/sim/sources.ts';

test('the fingerprint is of the sources and of the planted bug', () => {
  const original = sourcesNow(undefined);
  expect(original.sources).toMatch(/^[0-9a-f]{32}$/);
  expect(sourcesNow(undefined)).toEqual(original);
  const planted = sourcesNow('vote-before-durable');
  expect(planted.sources).not.toBe(original.sources);
  expect(planted.sources).not.toBe(sourcesNow('term-not-persisted').sources);
  expect(planted.commit).toBe(original.commit);
});
