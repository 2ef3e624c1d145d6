import { expect, test } from 'vitest';

import { present } from '../../../core/base/assert.ts';
import { nodeId } from '../../../core/base/ids.ts';
import { RecordingEvidence, type RecordedStep } from '../../../reports/evidence/recording.ts';
import { collectEvidence } from '../../../reports/evidence/collect.ts';
import { memberState } from '../../../reports/evidence/node-state.ts';
import { type Change, type NodeState } from '../../../reports/evidence/types.ts';
import { scenarioNamed } from '../../../scenarios/registry.ts';
import { type WatchedProcess } from '../../../sim/process-watcher.ts';
import { Run } from '../../../sim/run.ts';
import { type StepObservation } from '../../../sim/types.ts';
import { QuietWatcher } from '../../../sim/watcher.ts';

const seed = 7;
const plan = { ...scenarioNamed('swarm').plan(seed), durationUs: 40_000_000, floors: {} };
const node = nodeId(1);
const end = { name: 'a recording', hash: '0123456789abcdef', difference: undefined };

/** Tells of one node's steps as a replay of its recording would. */
class Replay extends QuietWatcher {
  readonly #tell: (step: RecordedStep) => void;

  constructor(tell: (step: RecordedStep) => void) {
    super();
    this.#tell = tell;
  }

  override stepped(process: WatchedProcess, { event, effects, member }: StepObservation): void {
    if (process.node !== node) return;
    this.#tell({ boot: process.boot, atUs: process.nowUs, event, effects, member });
  }
}

function recorded(options: { readonly stepsMax?: number; readonly statesMax?: number } = {}) {
  const recording = new RecordingEvidence({ node, ...options });
  const live: NodeState[] = [];
  const watcher = new Replay((step) => {
    recording.step(step);
    live.push(memberState(node, step.member));
  });
  new Run(plan, seed, { checkers: [], watcher }).run();
  return { ...recording.finish(end), live };
}

test('a recording shows what its node did in the run that it is of: the same steps and the same lanes', () => {
  const { evidence } = recorded();
  const whole = collectEvidence(plan, seed);
  const own = whole.steps.filter((step) => step.node === node);
  expect(evidence.steps.map(({ event, effects, boot }) => [event, effects, boot])).toEqual(
    own.map(({ event, effects, boot }) => [event, effects, boot]),
  );
  const [lanes, wholeLanes] = [evidence, whole].map((of) =>
    present(of.lanes.get(node), 'the node has lanes'),
  );
  for (const name of ['term', 'commitIndex', 'appliedIndex', 'durableBytes'] as const) {
    expect(values(lanes?.[name])).toEqual(values(wholeLanes?.[name]));
  }
  expect(evidence.steps.at(-1)?.boot).toBeGreaterThan(1);
  expect(evidence.result).toMatchObject({ scenario: 'a recording', hash: end.hash, events: own.length });
});

test('time goes on from boot to boot, with the process down between them', () => {
  const { evidence } = recorded();
  const times = evidence.steps.map(({ atUs }) => atUs);
  expect(times).toEqual([...times].sort((left, right) => left - right));
  const downs = present(evidence.lanes.get(node), 'the node has lanes').role.filter(
    ({ value }) => value === 'down',
  );
  expect(downs).toHaveLength(new Set(evidence.steps.map(({ boot }) => boot)).size - 1);
});

test('of the newest steps the states are there, each as it was after its step', () => {
  const { states, live, evidence } = recorded({ statesMax: 50 });
  expect(states).toEqual(live.slice(-50));
  expect(evidence.steps.length).toBeGreaterThan(50);
  expect(recorded({ statesMax: 0 }).states).toEqual([]);
});

test('a replay that differs is a violation, named as such', () => {
  const recording = new RecordingEvidence({ node });
  const { evidence } = recording.finish({ ...end, difference: 'step 7 gave another hash' });
  expect(evidence.result.violation).toMatchObject({
    invariant: 'replay',
    detail: 'replay: step 7 gave another hash',
  });
});

function values<T>(changes: readonly Change<T>[] | undefined): readonly T[] {
  return (changes ?? []).map(({ value }) => value);
}
