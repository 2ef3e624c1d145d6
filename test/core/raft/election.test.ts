import { expect, test } from 'vitest';
import { nodeId } from '../../../core/base/ids.ts';
import { Cluster, group1, ids } from './cluster.ts';
import {
  accepted,
  alone,
  appendRequest,
  commands,
  heartbeat,
  ofKind,
  received,
  sent,
  sentOf,
  voteRequest,
} from './scene.ts';

const T = 1_000_000;

/** Member 1 of three, alone on the stage, follower in term 0. */
function follower(): Cluster {
  const cluster = new Cluster({ members: 3 });
  alone(cluster);
  return cluster;
}

/** Member 1 asks for pre-votes: its election timeout has passed. */
function preCandidate(): Cluster {
  const cluster = follower();
  cluster.nowUs = cluster.member(1).node.deadlineUs;
  cluster.step(1, { kind: 'tick' });
  return cluster;
}

/** Member 1 campaigns in term 1; its own vote is not durable yet. */
function candidate(): Cluster {
  const cluster = preCandidate();
  cluster.step(1, received(2, { kind: 'voteResponse', term: 1, preVote: true, granted: true }));
  return cluster;
}

test('a start is counted and stated durably before anything else (boot)', () => {
  const cluster = new Cluster({ members: 3 });
  const [first] = cluster.member(1).effects;
  expect(first).toMatchObject({ kind: 'persist', syncSeq: 1 });
  cluster.settle();
  cluster.crash(1);
  cluster.restart(1);
  cluster.settle();
  const effects = cluster.step(1, received(2, heartbeat(1)));
  expect(sentOf(effects, 'heartbeatResponse')).toMatchObject([{ boot: 2 }]);
});

test('a follower that hears no leader asks whether a campaign could succeed, its term unchanged (dissertation §9.6)', () => {
  const cluster = follower();
  cluster.nowUs = cluster.member(1).node.deadlineUs;
  expect(cluster.nowUs).toBeGreaterThanOrEqual(T);
  expect(cluster.nowUs).toBeLessThan(2 * T);
  const request = voteRequest({ term: 1, preVote: true });
  expect(cluster.step(1, { kind: 'tick' })).toEqual([
    { kind: 'send', to: 2, afterSyncSeq: 0, messages: [{ group: group1, message: request }] },
    { kind: 'send', to: 3, afterSyncSeq: 0, messages: [{ group: group1, message: request }] },
    { kind: 'leaderChanged', group: group1, term: 0, role: 'preCandidate', leader: 0 },
  ]);
});

test('election timeouts differ from campaign to campaign (Raft §5.2)', () => {
  const cluster = follower();
  const waits = new Set<number>();
  for (let round = 0; round < 20; round += 1) {
    const from = cluster.nowUs;
    cluster.nowUs = cluster.member(1).node.deadlineUs;
    cluster.step(1, { kind: 'tick' });
    waits.add(cluster.member(1).node.deadlineUs - cluster.nowUs);
    expect(cluster.nowUs - from).toBeLessThan(2 * T);
  }
  expect(waits.size).toBeGreaterThan(15);
  for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(T);
});

test('requests for votes leave only when the candidate’s term and vote are durable (Raft §5.2, figure 2)', () => {
  const cluster = preCandidate();
  const effects = cluster.step(
    1,
    received(3, { kind: 'voteResponse', term: 1, preVote: true, granted: true }),
  );
  const message = voteRequest({ term: 1 });
  expect(effects).toMatchObject([
    { kind: 'persist', syncSeq: 2 },
    { kind: 'send', to: 2, afterSyncSeq: 2, messages: [{ group: group1, message }] },
    { kind: 'send', to: 3, afterSyncSeq: 2, messages: [{ group: group1, message }] },
    { kind: 'leaderChanged', term: 1, role: 'candidate', leader: 0 },
  ]);
});

test('a candidate’s own vote counts once it is durable, not before', () => {
  const cluster = candidate();
  cluster.step(1, received(2, { kind: 'voteResponse', term: 1, preVote: false, granted: true }));
  expect(cluster.member(1).view.role).toBe('candidate');
  cluster.sync(1);
  expect(cluster.member(1).view.role).toBe('leader');
});

