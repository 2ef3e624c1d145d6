import { expect, test } from 'vitest';

import { nodeId } from '../../core/base/ids.ts';
import { defaultRaftOptions } from '../../core/raft/types.ts';
import { aimedScenarios } from '../../scenarios/aimed.ts';
import { scenarios } from '../../scenarios/registry.ts';
import { decodeRepro, encodeRepro } from '../../sim/repro-file.ts';
import { type Repro } from '../../sim/repro.ts';
import { type Fault } from '../../sim/fault.ts';
import { type Scenario } from '../../sim/types.ts';

const plan: Scenario = {
  name: 'two-restarts',
  about: 'Nothing in particular.',
  cluster: {
    members: 3,
    config: { raft: { ...defaultRaftOptions, leaseReads: { clockDriftPpmMax: 7 } }, trailingEntries: 3 },
    throughCodec: true,
  },
  workload: {
    clients: 2,
    keys: 1,
    thinkUsMin: 1,
    thinkUsMax: 2,
    callTimeoutUs: 3,
    clientLifeUsMax: undefined,
    mix: { put: 1, watch: 0 },
  },
  faults: [
    { kind: 'crash', atUs: 5, node: nodeId(3), downUs: 6, moment: 'syncing' },
    { kind: 'clockDrift', atUs: 6, node: nodeId(1), driftPpm: -20 },
    { kind: 'partition', atUs: 7, forUs: 8, side: [nodeId(1)], otherSide: [nodeId(2), nodeId(3)] },
    { kind: 'clientCut', atUs: 7, forUs: 8, clients: [0, 1], nodes: [nodeId(2)], direction: 'answers' },
  ],
  checks: ['linearizability'],
  durationUs: 9,
  floors: { answered: 2, fired: { crash: 1 } },
};

function reproOf(scenario: Scenario, faults: readonly Fault[] = scenario.faults): Repro {
  return {
    format: 1,
    commit: '60af694b783c8e',
    dirty: false,
    sources: undefined,
    mutant: 'vote-before-durable',
    seed: 7,
    scenario,
    violation: { invariant: 'vote-once', site: 'member # voted', detail: 'member 3 voted', atUs: 12 },
    hash: '0123456789abcdef',
    events: 40,
    original: { scenario: 'swarm', seed: 9, faults, durationUs: 10, clients: 3, events: 50 },
  };
}

test('a repro is the same after it went through a file, fields that are undefined included', () => {
  const again = decodeRepro(encodeRepro(reproOf(plan)));
  expect(again).toStrictEqual(reproOf(plan));
  expect(Object.hasOwn(again.scenario.workload, 'clientLifeUsMax')).toBe(true);
  expect(Object.hasOwn(again.scenario.workload, 'valueBytesMax')).toBe(false);
});

test('faults keep the order of their fields: their randomness is drawn from how they are written', () => {
  const again = decodeRepro(encodeRepro(reproOf(plan)));
  expect(JSON.stringify(again.scenario.faults)).toBe(JSON.stringify(plan.faults));
});

test.each([...scenarios, ...aimedScenarios].map((source) => [source.name, source] as const))(
  'the plans of %s go through a file as they are',
  (_name, source) => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const repro = reproOf(source.plan(seed));
      expect(decodeRepro(encodeRepro(repro))).toStrictEqual(repro);
    }
  },
);

test('a fault is on one line, so that a schedule can be read', () => {
  expect(encodeRepro(reproOf(plan))).toContain(
    '\n      { "kind": "crash", "atUs": 5, "node": 3, "downUs": 6, "moment": "syncing" },\n',
  );
});

test('what JSON cannot hold is not written', () => {
  const infinite = { ...plan, durationUs: Infinity };
  expect(() => encodeRepro(reproOf(infinite))).toThrow('Infinity cannot be written');
});

type Change = (file: Record<string, never> & { scenario: Record<string, never> }) => unknown;
const set =
  (path: readonly (string | number)[], value: unknown): Change =>
  (file) => {
    let at = file as Record<string | number, unknown>;
    for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
    const last = path.at(-1) ?? '';
    if (value === undefined) Reflect.deleteProperty(at, last);
    else at[last] = value;
    return file;
  };

test.each([
  ['format', set(['format'], 2), 'format: 2 is not a format known here'],
  ['seed', set(['seed'], -1), 'seed: -1 is not a whole number of 0 or more'],
  ['a missing hash', set(['hash'], undefined), 'hash is missing'],
  ['hash', set(['hash'], 'xyz'), 'hash: "xyz" is not a hash of 16 hex digits'],
  ['an unknown field', set(['extra'], 1), 'extra is not known; allowed: format, commit'],
  [
    'kind',
    set(['scenario', 'faults', 0, 'kind'], 'crush'),
    'scenario.faults[0].kind: "crush" is not one of crash',
  ],
  ['time', set(['scenario', 'faults', 1, 'atUs'], 1.5), 'scenario.faults[1].atUs: 1.5 is not a whole number'],
  [
    'field',
    set(['scenario', 'faults', 1, 'forUs'], 1),
    'scenario.faults[1].forUs is not known; allowed: kind, atUs',
  ],
  [
    'word',
    set(['scenario', 'faults', 0, 'moment'], 'lunch'),
    'scenario.faults[0].moment: "lunch" is not one of syncing',
  ],
  [
    'node',
    set(['scenario', 'faults', 0, 'node'], 4),
    'scenario.faults[0].node: 4 is no member of a cluster on 3 machines',
  ],
  ['client', set(['scenario', 'faults', 3, 'clients'], [0, 2]), 'scenario.faults[3].clients: 2 is no client'],
  ['side', set(['scenario', 'faults', 2, 'side'], []), 'scenario.faults[2].side: 0 items'],
  [
    'setting',
    set(['scenario', 'cluster', 'config', 'speed'], 1),
    'scenario.cluster.config.speed is not known',
  ],
  [
    'raft',
    set(['scenario', 'cluster', 'config', 'raft', 'leaseReads'], 3),
    'config.raft.leaseReads: 3 is not an object',
  ],
  [
    'raft field',
    set(['scenario', 'cluster', 'config', 'raft', 'cacheBytesMax'], undefined),
    'cacheBytesMax is missing',
  ],
  ['mix', set(['scenario', 'workload', 'mix', 'jump'], 1), 'scenario.workload.mix.jump is not known'],
  ['checks', set(['scenario', 'checks'], ['beauty']), 'scenario.checks[0]: "beauty" is not one of vote-once'],
  ['floors', set(['scenario', 'floors', 'fired', 'crush'], 1), 'scenario.floors.fired.crush is not known'],
  ['origin', set(['original', 'seed'], 'x'), 'original.seed: "x" is not a whole number'],
])('a file whose %s is wrong is refused, and the field named', (_what, change, message) => {
  const file = JSON.parse(encodeRepro(reproOf(plan))) as Parameters<Change>[0];
  expect(() => decodeRepro(JSON.stringify(change(file)))).toThrow(message);
});

test('what is no JSON is refused', () => {
  expect(() => decodeRepro('{')).toThrow('not JSON');
  expect(() => decodeRepro('[]')).toThrow('is not an object');
});
