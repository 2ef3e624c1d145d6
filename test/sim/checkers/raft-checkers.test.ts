import { expect, test } from 'vitest';

import { type RaftMessage } from '../../../core/raft/types.ts';
import { CommitAndTermMonotonic } from '../../../sim/checkers/commit-and-term-monotonic.ts';
import { CommitQuorum } from '../../../sim/checkers/commit-quorum.ts';
import { ConflictBeforeCut } from '../../../sim/checkers/conflict-before-cut.ts';
import { DurableLog } from '../../../sim/checkers/durable-log.ts';
import { ElectionSafety } from '../../../sim/checkers/election-safety.ts';
import { LeaderAppendOnly } from '../../../sim/checkers/leader-append-only.ts';
import { LeaderCompleteness } from '../../../sim/checkers/leader-completeness.ts';
import { LogConfigurations } from '../../../sim/checkers/log-configurations.ts';
import { LogMatching } from '../../../sim/checkers/log-matching.ts';
import { StateMachineSafety } from '../../../sim/checkers/state-machine-safety.ts';
import { VoteOnce } from '../../../sim/checkers/vote-once.ts';
import { send, step, together, watch } from './observations.ts';

const granted = (term: number): RaftMessage => ({
  kind: 'voteResponse',
  term,
  preVote: false,
  granted: true,
});
const asked = (term: number): RaftMessage => ({
  kind: 'voteRequest',
  term,
  lastIndex: 0,
  lastTerm: 0,
  preVote: false,
  transfer: false,
});
const acknowledged = (term: number, index: number): RaftMessage => ({
  kind: 'appendResponse',
  term,
  index,
  rejected: false,
  hintIndex: 0,
  hintTerm: 0,
  boot: 1,
});

test('election-safety fires on two leaders of one term, however far apart in time', () => {
  const first = step({ node: 1, term: 2, role: 'leader' });
  const between = step({ node: 3, term: 3, role: 'leader' });
  expect(watch(new ElectionSafety(), [first, between, step({ node: 2, term: 2, role: 'leader' })])).toBe(
    'election-safety',
  );
  expect(
    watch(new ElectionSafety(), [first, between, step({ node: 2, term: 4, role: 'leader' }), first]),
  ).toBeUndefined();
});

test('leader-append-only fires when a leader loses or replaces its last entry', () => {
  const before = step({ node: 1, role: 'leader', term: 2, log: [1, 2, 2] });
  const shorter = step({ node: 1, role: 'leader', term: 2, log: [1, 2] });
  const replaced = step({ node: 1, role: 'leader', term: 2, log: [1, 2, 1, 2] });
  expect(watch(new LeaderAppendOnly(), [before, shorter])).toBe('leader-append-only');
  expect(watch(new LeaderAppendOnly(), [before, replaced])).toBe('leader-append-only');
  expect(
    watch(new LeaderAppendOnly(), [before, step({ node: 1, role: 'leader', term: 2, log: [1, 2, 2, 2] })]),
  ).toBeUndefined();
  expect(watch(new LeaderAppendOnly(), [before, { crashed: 1 }, shorter])).toBeUndefined();
  expect(watch(new LeaderAppendOnly(), [before, step({ node: 1, term: 3, log: [1] })])).toBeUndefined();
});

test('log-matching fires on one index and term with two contents, or two pasts', () => {
  const one = step({ node: 1, log: [1, 2], data: { 2: 'a' } });
  expect(watch(new LogMatching(), [one, step({ node: 2, log: [1, 2], data: { 2: 'b' } })])).toBe(
    'log-matching',
  );
  expect(watch(new LogMatching(), [step({ node: 1, log: [1, 3] }), step({ node: 2, log: [2, 3] })])).toBe(
    'log-matching',
  );
  expect(watch(new LogMatching(), [one, step({ node: 2, log: [1, 2], data: { 2: 'a' } })])).toBeUndefined();
});