test('a sync of what was written before the vote does not count for it', () => {
  const cluster = follower();
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1) })));
  cluster.nowUs += 2 * T;
  cluster.step(1, { kind: 'tick' });
  cluster.step(1, received(2, { kind: 'voteResponse', term: 2, preVote: true, granted: true }));
  cluster.step(1, received(3, { kind: 'voteResponse', term: 2, preVote: false, granted: true }));
  cluster.step(1, { kind: 'synced', syncSeq: 2 });
  expect(cluster.member(1).view.role).toBe('candidate');
  cluster.step(1, { kind: 'synced', syncSeq: 3 });
  expect(cluster.member(1).view.role).toBe('leader');
});

test('a majority of votes makes a leader, who begins its term with an empty entry (Raft §5.2, §8)', () => {
  const cluster = candidate();
  cluster.sync(1);
  cluster.packets = [];
  const effects = cluster.step(
    1,
    received(2, { kind: 'voteResponse', term: 1, preVote: false, granted: true }),
  );
  const entries = [{ index: 1, term: 1, kind: 'empty', data: new Uint8Array(0) }];
  expect(sent(effects)).toEqual(
    [2, 3].map((to) => ({
      to,
      afterSyncSeq: 0,
      message: appendRequest({ term: 1, entries: entries as never, boot: 0 }),
    })),
  );
  expect(ofKind(effects, 'leaderChanged')).toEqual([
    { kind: 'leaderChanged', group: group1, term: 1, role: 'leader', leader: 1 },
  ]);
});

test('refusals of a majority end the campaign; the same answer twice is one answer', () => {
  const cluster = candidate();
  cluster.sync(1);
  const refusal = { kind: 'voteResponse', term: 1, preVote: false, granted: false } as const;
  cluster.step(1, received(2, refusal));
  cluster.step(1, received(2, refusal));
  expect(cluster.member(1).view.role).toBe('candidate');
  cluster.step(1, received(3, refusal));
  expect(cluster.member(1).view.role).toBe('follower');
});

test('a candidate follows the leader of its own term (Raft §5.2)', () => {
  const cluster = candidate();
  cluster.step(1, received(3, heartbeat(1)));
  expect(cluster.member(1).view).toMatchObject({ role: 'follower', leader: 3, term: 1, vote: 1 });
});

test('a vote is given once a term, and leaves once it is durable (Raft §5.2)', () => {
  const cluster = follower();
  const effects = cluster.step(1, received(2, voteRequest({ term: 1 })));
  expect(effects).toMatchObject([
    { kind: 'persist', syncSeq: 2 },
    {
      kind: 'send',
      to: 2,
      afterSyncSeq: 2,
      messages: [{ message: { kind: 'voteResponse', term: 1, preVote: false, granted: true } }],
    },
    { kind: 'leaderChanged', term: 1, role: 'follower', leader: 0 },
  ]);
  const [other] = sentOf(cluster.step(1, received(3, voteRequest({ term: 1 }))), 'voteResponse');
  expect(other).toEqual({ kind: 'voteResponse', term: 1, preVote: false, granted: false });
  // The same candidate again: the first answer may have been lost. It waits for the same write.
  expect(sent(cluster.step(1, received(2, voteRequest({ term: 1 }))))).toMatchObject([
    { to: 2, afterSyncSeq: 2, message: { granted: true } },
  ]);
});

test('a vote survives a restart (Raft §5.2; vote once a term across restarts)', () => {
  const cluster = follower();
  cluster.step(1, received(2, voteRequest({ term: 1 })));
  cluster.sync(1);
  cluster.crash(1);
  cluster.restart(1);
  cluster.settle();
  expect(cluster.member(1).view).toMatchObject({ term: 1, vote: 2 });
  const [answer] = sentOf(cluster.step(1, received(3, voteRequest({ term: 1 }))), 'voteResponse');
  expect(answer).toMatchObject({ granted: false });
});

test('a vote that was not durable is not remembered, and was never said', () => {
  const cluster = follower();
  cluster.step(1, received(2, voteRequest({ term: 1 })));
  cluster.crash(1);
  expect(cluster.packets).toEqual([]);
  expect(cluster.restart(1).view).toMatchObject({ term: 0, vote: 0 });
});

