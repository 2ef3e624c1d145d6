import { expect, test } from 'vitest';
import { nodeId } from '../../../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../../../core/base/units.ts';
import { type ChainfireMember } from '../../../core/chainfire/member.ts';
import { Run } from '../../../sim/run.ts';
import { type Fault } from '../../../sim/fault.ts';
import { type Checker, type RunEnd, type Scenario } from '../../../sim/types.ts';

function scenario(faults: readonly Fault[], more: Partial<Scenario['cluster']> = {}): Scenario {
  return {
    name: 'members',
    about: 'members come and go',
    cluster: { members: 3, spares: 1, config: {}, throughCodec: true, ...more },
    workload: {
      clients: 1,
      keys: 2,
      thinkUsMin: 20 * usPerMs,
      thinkUsMax: 50 * usPerMs,
      callTimeoutUs: usPerSecond,
      mix: { put: 3, get: 1 },
    },
    faults,
    checks: 'all',
    durationUs: 12 * usPerSecond,
  };
}

/** Sees how it ended, and who started under which id. */
class Witness implements Checker {
  readonly name = 'witness';
  readonly starts: number[] = [];
  end: RunEnd | undefined;

  onRecovered(node: number): void {
    this.starts.push(node);
  }

  onEnd(end: RunEnd): void {
    this.end = end;
  }

  get last(): ChainfireMember | undefined {
    return [...(this.end?.members.values() ?? [])][0];
  }
}

function run(
  faults: readonly Fault[],
  more: Partial<Scenario['cluster']> = {},
): { witness: Witness; fired: object } {
  const witness = new Witness();
  const result = new Run(scenario(faults, more), 1, { checkers: [witness] }).run();
  expect(result.violation).toBeUndefined();
  return { witness, fired: result.faultsFired };
}

const atUs = 2 * usPerSecond;

test('a member is added at a machine where nobody lives, and votes', () => {
  const { witness, fired } = run([{ kind: 'grow', atUs, as: 'voter' }]);
  expect(fired).toEqual({ grow: 1 });
  expect(witness.last?.view.raft.configuration.voters).toEqual([1, 2, 3, 4]);
  expect(witness.last?.view.members[3]).toMatchObject({ name: 'member-4' });
});

test('a learner stays one until it is promoted', () => {
  const grow: Fault = { kind: 'grow', atUs, as: 'learner' };
  expect(run([grow]).witness.last?.view.raft.configuration.learners).toEqual([4]);
  const { witness, fired } = run([grow, { kind: 'promote', atUs: 2 * atUs }]);
  expect(fired).toEqual({ grow: 1, promote: 1 });
  expect(witness.last?.view.raft.configuration).toMatchObject({ voters: [1, 2, 3, 4], learners: [] });
});

test('who is taken out stops, and too few are never left', () => {
  const shrink = (node: number, at: number): Fault => ({
    kind: 'shrink',
    atUs: at * usPerSecond,
    node: nodeId(node),
  });
  const { witness, fired } = run([shrink(3, 2), shrink(2, 4), shrink(1, 6)]);
  expect(fired).toEqual({ shrink: 1 });
  expect(witness.last?.view.raft.configuration.voters).toEqual([1, 2]);
});

test('a machine that is given to another member has another id and nothing of the former', () => {
  const { witness, fired } = run([{ kind: 'replace', atUs, node: nodeId(2) }]);
  expect(fired).toEqual({ replace: 1 });
  expect(witness.last?.view.raft.configuration.voters).toEqual([1, 3, 4]);
});

test('a member whose disks are lost never starts again; another takes its place', () => {
  const { witness, fired } = run([{ kind: 'wipe', atUs, node: nodeId(2) }]);
  expect(fired).toEqual({ wipe: 1 });
  expect(witness.starts.filter((node) => node === 2)).toHaveLength(1);
  expect(witness.last?.view.raft.configuration.voters).toEqual([1, 3, 4]);
});

test('a member whose disks are lost as faults end does not start again either', () => {
  const endUs = scenario([]).durationUs;
  const { witness, fired } = run([{ kind: 'wipe', atUs: endUs - 20 * usPerMs, node: nodeId(2) }]);
  expect(fired).toEqual({ wipe: 1 });
  expect(witness.starts.filter((node) => node === 2)).toHaveLength(1);
  expect([...(witness.end?.members.keys() ?? [])]).toEqual([1, 3]);
});

test('the disks of a machine whose like nobody has are spared', () => {
  expect(run([{ kind: 'wipe', atUs, node: nodeId(1) }], { members: 1, spares: 0 }).fired).toEqual({});
  expect(run([{ kind: 'wipe', atUs, node: nodeId(1) }], { members: 2, spares: 0 }).fired).toEqual({});
});

test('disks that cannot be spared yet are lost as soon as the others hold what was on them', () => {
  const pause: Fault = { kind: 'pause', atUs: atUs - 500 * usPerMs, node: nodeId(2), forUs: usPerSecond };
  const { witness, fired } = run([pause, { kind: 'wipe', atUs, node: nodeId(3) }]);
  expect(fired).toEqual({ pause: 1, wipe: 1 });
  expect(witness.last?.view.raft.configuration.voters).toEqual([1, 2, 4]);
});

test('who was cut off until all whom it knew had left is told of those there are, and stops', () => {
  const shrink = (node: number, at: number): Fault => ({
    kind: 'shrink',
    atUs: at * 1_000_000,
    node: nodeId(node),
  });
  const faults: readonly Fault[] = [
    {
      kind: 'partition',
      atUs,
      forUs: 9 * usPerSecond,
      side: [nodeId(3)],
      otherSide: [1, 2, 4, 5].map(nodeId),
    },
    shrink(3, 2.5),
    { kind: 'grow', atUs: 4 * usPerSecond, as: 'voter' },
    { kind: 'grow', atUs: 5 * usPerSecond, as: 'voter' },
    shrink(1, 6),
    shrink(2, 7),
  ];
  // Member 2 is told of its own removal, and the operator no more: it is asking member 3 by then.
  const { witness, fired } = run(faults, { spares: 2 });
  expect(fired).toEqual({ partition: 1, grow: 2, shrink: 2 });
  expect(witness.last?.view.raft.configuration.voters).toEqual([4, 5]);
});

test('the leadership moves to a machine, and a machine where nobody lives is passed over', () => {
  const moves = [1, 2, 3, 4].map((node): Fault => ({
    kind: 'moveLeader',
    atUs: node * 2 * usPerSecond,
    node: nodeId(node),
  }));
  expect(run(moves).fired).toEqual({ moveLeader: 3 });
});