test('log-matching looks again at what was cut and written anew, and at what a restart finds', () => {
  const right = step({ node: 1, log: [1, 2, 2], data: { 3: 'x' } });
  const wrong = { node: 2, log: [1, 2, 2], data: { 3: 'y' } };
  expect(watch(new LogMatching(), [right, step({ node: 2, log: [1, 1, 1] }), step(wrong)])).toBe(
    'log-matching',
  );
  expect(watch(new LogMatching(), [right, { recovered: wrong }])).toBe('log-matching');
});

test('log-matching passes over what a snapshot skipped', () => {
  const behindSnapshot = step({ node: 2, log: [1, 2, 2, 2], firstIndex: 4 });
  expect(watch(new LogMatching(), [step({ node: 1, log: [1, 2, 2, 2] }), behindSnapshot])).toBeUndefined();
});

test('conflict-before-cut fires when a log becomes shorter and its end is old', () => {
  const before = step({ node: 1, log: [1, 1, 2, 2] });
  expect(watch(new ConflictBeforeCut(), [before, step({ node: 1, term: 2, log: [1, 1, 2] })])).toBe(
    'conflict-before-cut',
  );
  expect(watch(new ConflictBeforeCut(), [before, step({ node: 1, log: [1, 1, 3] })])).toBeUndefined();
  expect(watch(new ConflictBeforeCut(), [before, { recovered: { node: 1, log: [1, 1] } }])).toBeUndefined();
});

test('leader-completeness fires on a leader without what an earlier term committed', () => {
  const committed = step({ node: 1, role: 'leader', term: 2, log: [1, 2], commit: 2 });
  const lacking = step({ node: 2, role: 'leader', term: 3, log: [1, 3] });
  const holding = step({ node: 2, role: 'leader', term: 3, log: [1, 2, 3] });
  const shorter = step({ node: 2, role: 'leader', term: 3, log: [1] });
  expect(watch(new LeaderCompleteness(), [committed, lacking])).toBe('leader-completeness');
  expect(watch(new LeaderCompleteness(), [committed, shorter])).toBe('leader-completeness');
  expect(watch(new LeaderCompleteness(), [committed, holding])).toBeUndefined();
});

test('leader-completeness asks nothing of a leader of an earlier term that has not heard yet', () => {
  const committed = step({ node: 1, role: 'leader', term: 3, log: [1, 3], commit: 2 });
  expect(
    watch(new LeaderCompleteness(), [committed, step({ node: 2, role: 'leader', term: 2, log: [1, 2] })]),
  ).toBeUndefined();
});

test('leader-completeness fires when two members commit different entries at one index', () => {
  const first = step({ node: 1, role: 'leader', term: 2, log: [1, 2], commit: 2 });
  expect(
    watch(new LeaderCompleteness(), [first, step({ node: 2, term: 3, log: [1, 1, 1], commit: 3 })]),
  ).toBe('leader-completeness');
  expect(
    watch(new LeaderCompleteness(), [first, step({ node: 2, term: 3, log: [1, 2], commit: 2 })]),
  ).toBeUndefined();
});

/** The checker behind the recorder that tells it whose disks count. */
function watchCommits(happenings: Parameters<typeof watch>[1]): string | undefined {
  const configurations = new LogConfigurations();
  return watch(together(configurations, new CommitQuorum(configurations)), happenings);
}

test('commit-quorum fires when too few disks hold what is committed', () => {
  const follower = step({ node: 2, log: [1, 1], synced: 1 });
  const leader = step({ node: 1, role: 'leader', log: [1, 1], commit: 2 });
  const synced = step({ node: 2, log: [1, 1] });
  expect(watchCommits([follower, leader])).toBe('commit-quorum');
  expect(watchCommits([synced, leader])).toBeUndefined();
  expect(watchCommits([synced, { crashed: 2 }, leader])).toBeUndefined();
});

test('commit-quorum counts a leader that has not synced like any other', () => {
  const leader = step({ node: 1, role: 'leader', log: [1, 1], synced: 1, commit: 2 });
  expect(watchCommits([step({ node: 2, log: [1, 1] }), leader])).toBe('commit-quorum');
  expect(watchCommits([step({ node: 1, log: [1], synced: 0, commit: 1, voters: [1] })])).toBe(
    'commit-quorum',
  );
});

