import { expect, test } from 'vitest';

import { Tally } from '../../reports/tally.ts';
import { faultKinds } from '../../sim/fault-shapes.ts';
import { type RunResult } from '../../sim/types.ts';

const services = { watchEvents: 90, leasesGranted: 4, leasesExpired: 2, locksHeld: 2 };
const busy: RunResult = {
  scenario: 'swarm',
  seed: 1,
  violation: undefined,
  hash: '0',
  simulatedUs: 60_000_000,
  events: 1_000,
  operations: { answered: 100, refused: 1, failed: 1, unknown: 2, ...services },
  elections: 3,
  snapshotsInstalled: 1,
  faultsFired: Object.fromEntries(faultKinds.map((kind) => [kind, 1])),
  coverage: [],
};

function tallyOf(count: number, changes: Partial<RunResult> = {}): Tally {
  const tally = new Tally();
  for (let run = 0; run < count; run += 1) tally.add({ ...busy, ...changes });
  return tally;
}

test('twenty busy seeds reach every floor', () => {
  expect(tallyOf(20).missedFloors()).toEqual([]);
});

test('fewer seeds have none, since chance may leave something out', () => {
  expect(tallyOf(19, { elections: 0, faultsFired: {} }).missedFloors()).toEqual([]);
});

test('a kind of fault that never fired is named, and so is a run in which little happened', () => {
  expect(tallyOf(20, { faultsFired: { ...busy.faultsFired, crash: 0 } }).missedFloors()).toEqual([
    'crash fired: 0, where 20 seeds should reach 1',
  ]);
  expect(
    tallyOf(20, {
      operations: { answered: 3, refused: 0, failed: 0, unknown: 2, ...services },
    }).missedFloors(),
  ).toEqual(['operations answered: 60, where 20 seeds should reach 1000']);
});

test('watches that told nothing, leases and locks that nobody had are named', () => {
  const idle = { watchEvents: 0, leasesGranted: 0, leasesExpired: 0, locksHeld: 0 };
  const missed = tallyOf(20, { operations: { ...busy.operations, ...idle } }).missedFloors();
  expect(missed.map((line) => line.split(':')[0])).toEqual([
    'events watched',
    'leases granted',
    'leases expired',
    'locks held',
  ]);
});
