import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { bugsMax, runsNamedMax } from '../../reports/failure-book.ts';
import { type RunSummary } from '../../reports/page/page-data.ts';
import { decodeSummary, encodeSummary } from '../../reports/summary-file.ts';
import { mergeSummaries } from '../../reports/summary-merge.ts';
import { SummaryBuilder } from '../../reports/summary.ts';
import { faultKinds } from '../../sim/fault-shapes.ts';
import { type RunResult } from '../../sim/types.ts';

const facts = {
  commit: 'abcdef0',
  dirty: false,
  scenarios: ['swarm'],
  shard: undefined,
  wallSeconds: 3,
};

/** Of a seed, all the same but for what the seed decides. */
function resultOf(seed: number): RunResult {
  const failed = seed % 5 === 0;
  return {
    scenario: 'swarm',
    seed,
    violation: failed
      ? { invariant: 'vote-once', site: `site ${seed % 3}`, detail: `seed ${seed}`, atUs: seed }
      : undefined,
    hash: '0123456789abcdef',
    simulatedUs: 1_000 + seed,
    events: seed,
    operations: {
      ...{ answered: 50 + seed, refused: 1, failed: 2, unknown: 3 },
      ...{ watchEvents: 60, leasesGranted: 4, leasesExpired: 2, locksHeld: 1 },
    },
    elections: 2,
    snapshotsInstalled: seed % 2,
    faultsFired: Object.fromEntries(faultKinds.map((kind) => [kind, 1])),
    coverage: seed % 2 === 0 ? ['leader', 'put'] : ['leader'],
  };
}

function summaryOf(seeds: readonly number[], shard?: RunSummary['shard']): RunSummary {
  const builder = new SummaryBuilder();
  for (const seed of seeds) builder.add(resultOf(seed), (seed * 7_919) % 1_000);
  return builder.build({ ...facts, shard });
}

const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, at) => at + 1);

test('a summary sums up what seeds did, and counts runs that reached a state', () => {
  const summary = summaryOf(upTo(4));
  expect(summary).toMatchObject({
    runs: 4,
    seeds: { first: 1, last: 4 },
    simulatedUs: 4_010,
    events: 10,
    elections: 8,
    snapshotsInstalled: 2,
    operations: { answered: 210, refused: 4, watchEvents: 240, locksHeld: 4 },
    coverage: { leader: 4, put: 2 },
    failures: [],
  });
  expect(summary.faultsFired['crash']).toBe(4);
});

test('failures are one by invariant and site, those of the first runs named', () => {
  const { failures } = summaryOf(upTo(45));
  expect(failures.map(({ site, count }) => [site, count])).toEqual([
    ['site 0', 3],
    ['site 1', 3],
    ['site 2', 3],
  ]);
  expect(failures[0]).toMatchObject({
    invariant: 'vote-once',
    detail: 'seed 15',
    runs: [15, 30, 45].map((seed) => ({ scenario: 'swarm', seed })),
    repro: undefined,
  });
});

test('what is kept is bounded, however long a run goes on', () => {
  const builder = new SummaryBuilder();
  const runs = 20_000;
  for (let seed = 0; seed < runs; seed += 1) {
    const site = seed % 2 === 0 ? 'again and again' : `site ${seed}`;
    const violation = { invariant: 'thrown', site, detail: '', atUs: 0 };
    builder.add({ ...resultOf(seed), violation }, seed);
  }
  const summary = builder.build(facts);
  expect(summary.failures).toHaveLength(bugsMax);
  expect(summary.failures.find(({ site }) => site === 'again and again')?.count).toBe(runs / 2);
  expect(Math.max(...summary.failures.map((failure) => failure.runs.length))).toBe(runsNamedMax);
  expect(builder.failures.failures).toBe(runs);
  expect(summary.slowest.map(({ wallMs }) => wallMs)).toEqual(upTo(10).map((back) => runs - back));
});

test('a run in which the simulator broke counts, and fails', () => {
  const builder = new SummaryBuilder();
  builder.addBroken({
    scenario: 'swarm',
    seed: 9,
    invariant: 'simulator-broke',
    site: 'here',
    detail: 'in words',
  });
  const summary = builder.build(facts);
  expect(summary).toMatchObject({ runs: 1, seeds: { first: 9, last: 9 } });
  expect(summary.failures[0]).toMatchObject({ invariant: 'simulator-broke', count: 1 });
});

