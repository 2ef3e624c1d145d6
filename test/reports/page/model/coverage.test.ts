import { expect, test } from 'vitest';

import { coverageGroups } from '../../../../reports/page/model/coverage.ts';
import { type RunSummary } from '../../../../reports/page/page-data.ts';

const summary: RunSummary = {
  ...{ format: 1, commit: undefined, dirty: false, scenarios: ['swarm'], seeds: { first: 1, last: 2 } },
  ...{ shard: undefined, runs: 2, wallSeconds: 1, simulatedUs: 1, events: 1, elections: 1 },
  ...{ snapshotsInstalled: 0, slowest: [], missedFloors: [], failures: [] },
  operations: { answered: 9 },
  faultsFired: { crash: 4 },
  coverage: { leader: 2, candidate: 1, put: 2, voteRequest: 1, EMPTY_KEY: 1 },
};

function counts(name: string): ReadonlyMap<string, number> {
  const found = coverageGroups(summary).find((group) => group.name === name);
  return new Map(found?.items.map((item) => [item.name, item.count]));
}

test('what a run never reached is told beside what it reached', () => {
  expect(counts('Roles and states').get('leader')).toBe(2);
  expect(counts('Roles and states').get('repairing')).toBe(0);
  expect(counts('Messages between members').get('timeoutNow')).toBe(0);
  expect(counts('Faults').get('crash')).toBe(4);
  expect(counts('Faults').get('pause')).toBe(0);
  expect([...counts('Refusals')]).toEqual([['EMPTY_KEY', 1]]);
});

test('what was reached most stands first', () => {
  const [first] = coverageGroups(summary).find(({ name }) => name === 'Roles and states')?.items ?? [];
  expect(first).toEqual({ name: 'leader', count: 2 });
});