test.each([
  ['an older last term, however long the log', { lastTerm: 1, lastIndex: 9 }, false],
  ['the same last term and a shorter log', { lastTerm: 2, lastIndex: 1 }, false],
  ['the same last entry', { lastTerm: 2, lastIndex: 2 }, true],
  ['the same last term and a longer log', { lastTerm: 2, lastIndex: 3 }, true],
  ['a later last term, however short the log', { lastTerm: 3, lastIndex: 1 }, true],
])('the candidate’s log must be up to date: %s (Raft §5.4.1)', (_, log, granted) => {
  const cluster = follower();
  cluster.step(1, received(2, appendRequest({ term: 2, entries: commands(1, 1, 2) })));
  cluster.nowUs += 2 * T;
  const [vote] = sentOf(cluster.step(1, received(3, voteRequest({ term: 4, ...log }))), 'voteResponse');
  expect(vote).toEqual({ kind: 'voteResponse', term: 4, preVote: false, granted });
  expect(cluster.member(1).view.term).toBe(4);
});

test('a pre-vote changes nothing at whoever grants it (dissertation §9.6)', () => {
  const cluster = follower();
  const effects = cluster.step(1, received(2, voteRequest({ term: 7, preVote: true })));
  expect(effects).toEqual([
    {
      kind: 'send',
      to: 2,
      afterSyncSeq: 0,
      messages: [{ group: group1, message: { kind: 'voteResponse', term: 7, preVote: true, granted: true } }],
    },
  ]);
  expect(cluster.member(1).view).toMatchObject({ term: 0, vote: 0 });
});

test('who hears its leader grants nobody a vote, and its term stays (disruptive servers, dissertation §4.2.3)', () => {
  const cluster = follower();
  cluster.step(1, received(2, heartbeat(1)));
  cluster.sync(1);
  cluster.nowUs += T - 1;
  expect(cluster.step(1, received(3, voteRequest({ term: 5, preVote: true })))).toEqual([]);
  expect(cluster.step(1, received(3, voteRequest({ term: 5 })))).toEqual([]);
  expect(cluster.member(1).view.term).toBe(1);
  cluster.nowUs += 1;
  expect(sentOf(cluster.step(1, received(3, voteRequest({ term: 5 }))), 'voteResponse')).toMatchObject([
    { granted: true },
  ]);
});

test('a member that comes back behind a partition disturbs nobody (dissertation §9.6)', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  for (const link of ['1>3', '3>1', '2>3', '3>2']) cluster.cut.add(link);
  cluster.run(20 * T);
  cluster.cut.clear();
  cluster.run(3 * T);
  expect(cluster.leader?.view).toMatchObject({ id: 1, term: 1 });
  expect(cluster.member(3).view).toMatchObject({ role: 'follower', leader: 1 });
});

test('a leader of an earlier term learns of the later one from the answer, so that nobody is ignored for good', () => {
  const cluster = follower();
  cluster.step(1, received(2, voteRequest({ term: 5 })));
  expect(sent(cluster.step(1, received(3, heartbeat(1))))).toMatchObject([
    { to: 3, message: { kind: 'heartbeatResponse', term: 5 } },
  ]);
  expect(
    sent(cluster.step(1, received(3, appendRequest({ term: 1, entries: commands(1, 1) })))),
  ).toMatchObject([{ to: 3, message: { kind: 'appendResponse', term: 5, rejected: true } }]);
  expect(cluster.member(1).view.lastIndex).toBe(0);
});

test('a leader that hears no quorum for an election timeout steps down (check-quorum, dissertation §6.2)', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  for (const link of ['2>1', '3>1']) cluster.cut.add(link);
  cluster.run(2 * T);
  expect(cluster.member(1).view.role).not.toBe('leader');
  expect(cluster.member(1).view.leader).not.toBe(1);
});

test('a leader that hears one of two others stays', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.cut.add('2>1');
  cluster.run(10 * T);
  expect(cluster.member(1).view).toMatchObject({ role: 'leader', term: 1 });
});

