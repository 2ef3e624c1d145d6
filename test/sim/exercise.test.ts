import { expect, test } from 'vitest';

import { type NodeId, nodeId } from '../../core/base/ids.ts';
import { RangeRequest, RangeResponse } from '../../core/chainfire/api/kv.ts';
import { ExerciseMeter, missedFloor } from '../../sim/exercise.ts';
import { type Operation, type RunResult } from '../../sim/types.ts';
import { member, step } from './checkers/observations.ts';

const noServices = { watchEvents: 0, leasesGranted: 0, leasesExpired: 0, locksHeld: 0 };
const result: RunResult = {
  scenario: 'x',
  seed: 1,
  violation: undefined,
  hash: '0',
  simulatedUs: 100,
  events: 1,
  operations: { answered: 5, refused: 0, failed: 0, unknown: 0, ...noServices },
  elections: 2,
  snapshotsInstalled: 0,
  faultsFired: { crash: 3 },
  coverage: [],
};

test('a run that reaches its floors has missed none, one below says which', () => {
  const meter = new ExerciseMeter([]);
  expect(missedFloor({ answered: 5, elections: 2, fired: { crash: 3 } }, result, meter)).toBeUndefined();
  expect(missedFloor({ elections: 3 }, result, meter)).toBe('elections: 2, where 3 is the least');
  expect(missedFloor({ fired: { crash: 4 } }, result, meter)).toBe('crash fired: 3, where 4 is the least');
  expect(missedFloor({ fired: { pause: 1 } }, result, meter)).toBe('pause fired: 0, where 1 is the least');
  expect(missedFloor({ snapshotsInstalled: 1 }, result, meter)).toBe(
    'snapshots installed: 0, where 1 is the least',
  );
});

test('a leader is isolated when it is cut off, alone, and still takes itself for the leader; once a partition', () => {
  const [one, two, three] = [1, 2, 3].map(nodeId) as [NodeId, NodeId, NodeId];
  const meter = new ExerciseMeter([
    { kind: 'partition', atUs: 10, forUs: 10, side: [one], otherSide: [two, three] },
    { kind: 'partition', atUs: 30, forUs: 10, side: [one, two], otherSide: [three] },
  ]);
  const leads = (node: number, nowUs: number): void =>
    meter.onStep({ ...step({ node, role: 'leader' }), nowUs });
  leads(1, 9);
  leads(2, 15);
  leads(1, 20);
  leads(1, 35);
  expect(meter.isolatedLeaders).toBe(0);
  leads(1, 10);
  leads(1, 15);
  expect(meter.isolatedLeaders).toBe(1);
});

test('a tail is torn when a restart finds less than was written', () => {
  const meter = new ExerciseMeter([]);
  meter.onStep(step({ node: 1, log: [1, 1, 1] }));
  meter.onRecovered(nodeId(1), member({ node: 1, log: [1, 1, 1] }));
  expect(meter.tornTails).toBe(0);
  meter.onRecovered(nodeId(1), member({ node: 1, log: [1] }));
  expect(meter.tornTails).toBe(1);
});

test('reads count while a fault is in force, if they must be linearizable and were answered', () => {
  const read = (startUs: number, endUs: number, serializable = false): Operation => ({
    client: 1,
    callId: 1,
    request: { kind: 'range', request: RangeRequest.create({ key: 'a', serializable }) },
    startUs,
    endUs,
    outcome: { kind: 'answered', response: { kind: 'range', response: RangeResponse.create() } },
  });
  const meter = new ExerciseMeter([
    { kind: 'partition', atUs: 10, forUs: 10, side: [nodeId(1)], otherSide: [nodeId(2)] },
  ]);
  const history = [read(0, 5), read(9, 12), read(11, 12), read(11, 12, true), read(19, 21)];
  meter.onEnd({ nowUs: 0, history, members: new Map(), watches: [], holds: [] });
  expect(meter.readsDuringFaults).toBe(1);
});
