import { expect, test } from 'vitest';

import { type NodeId, nodeId } from '../../core/base/ids.ts';
import { runScenario } from '../../sim/run.ts';
import { type Fault } from '../../sim/fault.ts';
import { type RunResult, type Scenario } from '../../sim/types.ts';

const n1 = nodeId(1);
const n2 = nodeId(2);
const n3 = nodeId(3);
const all: readonly NodeId[] = [n1, n2, n3];

function scenario(faults: readonly Fault[], members = 3): Scenario {
  return {
    name: 'faults',
    about: 'One fault at a time: does it do what it says, and is it counted when it did?',
    cluster: { members, config: {}, throughCodec: false },
    workload: {
      clients: 2,
      keys: 5,
      thinkUsMin: 5_000,
      thinkUsMax: 100_000,
      callTimeoutUs: 3_000_000,
      mix: {
        put: 4,
        get: 4,
        serializableGet: 0,
        delete: 0,
        compareAndSwap: 0,
        txn: 0,
        range: 0,
        historicRange: 0,
        compact: 0,
      },
    },
    faults,
    checks: 'all',
    durationUs: 12_000_000,
  };
}

interface Outcome {
  readonly result: RunResult;
  readonly trace: readonly string[];
}

function run(faults: readonly Fault[], members = 3): Outcome {
  const trace: string[] = [];
  const result = runScenario(scenario(faults, members), 5, { trace: (line) => trace.push(line) });
  expect(result.violation).toBeUndefined();
  return { result, trace };
}

/** Steps of a member between two times. */
function steps({ trace }: Outcome, node: NodeId, fromUs: number, toUs: number): readonly string[] {
  return trace.filter((line) => {
    const [seconds = '', who = '', what = ''] = line.split(' ');
    const timeUs = Number(seconds.replace('.', ''));
    return who === `n${node}` && what !== 'recovered' && timeUs > fromUs && timeUs < toUs;
  });
}

const atUs = 5_000_000;
const forUs = 3_000_000;
const effective: readonly Fault[] = [
  { kind: 'crash', atUs, node: n1, downUs: 500_000 },
  { kind: 'crash', atUs, node: n1, downUs: 500_000, scope: 'process', moment: 'syncing' },
  { kind: 'crashAll', atUs, downUs: 500_000 },
  { kind: 'pause', atUs, node: n2, forUs },
  { kind: 'partition', atUs, forUs, side: [n1], otherSide: [n2, n3] },
  { kind: 'oneWay', atUs, forUs, from: [n1], to: [n2, n3] },
  { kind: 'clientCut', atUs, forUs, clients: [0, 1], nodes: all, direction: 'answers' },
  { kind: 'lossy', atUs, forUs, lossPpm: 200_000, duplicatePpm: 200_000, reorderPpm: 200_000 },
  { kind: 'slowNetwork', atUs, forUs, factor: 20 },
  { kind: 'slowDisk', atUs, forUs, node: n1, factor: 50 },
  { kind: 'syncFails', atUs, node: n1, downUs: 500_000 },
  { kind: 'clockDrift', atUs, node: n1, driftPpm: 90_000 },
  { kind: 'flap', atUs, forUs, between: [n1, n3], downUs: 200_000, upUs: 300_000 },
  { kind: 'diskFull', atUs, forUs, node: n1 },
  { kind: 'storeFull', atUs, forUs, node: n1 },
  { kind: 'storeRot', atUs, node: n2 },
  { kind: 'appendFails', atUs, node: n2, downUs: 500_000 },
  { kind: 'diskStall', atUs, forUs, node: n2 },
  { kind: 'wallJump', atUs, node: n1, byUs: 3_600_000_000, direction: 'backward' },
  { kind: 'narrowLink', atUs, forUs, from: [n1], to: [n2, n3], bytesPerSecond: 2_000 },
  { kind: 'longTail', atUs, forUs, from: all, to: all, tailPpm: 100_000, tailUs: 1_000_000 },
  { kind: 'partialPartition', atUs, forUs, shape: 'star', order: [n2, n1, n3] },
];

test.each(effective.map((fault) => [fault.kind, fault] as const))(
  '%s has its effect, and is counted once',
  (kind, fault) => {
    const { result } = run([fault]);
    expect(result.faultsFired).toEqual({ [kind]: 1 });
    expect(result.operations.answered).toBeGreaterThan(50);
  },
);