test('a summary goes through a file as it is; results of single seeds are passed over', () => {
  const summary = summaryOf(upTo(30), { index: 2, count: 3 });
  expect(decodeSummary(encodeSummary(summary))).toStrictEqual(summary);
  const withResults = encodeSummary(summary, [resultOf(2), resultOf(1)]);
  expect(decodeSummary(withResults)).toStrictEqual(summary);
  const { results } = JSON.parse(withResults) as { results: { seed: number }[] };
  expect(results.map(({ seed }) => seed)).toEqual([1, 2]);
});

test.each([
  ['{}', 'format is missing'],
  ['[]', 'is not an object'],
  [encodeSummary(summaryOf([1])).replace('"runs": 1', '"runs": -1'), 'runs: -1 is not a whole number'],
  [
    encodeSummary(summaryOf([1])).replace('"format": 1', '"format": 7'),
    'format: 7 is not a format known here',
  ],
])('a file that is no summary is refused, and the field named', (json, message) => {
  expect(() => decodeSummary(json)).toThrow(message);
});

test('shards of a run, merged, are the run', () => {
  const shards = fc.integer({ min: 1, max: 8 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 120 }), shards, (last, count) => {
      const parts = upTo(count).map((index) => {
        const seeds = upTo(last).filter((seed) => seed % count === index % count);
        return { name: `${index}.json`, summary: summaryOf(seeds, { index, count }) };
      });
      const merged = mergeSummaries(
        parts.filter(({ summary }) => summary.runs > 0),
        { partial: true },
      );
      const whole = summaryOf(upTo(last));
      // Which run of a bug was the first hangs on the machine; which there are does not.
      expect({ ...merged, failures: [] }).toStrictEqual({ ...whole, failures: [] });
      const seen = ({ failures }: RunSummary) =>
        failures.map(({ site, count: times, runs }) => [site, times, runs.map(({ seed }) => seed).sort()]);
      expect(seen(merged)).toEqual(seen(whole));
    }),
    { numRuns: 50 },
  );
});

const shard = (index: number, count: number, changes: Partial<RunSummary> = {}) => ({
  name: `${index}-of-${count}.json`,
  summary: { ...summaryOf([index, index + count], { index, count }), ...changes },
});

test('parts that do not make one run are refused by name', () => {
  const merged =
    (...parts: Parameters<typeof mergeSummaries>[0]) =>
    () =>
      mergeSummaries(parts);
  expect(merged(shard(1, 2), shard(2, 2, { commit: '1234567' }))).toThrow(
    '1-of-2.json and 2-of-2.json are of different commits: abcdef0 and 1234567',
  );
  expect(merged(shard(1, 2), shard(2, 2, { scenarios: ['disk-full'] }))).toThrow(
    'of different scenarios: swarm',
  );
  expect(merged(shard(1, 2), shard(1, 2))).toThrow('1-of-2.json and 1-of-2.json overlap: both are shard 1/2');
  expect(merged(shard(1, 2), shard(3, 4))).toThrow('overlap: shards 1/2 and 3/4 share seeds');
  const whole = { name: 'all.json', summary: summaryOf([1, 2, 3]) };
  expect(merged(whole, shard(2, 4))).toThrow('all.json and 2-of-4.json overlap: both have seeds from 2 to 3');
  expect(merged(shard(1, 4), shard(3, 4))).toThrow('shards are missing: 2/4, 4/4');
  expect(merged()).toThrow('there is nothing to merge');
});

test('a part from sources that no commit has makes the whole so', () => {
  const parts = [shard(1, 2), shard(2, 2, { dirty: true, wallSeconds: 9 })];
  expect(mergeSummaries(parts)).toMatchObject({ dirty: true, wallSeconds: 9 });
});

test('runs over ranges that do not meet are merged too', () => {
  const parts = [
    { name: 'a', summary: summaryOf([1, 2]) },
    { name: 'b', summary: summaryOf([3, 4]) },
  ];
  expect(mergeSummaries(parts)).toMatchObject({ runs: 4, seeds: { first: 1, last: 4 } });
});

test('files of a failure stay with it, those of whoever had some', () => {
  const builder = new SummaryBuilder();
  builder.add(resultOf(5), 1);
  builder.setFiles({ invariant: 'vote-once', site: 'site 2' }, { repro: 'r.json', page: 'p.html' });
  const parts = [
    { name: 'a', summary: summaryOf([20]) },
    { name: 'b', summary: builder.build(facts) },
  ];
  expect(mergeSummaries(parts).failures).toMatchObject([{ count: 2, repro: 'r.json', page: 'p.html' }]);
});
