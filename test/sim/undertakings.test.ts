import { expect, test } from 'vitest';

import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { nodeId } from '../../core/base/ids.ts';
import { runScenario } from '../../sim/run.ts';
import { type Fault } from '../../sim/fault.ts';
import {
  type Checker,
  type Operation,
  type RunEnd,
  type RunResult,
  type Scenario,
  type WorkloadPlan,
} from '../../sim/types.ts';

const quietMix = { put: 4, get: 2 };

function scenario(
  mix: WorkloadPlan['mix'],
  changes: Partial<WorkloadPlan> = {},
  faults: readonly Fault[] = [],
): Scenario {
  return {
    name: 'undertakings',
    about: 'What clients undertake beside their calls happens, and is recorded.',
    cluster: { members: 3, config: { watchProgressIntervalUs: usPerSecond }, throughCodec: true },
    workload: {
      clients: 4,
      keys: 6,
      thinkUsMin: 5 * usPerMs,
      thinkUsMax: 150 * usPerMs,
      callTimeoutUs: 3 * usPerSecond,
      mix: { ...quietMix, ...mix },
      ...changes,
    },
    faults,
    checks: 'all',
    durationUs: 30 * usPerSecond,
  };
}

function run(plan: Scenario, seed = 3): { readonly result: RunResult; readonly end: RunEnd } {
  const ends: RunEnd[] = [];
  const keeper: Checker = {
    name: 'keeper',
    onEnd: (end) => {
      ends.push(end);
    },
  };
  const result = runScenario(plan, seed, { checkers: [keeper] });
  expect(result.violation).toBeUndefined();
  const [end] = ends;
  if (end === undefined) throw new Error('the run has no end');
  return { result, end };
}

function of<Kind extends Operation['request']['kind']>(
  { history }: RunEnd,
  kind: Kind,
): readonly (Operation & { readonly request: Extract<Operation['request'], { kind: Kind }> })[] {
  return history.filter(
    (
      operation,
    ): operation is Operation & { readonly request: Extract<Operation['request'], { kind: Kind }> } =>
      operation.request.kind === kind,
  );
}

test('watches of every kind are opened, told, closed and logged; the last of each client knows all', () => {
  const { result, end } = run(scenario({ watch: 3, delete: 1, compact: 1 }));
  const { watches } = end;
  expect(watches.length).toBeGreaterThan(50);
  expect(result.operations.watchEvents).toBe(
    watches.reduce(
      (sum, { deliveries }) => sum + deliveries.reduce((all, { batch }) => all + batch.events.length, 0),
      0,
    ),
  );
  const ends = new Set(watches.map(({ end: why, closed }) => why?.kind ?? (closed ? 'closed' : 'open')));
  expect([...ends].sort()).toEqual(['closed', 'compacted', 'open']);
  const starts = new Set(watches.map(({ target }) => target.startRevision === 0));
  expect(starts.size).toBe(2);
  const revision = Math.max(...[...end.members.values()].map(({ view }) => view.revision));
  for (const client of [0, 1, 2, 3]) {
    const last = watches.findLast((watch) => watch.client === client);
    expect(last?.target).toMatchObject({ key: '\0', rangeEnd: '\0' });
    expect(last?.deliveries.at(-1)?.batch.revision).toBeGreaterThanOrEqual(revision);
  }
});

test('leases are granted, kept alive, revoked or left to run out, and every step of it is in the history', () => {
  const { result, end } = run(scenario({ lease: 3 }));
  const granted = of(end, 'leaseGrant').filter(({ outcome }) => outcome.kind === 'answered');
  expect(granted.length).toBeGreaterThan(20);
  expect(of(end, 'leaseKeepAlive').length).toBeGreaterThan(20);
  expect(of(end, 'leaseRevoke').length).toBeGreaterThan(3);
  expect(of(end, 'leaseTimeToLive').length).toBeGreaterThan(3);
  const puts = of(end, 'put').filter(({ request }) => request.request.lease !== 0n);
  expect(puts.length).toBeGreaterThan(20);
  for (const { request } of puts) expect(request.request.key.startsWith('lease/')).toBe(true);
  expect(result.operations.leasesGranted).toBeGreaterThan(20);
  expect(result.operations.leasesExpired).toBeGreaterThan(5);
  for (const { view } of end.members.values()) expect(view.leaseCount).toBe(0);
  const callIds = end.history.map(({ client, callId }) => `${client}/${callId}`);
  expect(new Set(callIds).size).toBe(callIds.length);
});

test('locks are waited for and held, one at a time, with tokens that rise from holder to holder', () => {
  const { result, end } = run(scenario({ lock: 3 }));
  expect(result.operations.locksHeld).toBeGreaterThan(10);
  expect(new Set(end.holds.map(({ client }) => client)).size).toBe(4);
  for (const name of new Set(end.holds.map((hold) => hold.name))) {
    const holds = end.holds.filter((hold) => hold.name === name);
    for (const [at, hold] of holds.entries()) {
      const before = holds[at - 1];
      expect(hold.toUs).toBeDefined();
      if (before === undefined) continue;
      expect(hold.fromUs).toBeGreaterThanOrEqual(before.toUs ?? Infinity);
      expect(hold.fencingToken).toBeGreaterThan(before.fencingToken);
    }
  }
});

test('a client whose process dies leaves its calls open, its watches closed and its leases to run out', () => {
  const { end } = run(scenario({ lease: 2, watch: 2, lock: 1 }, { clientLifeUsMax: 4 * usPerSecond }));
  const open = end.history.filter(
    ({ outcome }) => outcome.kind === 'unknown' && outcome.reason === 'still open',
  );
  expect(open.length).toBeGreaterThan(3);
  expect(end.watches.filter(({ closed }) => closed).length).toBeGreaterThan(10);
  for (const { view } of end.members.values()) expect(view.leaseCount).toBe(0);
  for (const client of [0, 1, 2, 3]) {
    expect(end.history.filter((operation) => operation.client === client).length).toBeGreaterThan(50);
  }
});

test('a watch whose member dies goes on with another, and misses nothing', () => {
  const faults: readonly Fault[] = [1, 2, 3].map((member) => ({
    kind: 'crash',
    atUs: (5 + 5 * member) * usPerSecond,
    node: nodeId(member),
    downUs: usPerSecond,
  }));
  const { result, end } = run(scenario({ watch: 2 }, {}, faults));
  expect(result.faultsFired.crash).toBe(3);
  for (const { deliveries } of end.watches) {
    const revisions = deliveries.flatMap(({ batch }) =>
      batch.events.map((event) => event.kv?.modRevision ?? 0),
    );
    expect(revisions).toEqual(revisions.toSorted((left, right) => left - right));
  }
});

test('a run without them has none, and asks for no leases', () => {
  const { result, end } = run(scenario({}));
  expect(end.watches).toEqual([]);
  expect(end.holds).toEqual([]);
  expect(result.operations).toMatchObject({
    watchEvents: 0,
    leasesGranted: 0,
    leasesExpired: 0,
    locksHeld: 0,
  });
});