test('commit-quorum asks for both majorities of a joint configuration', () => {
  const joint = { voters: [1, 2, 3], outgoing: [3, 4, 5] };
  const leader = step({ node: 1, role: 'leader', log: [1], commit: 1, ...joint });
  expect(watchCommits([step({ node: 2, log: [1] }), leader])).toBe('commit-quorum');
  const others = [2, 3, 4].map((node) => step({ node, log: [1] }));
  expect(watchCommits([...others, leader])).toBeUndefined();
});

test('commit-and-term-monotonic fires on every figure that falls, and on applying too much', () => {
  const before = { node: 1, term: 3, log: [1, 2, 3], commit: 3, applied: 2, revision: 5, compactRevision: 2 };
  for (const worse of [{ term: 2 }, { commit: 2 }, { applied: 1 }, { revision: 4 }, { compactRevision: 1 }]) {
    expect(watch(new CommitAndTermMonotonic(), [step(before), step({ ...before, ...worse })])).toBe(
      'commit-and-term-monotonic',
    );
  }
  expect(watch(new CommitAndTermMonotonic(), [step({ node: 1, log: [1, 1], commit: 1, applied: 2 })])).toBe(
    'commit-and-term-monotonic',
  );
  expect(watch(new CommitAndTermMonotonic(), [step({ node: 1, log: [1, 1], synced: 1, applied: 2 })])).toBe(
    'commit-and-term-monotonic',
  );
});

test('commit-and-term-monotonic lets a restart fall behind', () => {
  const before = step({ node: 1, term: 3, log: [1, 2, 3], commit: 3, applied: 3, revision: 5 });
  expect(
    watch(new CommitAndTermMonotonic(), [before, { recovered: { node: 1, log: [1, 2, 3], applied: 1 } }]),
  ).toBeUndefined();
});

test('state-machine-safety fires when two members have applied something else up to one index', () => {
  const one = step({ node: 1, log: [1, 1], applied: 2, appliedHash: 7 });
  expect(
    watch(new StateMachineSafety(), [one, step({ node: 2, log: [1, 1], applied: 2, appliedHash: 8 })]),
  ).toBe('state-machine-safety');
  expect(
    watch(new StateMachineSafety(), [
      one,
      { recovered: { node: 1, log: [1, 1], applied: 2, appliedHash: 8 } },
    ]),
  ).toBe('state-machine-safety');
  expect(
    watch(new StateMachineSafety(), [one, step({ node: 2, log: [1, 1], applied: 2, appliedHash: 7 })]),
  ).toBeUndefined();
});

test('vote-once fires on two votes in one term, own campaigns included', () => {
  const first = step({ node: 1 }, undefined, [send(2, granted(5))]);
  expect(watch(new VoteOnce(), [first, step({ node: 1 }, undefined, [send(3, granted(5))])])).toBe(
    'vote-once',
  );
  expect(watch(new VoteOnce(), [first, step({ node: 1 }, undefined, [send(2, asked(5))])])).toBe('vote-once');
  expect(
    watch(new VoteOnce(), [first, step({ node: 1 }, undefined, [send(2, granted(5)), send(3, granted(6))])]),
  ).toBeUndefined();
});

test('vote-once fires on a vote that a restart has forgotten', () => {
  const voted = step({ node: 1 }, undefined, [send(2, granted(5))]);
  expect(watch(new VoteOnce(), [voted, { recovered: { node: 1, term: 4 } }])).toBe('vote-once');
  expect(watch(new VoteOnce(), [voted, { recovered: { node: 1, term: 5 } }])).toBe('vote-once');
  expect(watch(new VoteOnce(), [voted, { recovered: { node: 1, term: 5, vote: 2 } }])).toBeUndefined();
  expect(watch(new VoteOnce(), [voted, { recovered: { node: 1, term: 6 } }])).toBeUndefined();
});

