import { expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { canary } from '../../../scenarios/canary.ts';
import { type FaultInForce } from '../../../sim/faults/scene.ts';
import { Run } from '../../../sim/run.ts';
import { type Fault } from '../../../sim/fault.ts';
import { type Checker, type Operation, type StepObservation, Violation } from '../../../sim/types.ts';
import { QuietWatcher } from '../../../sim/watcher.ts';

const forUs = 100_000_000;
const [one, two, three] = [nodeId(1), nodeId(2), nodeId(3)];
const lasting: readonly Fault[] = [
  { kind: 'slowNetwork', atUs: 0, forUs, factor: 2 },
  { kind: 'slowDisk', atUs: 0, forUs, node: one, factor: 2 },
  { kind: 'partition', atUs: 2_000_000, forUs, side: [three], otherSide: [one, two] },
];
const others: readonly Fault[] = [
  // It is over, and was counted then.
  { kind: 'partition', atUs: 1_000_000, forUs: 500_000, side: [two], otherSide: [one, three] },
  // Nobody asks it anything.
  { kind: 'clientCut', atUs: 0, forUs, clients: [77], nodes: [one], direction: 'both' },
  // It has not begun.
  { kind: 'slowDisk', atUs: 9_000_000, forUs, node: two, factor: 2 },
];

class Eye extends QuietWatcher {
  met: readonly FaultInForce[] = [];
  readonly counted: Fault[] = [];

  override fired(fault: Fault): void {
    this.counted.push(fault);
  }

  override over(_operations: readonly Operation[], met: readonly FaultInForce[]): void {
    this.met = met;
  }
}

/** Ends the run where it stands, as whoever finds something does. */
const ender: Checker = {
  name: 'ender',
  onStep: ({ nowUs }: StepObservation) => {
    if (nowUs > 5_000_000) throw new Violation('ended', 'it is 5 s');
  },
};

test('a run that ends in the middle of its faults says which of them have hurt anything', () => {
  const eye = new Eye();
  const plan = { ...canary.plan(1), faults: [...lasting, ...others], floors: {} };
  const { violation, faultsFired } = new Run(plan, 1, { checkers: [ender], watcher: eye }).run();
  expect(violation?.invariant).toBe('ended');
  expect(eye.met.map(({ fault, fromUs }) => [fault.kind, fromUs])).toEqual([
    ['slowNetwork', 0],
    ['partition', 2_000_000],
    ['slowDisk', 0],
  ]);
  expect(eye.counted).toEqual([others[0]]);
  expect(faultsFired).toEqual({ partition: 1 });
});

test('one that goes to its end has counted them all, but for a disk that was slow until the quiet set in', () => {
  const eye = new Eye();
  const plan = { ...canary.plan(1), faults: lasting, floors: {} };
  new Run(plan, 1, { checkers: [], watcher: eye }).run();
  expect(eye.counted.map(({ kind }) => kind)).toEqual(['slowNetwork', 'partition']);
  expect(eye.met.map(({ fault }) => fault.kind)).toEqual(['slowDisk']);
});