test('a clog is counted where there was something to hold back', () => {
  // One member's ways out at a time: what it says then is an answer to what it goes on hearing.
  const clogs = all.flatMap((from, turn) =>
    all
      .filter((to) => to !== from)
      .map((to): Fault => ({ kind: 'clog', atUs: atUs + turn * forUs, forUs: 500_000, from, to })),
  );
  const { clog = 0 } = run(clogs).result.faultsFired;
  // A leader and its followers talk in both directions; two followers have nothing to say to each other.
  expect(clog).toBe(4);
});

test.each(['bitRot', 'latentSector', 'misdirectedWrite'] as const)(
  '%s is counted where it struck; where the atlas refused, nothing happened at all',
  (kind) => {
    const strike = (at: number, node = n2): Fault => ({ kind, atUs: at, node, downUs: 300_000 });
    const seconds = [4, 5, 6, 7, 8, 9, 10];
    const struck = seconds.map((second) => run([strike(second * 1_000_000 + 123)]).result.faultsFired);
    expect(struck.some((fired) => fired[kind] === 1)).toBe(true);
    const alone = run([strike(atUs, n1)], 1);
    expect(alone.result.faultsFired).toEqual({});
    expect(alone.result.hash).toBe(run([], 1).result.hash);
  },
);

test('a member runs on with damage until it loses its power, and finds it when it starts', () => {
  const found = [4, 5, 6, 7].map((second) =>
    run([{ kind: 'bitRot', atUs: second * 1_000_000, node: n2, downUs: 300_000, latentUs: 2_000_000 }]),
  );
  const fired = found.filter(({ result }) => result.faultsFired.bitRot === 1);
  expect(fired.length).toBeGreaterThan(0);
  for (const { trace } of fired) {
    expect(trace.filter((line) => line.includes('bitRot on n2 comes to light'))).toHaveLength(1);
    expect(trace.some((line) => line.includes('start of n2'))).toBe(true);
  }
});

test('a disk that cannot be read fails every start, until it can', () => {
  const outcome = run([
    { kind: 'readFails', atUs, forUs: 4_000_000, node: n2 },
    { kind: 'crash', atUs: atUs + 100_000, node: n2, downUs: 200_000 },
  ]);
  expect(outcome.result.faultsFired).toEqual({ crash: 1, readFails: 1 });
  const starts = outcome.trace.filter((line) => line.includes('start of n2'));
  const recovered = outcome.trace.filter((line) => line.includes('n2 recovered'));
  expect(starts.length).toBeGreaterThan(1);
  // Its first start, long before, and the one that ended well.
  expect(recovered).toHaveLength(2);
});

test('a disk that lied has lost what came meanwhile; where the atlas refused, nothing happened at all', () => {
  const lost = (at: number, node: NodeId): Fault => ({
    kind: 'lostSync',
    atUs: at,
    forUs: 700_000,
    node,
    downUs: 300_000,
  });
  const struck = [4, 6].flatMap((second) => all.map((node) => run([lost(second * 1_000_000, node)])));
  const fired = struck.filter(({ result }) => result.faultsFired.lostSync === 1);
  expect(fired.length).toBeGreaterThan(1);
  const said = fired.flatMap(({ trace }) =>
    trace.filter((line) => line.includes('lost its power and up to')),
  );
  expect(said).toHaveLength(fired.length);
  const alone = run([lost(atUs, n1)], 1);
  expect(alone.result.faultsFired).toEqual({});
  expect(alone.result.hash).toBe(run([], 1).result.hash);
});

test('a member without room stops, fails every start, and comes back once there is room', () => {
  const outcome = run([{ kind: 'diskFull', atUs, forUs: 4_000_000, node: n2 }]);
  const starts = outcome.trace.filter((line) => line.includes('start of n2'));
  expect(starts.length).toBeGreaterThan(1);
  const timeOf = (line: string): number => Number(line.split(' ')[0]?.replace('.', ''));
  const lastUs = timeOf(starts.at(-1) ?? '');
  expect(lastUs).toBeGreaterThan(atUs + 4_000_000);
  // Recovered, it says nothing that depends on its disk: one step at most ends each life.
  expect(steps(outcome, n2, atUs + 500_000, atUs + 4_000_000).length).toBeLessThan(3 * starts.length);
  expect(steps(outcome, n2, lastUs, lastUs + 1_000_000).length).toBeGreaterThan(10);
});

