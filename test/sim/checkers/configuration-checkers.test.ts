import { expect, test } from 'vitest';
import { nodeId } from '../../../core/base/ids.ts';
import { encodeConfiguration } from '../../../core/raft/configuration.ts';
import { type Configuration, type Entry, type RaftMessage, type RaftView } from '../../../core/raft/types.ts';
import { type ChainfireMember } from '../../../core/chainfire/member.ts';
import { CommitQuorum } from '../../../sim/checkers/commit-quorum.ts';
import { ConfigurationChanges } from '../../../sim/checkers/configuration-changes.ts';
import { ConfigurationInForce } from '../../../sim/checkers/configuration-in-force.ts';
import { ElectionQuorum } from '../../../sim/checkers/election-quorum.ts';
import { LogConfigurations } from '../../../sim/checkers/log-configurations.ts';
import { type Checker, type StepObservation } from '../../../sim/types.ts';
import { type Shown, send, step, tick, together, watch } from './observations.ts';

const birth = configuration([1, 2, 3]);
const joint = configuration([1, 2, 3, 4], { outgoing: [1, 2, 3] });
const grown = configuration([1, 2, 3, 4]);

function configuration(
  voters: readonly number[],
  more: { outgoing?: readonly number[]; learners?: readonly number[] } = {},
): Configuration {
  const ids = (list: readonly number[] = []): Configuration['voters'] => list.map(nodeId);
  return { voters: ids(voters), outgoing: ids(more.outgoing), learners: ids(more.learners) };
}

/** A member whose log has configurations at these indexes; it goes by the newest, unless said otherwise. */
function shown(
  given: Shown & {
    readonly configurations?: Readonly<Record<number, Configuration>>;
    readonly goesBy?: Configuration;
  },
  effects: StepObservation['effects'] = [],
): StepObservation {
  const { configurations = {}, goesBy } = given;
  const plain = step(given, tick, effects);
  const { raft } = plain.member.view;
  const newest = Object.keys(configurations)
    .map(Number)
    .sort((left, right) => left - right)
    .at(-1);
  const entry = (index: number): Entry => {
    const held = configurations[index];
    const term = raft.termAt(index) ?? 0;
    return held === undefined
      ? { index, term, kind: 'empty', data: new Uint8Array() }
      : { index, term, kind: 'configuration', data: encodeConfiguration(held) };
  };
  const view: Partial<RaftView> = {
    configuration: goesBy ?? (newest === undefined ? birth : (configurations[newest] ?? birth)),
    entries: (from, to) => Array.from({ length: to - from + 1 }, (_, at) => entry(from + at)),
  };
  const member = { view: { ...plain.member.view, raft: { ...raft, ...view } } } as unknown as ChainfireMember;
  return { ...plain, member };
}

function watchBehind(
  create: (configurations: LogConfigurations) => Checker,
  steps: Parameters<typeof watch>[1],
): string | undefined {
  const configurations = new LogConfigurations();
  return watch(together(configurations, create(configurations)), steps);
}

const inForce = (steps: readonly StepObservation[]): string | undefined =>
  watchBehind((configurations) => new ConfigurationInForce(configurations), steps);
const changes = (steps: readonly StepObservation[]): string | undefined =>
  watchBehind((configurations) => new ConfigurationChanges(configurations), steps);
const elections = (steps: Parameters<typeof watch>[1]): string | undefined =>
  watchBehind((configurations) => new ElectionQuorum(configurations), steps);
const commits = (steps: readonly StepObservation[]): string | undefined =>
  watchBehind((configurations) => new CommitQuorum(configurations), steps);

test('configuration-in-force fires on one that is not yet gone by, and on one that was cut away', () => {
  const begun = { node: 1, log: [1, 1], configurations: { 2: joint } };
  const start = shown({ node: 1, log: [1] });
  expect(inForce([start, shown(begun)])).toBeUndefined();
  expect(inForce([start, shown({ ...begun, goesBy: birth })])).toBe('configuration-in-force');
  const cut = { node: 1, term: 2, log: [1, 2] };
  expect(inForce([start, shown(begun), shown(cut)])).toBeUndefined();
  expect(inForce([start, shown(begun), shown({ ...cut, goesBy: joint })])).toBe('configuration-in-force');
});

test('configuration-in-force goes by what is committed behind a snapshot, not by what it took the place of', () => {
  const start = shown({ node: 1, log: [1] });
  const begun = shown({ node: 1, log: [1, 1, 1], configurations: { 2: joint } });
  const otherwise = configuration([1, 2], { outgoing: [1, 2, 3] });
  const decided = { node: 2, term: 2, log: [1, 2, 2, 2], commit: 4 };
  const empty = shown(decided);
  const changed = shown({ ...decided, configurations: { 2: otherwise } });
  // Its position is beyond the member's log, at its end, or below it.
  for (const log of [
    [1, 2, 2, 2],
    [1, 2, 2],
    [1, 2],
  ]) {
    const installed = { node: 1, term: 2, log, firstIndex: log.length + 1, commit: log.length };
    expect(inForce([start, begun, empty, shown(installed)])).toBeUndefined();
    expect(inForce([start, begun, empty, shown({ ...installed, goesBy: joint })])).toBe(
      'configuration-in-force',
    );
    expect(inForce([start, begun, changed, shown({ ...installed, goesBy: otherwise })])).toBeUndefined();
    expect(inForce([start, begun, changed, shown(installed)])).toBe('configuration-in-force');
  }
});

