import { expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { faultRecords } from '../../../reports/evidence/fault-records.ts';
import { scenarioNamed } from '../../../scenarios/registry.ts';
import { type Fault } from '../../../sim/fault.ts';

const node = nodeId(1);
const durationUs = 1_000;

test.each<[what: string, fault: Fault, struckUs: number | undefined, fromUs: number, toUs: number]>([
  ['a pause lasts as long as it says', { kind: 'pause', atUs: 10, node, forUs: 5 }, 10, 10, 15],
  ['a crash until its process starts again', { kind: 'crash', atUs: 10, node, downUs: 7 }, 10, 10, 17],
  [
    'one that waits for its moment begins with it',
    { kind: 'crash', atUs: 10, node, downUs: 7, moment: 'syncing' },
    30,
    30,
    37,
  ],
  [
    'so does a cut that waits for an election, and it is seen at its end',
    { kind: 'oneWay', atUs: 10, forUs: 20, from: [node], to: [nodeId(2)], moment: 'elected' },
    90,
    70,
    90,
  ],
  [
    'what lies until the power fails is down behind that',
    { kind: 'lostSync', atUs: 10, forUs: 5, node, downUs: 3 },
    15,
    10,
    18,
  ],
  ['a drift lasts to the end of the run', { kind: 'clockDrift', atUs: 10, node, driftPpm: 9 }, 10, 10, 5_000],
  ['a change of members until it has taken effect', { kind: 'wipe', atUs: 10, node }, 60, 10, 60],
  [
    'what never fired was there for its time',
    { kind: 'diskFull', atUs: 10, forUs: 5, node },
    undefined,
    10,
    15,
  ],
  ['the liveness phase ends what is left', { kind: 'pause', atUs: 990, node, forUs: 5_000 }, 990, 990, 1_000],
])('%s', (_, fault, struckUs, fromUs, toUs) => {
  const scenario = { ...scenarioNamed('swarm').plan(1), durationUs, faults: [fault] };
  const fired = new Map(struckUs === undefined ? [] : [[fault, struckUs]]);
  expect(faultRecords(scenario, fired, 5_000)).toEqual([
    { position: 0, fault, fromUs, toUs, fired: struckUs !== undefined },
  ]);
});

test('a run that ends before a fault shows it at its end', () => {
  const fault: Fault = { kind: 'pause', atUs: 900, node, forUs: 5 };
  const scenario = { ...scenarioNamed('swarm').plan(1), durationUs, faults: [fault] };
  expect(faultRecords(scenario, new Map(), 400)[0]).toMatchObject({ fromUs: 400, toUs: 400, fired: false });
});