test('vote-once does not hold a member to a vote that waited for a sync and never left', () => {
  const waiting = step({ node: 1 }, undefined, [send(2, granted(5), 3)]);
  const forgotten = { recovered: { node: 1, term: 4 } };
  expect(watch(new VoteOnce(), [waiting, forgotten])).toBeUndefined();
  expect(
    watch(new VoteOnce(), [waiting, step({ node: 1 }, { kind: 'synced', syncSeq: 2 }), forgotten]),
  ).toBeUndefined();
  expect(watch(new VoteOnce(), [waiting, step({ node: 1 }, { kind: 'synced', syncSeq: 3 }), forgotten])).toBe(
    'vote-once',
  );
});

test('vote-once holds a member to a vote that has left with a sync, though the step that heard of it came to nothing', () => {
  const waiting = step({ node: 1 }, undefined, [send(2, granted(5), 3)]);
  const forgotten = { recovered: { node: 1, term: 4 } };
  expect(watch(new VoteOnce(), [waiting, { synced: 3, node: 1 }, forgotten])).toBe('vote-once');
  expect(watch(new VoteOnce(), [waiting, { synced: 2, node: 1 }, forgotten])).toBeUndefined();
});

test('durable-log fires when a restart lacks what was synced, or acknowledged', () => {
  const synced = step({ node: 1, log: [1, 1, 1] });
  expect(watch(new DurableLog(), [synced, { recovered: { node: 1, log: [1, 1] } }])).toBe('durable-log');
  expect(watch(new DurableLog(), [synced, { recovered: { node: 1, log: [1, 1, 2] } }])).toBe('durable-log');
  const early = step({ node: 1, log: [1, 1, 1], synced: 1 }, undefined, [send(2, acknowledged(1, 3))]);
  expect(watch(new DurableLog(), [early, { recovered: { node: 1, log: [1] } }])).toBe('durable-log');
  const gated = step({ node: 1, log: [1, 1, 1], synced: 1 }, undefined, [send(2, acknowledged(1, 3), 9)]);
  expect(watch(new DurableLog(), [gated, { recovered: { node: 1, log: [1] } }])).toBeUndefined();
  const left = { synced: 9, node: 1 };
  expect(watch(new DurableLog(), [gated, left, { recovered: { node: 1, log: [1] } }])).toBe('durable-log');
});

test('durable-log lets go of what a newer leader replaced, of damage, and of members that know of it', () => {
  const synced = step({ node: 1, log: [1, 1, 1] });
  const replaced = step({ node: 1, log: [1, 2] });
  expect(
    watch(new DurableLog(), [synced, replaced, { recovered: { node: 1, log: [1, 2] } }]),
  ).toBeUndefined();
  expect(
    watch(new DurableLog(), [synced, { recovered: { node: 1, log: [1], repairing: true } }]),
  ).toBeUndefined();
  expect(
    watch(new DurableLog(), [synced, { damaged: 1 }, { recovered: { node: 1, log: [1] } }]),
  ).toBeUndefined();
});

test('durable-log owes nothing of what a member calls durable again whose disk was damaged while it ran on, and all behind it', () => {
  const synced = step({ node: 1, log: [1, 1] });
  const runsOn = step({ node: 1, log: [1, 1] });
  expect(
    watch(new DurableLog(), [synced, { damaged: 1 }, runsOn, { recovered: { node: 1, log: [1] } }]),
  ).toBeUndefined();
  const more = step({ node: 1, log: [1, 1, 1] });
  expect(watch(new DurableLog(), [synced, { damaged: 1 }, more, { recovered: { node: 1, log: [1] } }])).toBe(
    'durable-log',
  );
  const again = { recovered: { node: 1, log: [1, 1] } };
  expect(
    watch(new DurableLog(), [synced, { damaged: 1 }, again, synced, { recovered: { node: 1, log: [1] } }]),
  ).toBe('durable-log');
});

test('durable-log fires on a claim beyond the end of the log', () => {
  expect(
    watch(new DurableLog(), [step({ node: 1, log: [1] }, undefined, [send(2, acknowledged(1, 2))])]),
  ).toBe('durable-log');
});