test('configuration-in-force keeps what a member has given up itself because it was committed', () => {
  const begun = { node: 1, log: [1, 1, 1], configurations: { 2: joint } };
  const compacted = { ...begun, firstIndex: 3, commit: 3 };
  const steps = [shown({ node: 1, log: [1] }), shown(begun)];
  expect(inForce([...steps, shown(compacted)])).toBeUndefined();
  expect(inForce([...steps, shown({ ...compacted, goesBy: birth })])).toBe('configuration-in-force');
});

test('configuration-changes fires on a change before the first commit of the term', () => {
  const led = { node: 1, role: 'leader', term: 2 } as const;
  const change = { ...led, log: [1, 2, 2], configurations: { 3: joint } };
  const before = shown({ ...led, log: [1, 2], commit: 1 });
  expect(changes([before, shown({ ...change, commit: 1 })])).toBe('configuration-changes');
  expect(changes([before, shown({ ...change, commit: 2 })])).toBeUndefined();
});

test('configuration-changes fires on two that are under way, and on a step that is none', () => {
  const led = { node: 1, role: 'leader', term: 1 } as const;
  const first = shown({ ...led, log: [1, 1], commit: 1, configurations: { 2: joint } });
  const start = shown({ ...led, log: [1], commit: 1 });
  const both = { ...led, log: [1, 1, 1], configurations: { 2: joint, 3: grown } };
  expect(changes([start, first, shown({ ...both, commit: 2 })])).toBeUndefined();
  expect(changes([start, first, shown({ ...both, commit: 1 })])).toBe('configuration-changes');
  const leap = { ...led, log: [1, 1], commit: 1, configurations: { 2: grown } };
  expect(changes([start, shown(leap)])).toBe('configuration-changes');
});

test('configuration-changes fires on an id that comes back', () => {
  const led = { node: 1, role: 'leader', term: 1 } as const;
  const two = configuration([1, 2]);
  const leaving = configuration([1, 2], { outgoing: [1, 2, 3] });
  const back = configuration([1, 2], { outgoing: [1, 2], learners: [3] });
  const fresh = configuration([1, 2], { outgoing: [1, 2], learners: [4] });
  const left = [
    shown({ ...led, log: [1], commit: 1 }),
    shown({ ...led, log: [1, 1], commit: 1, configurations: { 2: leaving } }),
    shown({ ...led, log: [1, 1, 1], commit: 2, configurations: { 2: leaving, 3: two } }),
  ];
  const next = { ...led, log: [1, 1, 1, 1], commit: 3 };
  const configurations = { 2: leaving, 3: two };
  expect(changes([...left, shown({ ...next, configurations: { ...configurations, 4: back } })])).toBe(
    'configuration-changes',
  );
  expect(
    changes([...left, shown({ ...next, configurations: { ...configurations, 4: fresh } })]),
  ).toBeUndefined();
});

test('election-quorum fires on a leader without the votes of both majorities, and counts no learner', () => {
  const granted: RaftMessage = { kind: 'voteResponse', term: 2, preVote: false, granted: true };
  const voter = (node: number): StepObservation => shown({ node, term: 2, log: [1] }, [send(1, granted)]);
  const leader = (held: Configuration): StepObservation =>
    shown({ node: 1, role: 'leader', term: 2, log: [1, 1], configurations: { 2: held } });
  const start = shown({ node: 1, term: 1, log: [1] });
  const moved = configuration([1, 4, 5], { outgoing: [1, 2, 3] });
  expect(elections([start, leader(birth)])).toBe('election-quorum');
  expect(elections([start, voter(2), leader(birth)])).toBeUndefined();
  expect(elections([start, voter(4), leader(moved)])).toBe('election-quorum');
  expect(elections([start, voter(4), voter(2), leader(moved)])).toBeUndefined();
  expect(elections([start, voter(4), leader(configuration([1, 2, 3], { learners: [4] }))])).toBe(
    'election-quorum',
  );
});

test('election-quorum counts a vote that has left with a sync, though the step that heard of it came to nothing', () => {
  const granted: RaftMessage = { kind: 'voteResponse', term: 2, preVote: false, granted: true };
  const start = shown({ node: 1, term: 1, log: [1] });
  const voter = shown({ node: 2, term: 2, log: [1] }, [send(1, granted, 4)]);
  const leader = shown({ node: 1, role: 'leader', term: 2, log: [1, 1], configurations: { 2: birth } });
  expect(elections([start, voter, { synced: 4, node: 2 }, leader])).toBeUndefined();
  expect(elections([start, voter, { synced: 3, node: 2 }, leader])).toBe('election-quorum');
});

test('commit-quorum goes by the configuration in the log, asks both majorities of a joint one, and counts no learner', () => {
  const led = { node: 1, role: 'leader', term: 1 } as const;
  const moved = configuration([1, 4, 5], { outgoing: [1, 2, 3] });
  const configurations = { 2: moved };
  const start = shown({ ...led, log: [1], commit: 0 });
  const begun = shown({ ...led, log: [1, 1], commit: 0, configurations });
  const committed = shown({ ...led, log: [1, 1], commit: 2, configurations });
  const holds = (node: number): StepObservation => shown({ node, log: [1, 1], configurations });
  expect(commits([start, begun, holds(4), committed])).toBe('commit-quorum');
  expect(commits([start, begun, holds(4), holds(2), committed])).toBeUndefined();
  const learners = { 2: configuration([1, 2, 3], { outgoing: [1, 2, 3], learners: [4] }) };
  const learner = shown({ node: 4, log: [1, 1], configurations: learners });
  const begunToo = shown({ ...led, log: [1, 1], commit: 0, configurations: learners });
  const counted = shown({ ...led, log: [1, 1], commit: 2, configurations: learners });
  expect(commits([start, begunToo, learner, counted])).toBe('commit-quorum');
});