test('two leaders of one term are impossible, and a node that meets them stops', () => {
  const cluster = candidate();
  cluster.sync(1);
  cluster.step(1, received(2, { kind: 'voteResponse', term: 1, preVote: false, granted: true }));
  expect(() => cluster.step(1, received(3, heartbeat(1)))).toThrow('a term has one leader');
});

test('leadership is handed over to a member that holds everything, at once (dissertation §3.10)', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  const effects = cluster.step(1, { kind: 'transferRequested', group: group1, to: nodeId(3) });
  expect(sent(effects)).toContainEqual({ to: 3, afterSyncSeq: 0, message: { kind: 'timeoutNow', term: 1 } });
  cluster.settle();
  expect(cluster.leader?.view).toMatchObject({ id: 3, term: 2 });
  expect(cluster.member(1).view).toMatchObject({ role: 'follower', leader: 3 });
});

test('a member that lags is caught up before it is told to campaign; no proposals meanwhile (dissertation §3.10)', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.cut.add('1>3');
  cluster.propose(1, 'a');
  cluster.settle();
  cluster.step(1, { kind: 'transferRequested', group: group1, to: nodeId(3) });
  expect(ofKind(cluster.propose(1, 'b'), 'proposalRefused')).toMatchObject([{ code: 'BUSY' }]);
  cluster.cut.clear();
  cluster.run(500_000);
  expect(cluster.leader?.id).toBe(3);
});

test('a transfer that does not succeed within an election timeout is given up (dissertation §3.10)', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.crash(3);
  cluster.step(1, { kind: 'transferRequested', group: group1, to: nodeId(3) });
  cluster.settle();
  cluster.run(T + 1);
  expect(ofKind(cluster.propose(1, 'a'), 'proposalRefused')).toEqual([]);
  expect(cluster.member(1).view.role).toBe('leader');
});

test('only the leader of the term can tell a member to campaign', () => {
  const cluster = follower();
  cluster.step(1, received(2, heartbeat(1)));
  cluster.step(1, received(3, { kind: 'timeoutNow', term: 1 }));
  expect(cluster.member(1).view).toMatchObject({ role: 'follower', term: 1 });
  cluster.step(1, received(2, { kind: 'timeoutNow', term: 1 }));
  expect(cluster.member(1).view).toMatchObject({ role: 'candidate', term: 2 });
});

test('a learner never campaigns', () => {
  const cluster = new Cluster({ members: 3, initial: { voters: ids(2, 3), outgoing: [], learners: ids(1) } });
  alone(cluster);
  cluster.nowUs = 10 * T;
  const query = { afterSyncSeq: 0, message: { kind: 'membershipQuery', term: 0 } };
  expect(sent(cluster.step(1, { kind: 'tick' }))).toEqual([
    { ...query, to: 2 },
    { ...query, to: 3 },
  ]);
  expect(cluster.member(1).view.role).toBe('follower');
});

test('who campaigns asks those whose vote it does not want whether it still is a member', () => {
  const cluster = new Cluster({ members: 3, initial: { voters: ids(1, 2), outgoing: [], learners: ids(3) } });
  alone(cluster);
  cluster.nowUs = 10 * T;
  const messages = sent(cluster.step(1, { kind: 'tick' })).map(({ to, message }) => [to, message.kind]);
  expect(messages).toEqual([
    [2, 'voteRequest'],
    [3, 'membershipQuery'],
  ]);
});

test('whoever decides alone waits for nobody', () => {
  const cluster = new Cluster({ members: 1 });
  cluster.settle();
  expect(cluster.member(1).view).toMatchObject({ role: 'leader', term: 1, commitIndex: 1 });
  expect(cluster.nowUs).toBe(0);
});

test('an answer of an earlier campaign makes no leader', () => {
  const cluster = candidate();
  cluster.sync(1);
  cluster.step(1, received(2, heartbeat(2)));
  cluster.step(1, received(3, { kind: 'voteResponse', term: 1, preVote: false, granted: true }));
  cluster.step(1, received(3, accepted(1, 1)));
  expect(cluster.member(1).view).toMatchObject({ role: 'follower', term: 2, leader: 2 });
});
