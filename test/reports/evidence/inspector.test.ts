import { describe, expect, test } from 'vitest';

import { present } from '../../../core/base/assert.ts';
import { type NodeId } from '../../../core/base/ids.ts';
import { Inspector, inspectAt } from '../../../reports/evidence/inspector.ts';
import { type NodeState } from '../../../reports/evidence/types.ts';
import { scenarioNamed } from '../../../scenarios/registry.ts';
import { Run } from '../../../sim/run.ts';
import { type Checker, type StepObservation } from '../../../sim/types.ts';

const seed = 7;
const plan = { ...scenarioNamed('swarm').plan(seed), durationUs: 20_000_000, floors: {} };

/** What a checker sees of the member that has made the step, step by step. */
class Witness implements Checker {
  readonly name = 'witness';
  readonly seen: { readonly node: NodeId; readonly facts: Readonly<Record<string, string>> }[] = [];

  onStep({ node, member }: StepObservation): void {
    const { raft, revision, appliedIndex, appliedTerm, leaseCount, watches } = member.view;
    this.seen.push({
      node,
      facts: {
        'raft.term': String(raft.term),
        'raft.vote': raft.vote === 0 ? 'nobody' : `n${raft.vote}`,
        'log.committed': String(raft.commitIndex),
        'log.synced': String(raft.syncedIndex),
        'log.applied': `${appliedIndex} of term ${appliedTerm}`,
        'store.revision': String(revision),
        'leases.count': String(leaseCount),
        'watches.watches': String(watches.watches),
      },
    });
  }
}

const witness = new Witness();
const whole = new Run(plan, seed, { checkers: [witness] });
whole.run();
const steps = whole.steps;

describe('the state of a node after a step', () => {
  test('is what a checker saw live at that step, wherever one looks next', () => {
    const inspector = new Inspector(plan, seed);
    const [half, late] = [Math.floor(steps / 2), Math.floor((3 * steps) / 4)];
    const looks = [0, 1, 2, half, half - 1, half - 2, steps - 1, steps - 20, late, late + 1, late + 2, 3];
    for (const step of looks) expectSeen(inspector.at(step), step);
  });

  test('and of the others as it was after their last step before', () => {
    const inspector = new Inspector(plan, seed);
    const step = Math.floor(steps / 2);
    const states = inspector.at(step);
    expect(states.map(({ node }) => node)).toEqual(whole.processes.map(({ node }) => node));
    for (const state of states) {
      if (field(state, 'process.state') !== 'up') continue;
      const last = witness.seen.slice(0, step + 1).findLast(({ node }) => node === state.node);
      expect(factsOf(state)).toEqual(present(last, 'it has made a step').facts);
    }
  });

  test('is the same for one look and for one among many', () => {
    const inspector = new Inspector(plan, seed);
    for (const step of [40, 90, 41]) expect(inspector.at(step)).toEqual(inspectAt(plan, seed, step));
  });

  test('shows keys, leases and disks in words, of a node that is down what lies on its disks', () => {
    const inspector = new Inspector(plan, seed);
    const all = Array.from({ length: 40 }, (_, part) => inspector.at(Math.floor((part * steps) / 40))).flat();
    const names = new Set(all.flatMap(({ sections }) => sections.map(({ name }) => name)));
    expect([...names]).toEqual(
      expect.arrayContaining(['process', 'raft', 'log', 'store', 'leases', 'watches', 'keys', 'disk']),
    );
    expect(all.some((state) => Number(field(state, 'keys.count')) > 0)).toBe(true);
    const down = present(
      all.find((state) => field(state, 'process.state') === 'down'),
      'some are down at times',
    );
    expect(down.sections.map(({ name }) => name)).toEqual(['process', 'keys', 'disk']);
  });
});

test('a step that the run does not have is refused with those that it has', () => {
  const inspector = new Inspector(plan, seed);
  expect(() => inspector.at(10_000_000)).toThrow(`the run has steps 0 to ${steps - 1}`);
  expect(inspector.at(5)).toEqual(inspectAt(plan, seed, 5));
});

test('a run that is stopped on its way and goes on gives the same hash as one that goes through', () => {
  const stopped = new Run(plan, seed, {});
  for (let step = 1; stopped.advance(step); step += 97);
  expect(stopped.run()).toEqual(new Run(plan, seed, {}).run());
});

function expectSeen(states: readonly NodeState[], step: number): void {
  const { node, facts } = present(witness.seen[step], 'the run has this step');
  const state = present(
    states.find((candidate) => candidate.node === node),
    'every node is shown',
  );
  expect(factsOf(state)).toEqual(facts);
}

function factsOf(state: NodeState): Readonly<Record<string, string | undefined>> {
  const names = Object.keys(present(witness.seen[0], 'a run has steps').facts);
  return Object.fromEntries(names.map((name) => [name, field(state, name)]));
}

function field(state: NodeState, name: string): string | undefined {
  const [section, wanted] = name.split('.');
  const fields = state.sections.find((candidate) => candidate.name === section)?.fields ?? [];
  return fields.find(([candidate]) => candidate === wanted)?.[1];
}