test('a flapping link carries what it can while it is up, and nothing while it is down', () => {
  const flap: Fault = {
    kind: 'flap',
    atUs,
    forUs: 4_000_000,
    between: [n1, n3],
    downUs: 1_000_000,
    upUs: 1_000_000,
  };
  const outcome = run([flap]);
  const between = (node: NodeId, other: NodeId, fromUs: number): number =>
    steps(outcome, node, fromUs + 200, fromUs + 999_000).filter((line) =>
      line.includes(`received from=${other} `),
    ).length;
  const heard = [0, 1, 2, 3].map((second) => {
    const fromUs = atUs + second * 1_000_000;
    return between(n1, n3, fromUs) + between(n3, n1, fromUs);
  });
  expect([heard[0], heard[2]]).toEqual([0, 0]);
  expect((heard[1] ?? 0) + (heard[3] ?? 0)).toBeGreaterThan(0);
});

const idle: readonly (readonly [string, Fault])[] = [
  ['crash', { kind: 'crash', atUs: atUs + 1, node: n1, downUs: 1 }],
  ['pause', { kind: 'pause', atUs: atUs + 1, node: n1, forUs }],
];

test.each(idle)('a %s of a member that is down counts for nothing', (_what, fault) => {
  expect(run([{ kind: 'crash', atUs, node: n1, downUs: forUs }, fault]).result.faultsFired).toEqual({
    crash: 1,
  });
});

test('a partition that no packet met counts for nothing', () => {
  const { result } = run([{ kind: 'partition', atUs, forUs: 1, side: [n1], otherSide: [n2] }]);
  expect(result.faultsFired).toEqual({});
});

test('a member that is down does nothing, and comes back when it was to', () => {
  const outcome = run([{ kind: 'crash', atUs, node: n1, downUs: forUs }]);
  expect(steps(outcome, n1, atUs - 1_000_000, atUs).length).toBeGreaterThan(0);
  expect(steps(outcome, n1, atUs, atUs + forUs)).toEqual([]);
  expect(steps(outcome, n1, atUs + forUs, atUs + forUs + 1_000_000).length).toBeGreaterThan(0);
});

test('a paused member does nothing, and finds everything that has come when it goes on', () => {
  const outcome = run([{ kind: 'pause', atUs, node: n3, forUs }]);
  expect(steps(outcome, n3, atUs, atUs + forUs)).toEqual([]);
  expect(steps(outcome, n3, atUs + forUs, atUs + forUs + 1_000).length).toBeGreaterThan(3);
});

test('nothing crosses a partition, while a one-way cut lets the other direction through', () => {
  const heard = (outcome: Outcome, node: NodeId, from: readonly NodeId[]): number =>
    steps(outcome, node, atUs + 100, atUs + forUs).filter((line) =>
      from.some((sender) => line.includes(`received from=${sender} `)),
    ).length;
  const parted = run([{ kind: 'partition', atUs, forUs, side: [n1], otherSide: [n2, n3] }]);
  expect([heard(parted, n1, [n2, n3]), heard(parted, n2, [n1]), heard(parted, n3, [n1])]).toEqual([0, 0, 0]);
  expect(heard(parted, n2, [n3])).toBeGreaterThan(0);
  const oneWay = run([{ kind: 'oneWay', atUs, forUs, from: [n1], to: [n2, n3] }]);
  expect([heard(oneWay, n2, [n1]), heard(oneWay, n3, [n1])]).toEqual([0, 0]);
  expect(heard(oneWay, n1, [n2, n3])).toBeGreaterThan(0);
});

test('requests whose answers are cut off may have been done: their outcome is unknown', () => {
  const { result } = run([
    { kind: 'clientCut', atUs, forUs: 6_000_000, clients: [0, 1], nodes: all, direction: 'answers' },
  ]);
  expect(result.operations.unknown).toBeGreaterThan(0);
  expect(run([]).result.operations).toMatchObject({ unknown: 0, failed: 0 });
});

test('faults that reach beyond the end are ended with it, and the cluster still converges', () => {
  const late = 11_000_000;
  const long = 60_000_000;
  const { result } = run([
    { kind: 'partition', atUs: late, forUs: long, side: [n1], otherSide: [n2, n3] },
    { kind: 'clog', atUs: late, forUs: long, from: n2, to: n3 },
    { kind: 'slowNetwork', atUs: late, forUs: long, factor: 50 },
    { kind: 'slowDisk', atUs: late, forUs: long, node: n3, factor: 200 },
    { kind: 'pause', atUs: late, node: n2, forUs: long },
    { kind: 'crash', atUs: late, node: n3, downUs: long },
  ]);
  expect(result.simulatedUs).toBeLessThan(30_000_000);
});
