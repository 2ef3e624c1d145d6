import { expect, test } from 'vitest';
import { Cluster, group1, type Packet } from './cluster.ts';
import {
  accepted,
  alone,
  appendRequest,
  beaten,
  commands,
  heartbeat,
  ofKind,
  received,
  rejected,
  sent,
  sentOf,
  terms,
} from './scene.ts';
import { type RaftMessage, type RaftOptions } from '../../../core/raft/types.ts';

/** Member 1 of three, follower in term 0, the others played by the test. */
function follower(): Cluster {
  const cluster = new Cluster({ members: 3 });
  alone(cluster);
  return cluster;
}

/** Member 1 leads term `term` with the given older entries; members 2 and 3 are played by the test, in boot 1. */
function leader(options: Partial<RaftOptions> = {}, older: readonly number[] = []): Cluster {
  const cluster = new Cluster({ members: 3, options });
  alone(cluster);
  const term = older.at(-1) ?? 0;
  if (older.length > 0) cluster.step(1, received(2, appendRequest({ term, entries: commands(1, ...older) })));
  cluster.sync(1);
  cluster.nowUs += 2 * cluster.options.electionTimeoutUs;
  cluster.step(1, { kind: 'tick' });
  cluster.step(1, received(2, { kind: 'voteResponse', term: term + 1, preVote: true, granted: true }));
  cluster.sync(1);
  cluster.step(1, received(2, { kind: 'voteResponse', term: term + 1, preVote: false, granted: true }));
  cluster.sync(1);
  expect(cluster.member(1).view).toMatchObject({ role: 'leader' });
  return cluster;
}

function lead(options: Partial<RaftOptions> = {}): Cluster {
  const cluster = leader(options);
  cluster.step(1, received(2, accepted(1, 1)));
  cluster.step(1, received(3, accepted(1, 1)));
  expect(cluster.member(1).view.commitIndex).toBe(1);
  return cluster;
}

const command = Uint8Array.of(7);

test('an append is acknowledged only when it is durable (Raft §5.3, figure 2)', () => {
  const cluster = follower();
  const effects = cluster.step(
    1,
    received(2, appendRequest({ term: 1, entries: commands(1, 1, 1), commitIndex: 1 })),
  );
  expect(effects).toMatchObject([
    { kind: 'persist', syncSeq: 2 },
    { kind: 'send', to: 2, afterSyncSeq: 2, messages: [{ message: accepted(1, 2) }] },
    { kind: 'leaderChanged', term: 1, role: 'follower', leader: 2 },
  ]);
  // Committed, but not durable here: not to be applied yet.
  expect(cluster.member(1).view).toMatchObject({ commitIndex: 1, syncedIndex: 0 });
  expect(cluster.member(1).node.take(group1, 1_000)).toEqual([]);
  cluster.sync(1);
  expect(cluster.member(1).view.syncedIndex).toBe(2);
  expect(cluster.member(1).store.index).toBe(1);
});

test('an append that is doubled waits for the same write, not for another', () => {
  const cluster = follower();
  const append = received(2, appendRequest({ term: 1, entries: commands(1, 1) }));
  cluster.step(1, append);
  expect(cluster.step(1, append)).toMatchObject([
    { kind: 'send', afterSyncSeq: 2, messages: [{ message: accepted(1, 1) }] },
  ]);
  cluster.sync(1);
  expect(cluster.step(1, append)).toMatchObject([
    { kind: 'send', afterSyncSeq: 0, messages: [{ message: accepted(1, 1) }] },
  ]);
});

test('an append whose previous entry is missing is refused with where the log ends (Raft §5.3)', () => {
  const cluster = follower();
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1, 1) })));
  const effects = cluster.step(
    1,
    received(2, appendRequest({ term: 1, previous: [5, 1], entries: commands(6, 1) })),
  );
  expect(sent(effects)).toEqual([{ to: 2, afterSyncSeq: 0, message: rejected(1, 5, [2, 1]) }]);
});

test('a refusal names the last entry that could agree: older terms are skipped at once (Raft §5.3, last paragraph)', () => {
  const cluster = follower();
  cluster.step(1, received(2, appendRequest({ term: 4, entries: commands(1, 1, 1, 2, 4, 4, 4) })));
  const effects = cluster.step(
    1,
    received(3, appendRequest({ term: 5, previous: [6, 3], entries: commands(7, 5) })),
  );
  expect(sentOf(effects, 'appendResponse')).toEqual([rejected(5, 6, [3, 2])]);
});

test('entries that conflict are replaced, with everything behind them (Raft §5.3)', () => {
  const cluster = follower();
  cluster.step(1, received(2, appendRequest({ term: 2, entries: commands(1, 1, 2, 2, 2) })));
  cluster.sync(1);
  cluster.step(1, received(3, appendRequest({ term: 3, previous: [1, 1], entries: commands(2, 3) })));
  expect(terms(cluster, 1)).toEqual([1, 3]);
  // What lies below the first replaced entry stays durable; the rest must become so.
  expect(cluster.member(1).view.syncedIndex).toBe(1);
  cluster.sync(1);
  expect(cluster.member(1).view.syncedIndex).toBe(2);
});

test('a sync that covers entries which were replaced since makes only the rest durable', () => {
  const cluster = follower();
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1, 1, 1) })));
  cluster.step(1, received(3, appendRequest({ term: 2, previous: [1, 1], entries: commands(2, 2, 2) })));
  const member = cluster.member(1);
  cluster.step(1, { kind: 'synced', syncSeq: 2 });
  expect(member.view.syncedIndex).toBe(1);
  cluster.step(1, { kind: 'synced', syncSeq: 3 });
  expect(member.view.syncedIndex).toBe(3);
});

test('a late append that agrees cuts nothing off (Raft §5.3: only a conflict replaces)', () => {
  const cluster = follower();
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1, 1, 1) })));
  const late = cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1) })));
  expect(terms(cluster, 1)).toEqual([1, 1, 1]);
  expect(sentOf(late, 'appendResponse')).toEqual([accepted(1, 1)]);
});

test('a follower commits no further than what it knows to match (Raft figure 2, AppendEntries 5)', () => {
  const cluster = follower();
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1, 1, 1) })));
  cluster.step(1, received(3, appendRequest({ term: 2, previous: [1, 1], commitIndex: 3 })));
  expect(cluster.member(1).view.commitIndex).toBe(1);
});

test('what is committed is acknowledged whatever a late message says of it', () => {
  const cluster = follower();
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1, 1, 1), commitIndex: 3 })));
  cluster.sync(1);
  const effects = cluster.step(
    1,
    received(2, appendRequest({ term: 1, previous: [1, 1], entries: commands(2, 1) })),
  );
  expect(sentOf(effects, 'appendResponse')).toEqual([accepted(1, 3)]);
});

test('a leader that would replace a committed entry stops the node', () => {
  const cluster = follower();
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1, 1), commitIndex: 2 })));
  const wrong = appendRequest({ term: 2, previous: [1, 1], entries: commands(2, 2, 2) });
  expect(() => cluster.step(1, received(3, wrong))).toThrow('what is committed is never replaced');
});

test('appends to followers do not wait for the leader’s own disk (dissertation §10.2.1)', () => {
  const cluster = lead();
  const effects = cluster.propose(1, 'a');
  expect(effects[0]).toMatchObject({ kind: 'persist' });
  expect(sent(effects).map(({ to, afterSyncSeq }) => [to, afterSyncSeq])).toEqual([
    [2, 0],
    [3, 0],
  ]);
});

test('the leader counts itself only up to what is durable here; two others suffice without it (dissertation §10.2.1)', () => {
  const cluster = lead();
  cluster.propose(1, 'a');
  cluster.step(1, received(2, accepted(1, 2)));
  expect(cluster.member(1).view.commitIndex).toBe(1);
  cluster.step(1, received(3, accepted(1, 2)));
  expect(cluster.member(1).view.commitIndex).toBe(2);
  expect(cluster.member(1).store.index).toBe(1);
  cluster.sync(1);
  expect(cluster.member(1).store.index).toBe(2);
});

test('an entry of an earlier term commits only beneath one of the current term (Raft §5.4.2, figure 8)', () => {
  const cluster = leader({}, [1, 2]);
  // The old entries are on a majority, the empty one of term 3 is not.
  cluster.step(1, received(2, accepted(3, 2)));
  cluster.step(1, received(3, accepted(3, 2)));
  expect(cluster.member(1).view.commitIndex).toBe(0);
  cluster.step(1, received(2, accepted(3, 3)));
  expect(cluster.member(1).view.commitIndex).toBe(3);
});

test('an acknowledgement that is overtaken by a later one takes nothing back', () => {
  const cluster = lead();
  cluster.propose(1, 'a');
  cluster.propose(1, 'b');
  cluster.step(1, received(2, accepted(1, 3)));
  cluster.step(1, received(2, accepted(1, 1)));
  cluster.sync(1);
  expect(cluster.member(1).view.commitIndex).toBe(3);
  // Were the match taken back, what is committed would be sent again.
  expect(sentOf(cluster.propose(1, 'c'), 'appendRequest')[0]).toMatchObject({ previousIndex: 3 });
});

test('an acknowledgement beyond the leader’s log, which no member of ours sends, is ignored', () => {
  const cluster = lead();
  cluster.step(1, received(2, accepted(1, 99)));
  cluster.step(1, received(3, accepted(1, 99)));
  expect(cluster.member(1).view.commitIndex).toBe(1);
});

test('a new leader probes: one append, and no other until it is answered', () => {
  const cluster = leader();
  expect(sentOf(cluster.propose(1, 'a'), 'appendRequest')).toEqual([]);
  const effects = cluster.step(1, received(2, accepted(1, 1)));
  expect(sentOf(effects, 'appendRequest')).toMatchObject([{ previousIndex: 1, entries: [{ index: 2 }] }]);
});

test('once the logs agree, appends are pipelined up to the window’s count', () => {
  const cluster = lead({ inflightAppendsMax: 3 });
  const to2 = (name: string): number =>
    sent(cluster.propose(1, name)).filter(({ to, message }) => to === 2 && message.kind === 'appendRequest')
      .length;
  expect(['a', 'b', 'c', 'd', 'e'].map(to2)).toEqual([1, 1, 1, 0, 0]);
  // The first answer opens the window: everything that waited leaves in one append.
  const effects = cluster.step(1, received(2, accepted(1, 2)));
  expect(sentOf(effects, 'appendRequest')).toMatchObject([
    { previousIndex: 4, entries: [{ index: 5 }, { index: 6 }] },
  ]);
});

test('the window is bounded by bytes as well', () => {
  const cluster = lead({ inflightBytesMax: 200 });
  const big = 'x'.repeat(100);
  const counts = [big, big, big].map(
    (name) => sent(cluster.propose(1, name)).filter(({ to }) => to === 2).length,
  );
  expect(counts).toEqual([1, 1, 0]);
});

test('one append holds entries up to its bound, and at least one', () => {
  const cluster = lead({ appendBytesMax: 300 });
  const effects = cluster.propose(1, 'x'.repeat(80), 'y'.repeat(80), 'z'.repeat(500), '.');
  const sizes = sent(effects)
    .filter(({ to }) => to === 2)
    .map(({ message }) => (message.kind === 'appendRequest' ? message.entries.length : 0));
  expect(sizes).toEqual([2, 1, 1]);
});

test('a refusal sends the leader back to where the logs agree at best, in one step (Raft §5.3)', () => {
  const cluster = leader({}, [1, 1, 1, 3, 3, 3]);
  // The follower holds 1 1 1 2 2 2 2: it looked for a term of at most 3 at 6 and found 2 there.
  const effects = cluster.step(1, received(2, rejected(4, 6, [6, 2])));
  expect(sentOf(effects, 'appendRequest')).toMatchObject([{ previousIndex: 3, previousTerm: 1 }]);
});

test('a refusal of what is known to match, or of another probe than the last, is late and changes nothing', () => {
  const cluster = lead();
  cluster.propose(1, 'a');
  cluster.step(1, received(2, accepted(1, 2)));
  expect(cluster.step(1, received(2, rejected(1, 1, [0, 0])))).toEqual([]);
  expect(sentOf(cluster.propose(1, 'b'), 'appendRequest')[0]).toMatchObject({ previousIndex: 2 });

  const probing = leader({}, [1, 1, 1, 1]);
  probing.step(1, received(2, rejected(2, 4, [2, 1])));
  expect(probing.step(1, received(2, rejected(2, 4, [0, 0])))).toEqual([]);
});

test('a lost append is found out by heartbeat and repaired (Raft §5.3: retries indefinitely)', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.cut.add('1>2');
  cluster.propose(1, 'a');
  cluster.settle();
  expect(cluster.member(2).store.applied).toEqual([]);
  cluster.cut.clear();
  cluster.run(400_000);
  expect(cluster.member(2).store.applied).toEqual(['a']);
});

test('followers are told of a commit at once, not with the next heartbeat', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.propose(1, 'a');
  cluster.settle();
  for (const id of [1, 2, 3]) expect(cluster.member(id).store.applied).toEqual(['a']);
});

test('an idle leader sends heartbeats and nothing else', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.settle();
  cluster.run(200_000);
  const seen = cluster.member(1).effects.length;
  cluster.run(1_000_000);
  const effects = cluster.member(1).effects.slice(seen);
  expect(effects).toHaveLength(20);
  expect(new Set(sent(effects).map(({ message }) => message.kind))).toEqual(new Set(['heartbeatRequest']));
});

test('a heartbeat commits only what is known to match', () => {
  const cluster = lead();
  cluster.propose(1, 'a');
  cluster.sync(1);
  cluster.step(1, received(2, accepted(1, 2)));
  cluster.nowUs = cluster.member(1).node.deadlineUs;
  const beats = sent(cluster.step(1, { kind: 'tick' })).filter(
    ({ message }) => message.kind === 'heartbeatRequest',
  );
  expect(beats).toMatchObject([
    { to: 2, message: { commitIndex: 2 } },
    { to: 3, message: { commitIndex: 1 } },
  ]);
});

test('a member that has started anew is probed again, and what its earlier start acknowledged is forgotten (boot)', () => {
  const cluster = lead();
  cluster.propose(1, 'a');
  cluster.step(1, received(2, accepted(1, 2)));
  // It has lost entry 2 to damage and says so by its new boot; the answer of its former life is still on the way.
  const restarted = received(2, beaten({ term: 1, boot: 2, lastIndex: 1 }));
  expect(sentOf(cluster.step(1, restarted), 'appendRequest')).toMatchObject([{ previousIndex: 1, boot: 2 }]);
  cluster.step(1, received(2, accepted(1, 2)));
  cluster.sync(1);
  expect(cluster.member(1).view.commitIndex).toBe(1);
  cluster.step(1, received(2, accepted(1, 2, 2)));
  expect(cluster.member(1).view.commitIndex).toBe(2);
});

test('uncommitted bytes are bounded: what goes beyond is refused and nothing of it is done', () => {
  const cluster = lead({ uncommittedBytesMax: 300 });
  const big = 'x'.repeat(100);
  const effects = cluster.propose(1, big, big);
  expect(ofKind(effects, 'proposalRefused')).toMatchObject([{ code: 'BUSY', proposals: [{ length: 100 }] }]);
  expect(cluster.member(1).view.lastIndex).toBe(2);
  cluster.step(1, received(2, accepted(1, 2)));
  cluster.sync(1);
  expect(ofKind(cluster.propose(1, big), 'proposalRefused')).toEqual([]);
});

test('a proposal larger than the bound goes through when nothing else is uncommitted', () => {
  const cluster = lead({ uncommittedBytesMax: 300 });
  expect(ofKind(cluster.propose(1, 'x'.repeat(1_000)), 'proposalRefused')).toEqual([]);
});

test('a follower hands proposals to its leader, who takes each once however often it comes', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.settle();
  cluster.propose(2, 'a');
  const forwarded = cluster.packets.find(({ to }) => to === 1);
  if (forwarded === undefined) throw new Error('nothing was forwarded');
  cluster.packets.push(forwarded);
  cluster.settle();
  cluster.deliver(forwarded);
  cluster.settle();
  expect(cluster.member(3).store.applied).toEqual(['a']);
});

/** Member 1 leads three, with room for little; `forwarded` is on its way from member 2. */
function crowded(...commands: string[]): { cluster: Cluster; forwarded: Packet } {
  const cluster = new Cluster({ members: 3, options: { uncommittedBytesMax: 500 } });
  cluster.elect(1);
  for (const link of ['1>2', '1>3']) cluster.cut.add(link);
  cluster.propose(1, 'x'.repeat(200));
  cluster.propose(2, ...commands);
  const forwarded = cluster.packets.find(({ from }) => from === 2);
  if (forwarded === undefined) throw new Error('nothing was forwarded');
  return { cluster, forwarded };
}

test('what a leader has no room for is refused where it came from, and nothing of it is done', () => {
  const { cluster, forwarded } = crowded('a', 'b'.repeat(300), 'c');
  // Doubled on the way: neither copy may be taken once the first was refused.
  cluster.packets.push(forwarded);
  cluster.settle();
  cluster.cut.clear();
  cluster.run(300_000);
  expect(ofKind(cluster.member(2).effects, 'proposalRefused')).toEqual([]);
  cluster.deliver(forwarded);
  cluster.settle();
  expect(cluster.member(3).store.applied).toEqual(['x'.repeat(200), 'a']);
});

test('a refusal that arrives names what was refused, once', () => {
  const { cluster, forwarded } = crowded('a', 'b'.repeat(300), 'c');
  cluster.packets = [];
  cluster.deliver(forwarded);
  const refusals = cluster.packets.filter(({ messages }) => messages[0]?.message.kind === 'proposalsRefused');
  expect(refusals).toHaveLength(1);
  cluster.cut.clear();
  cluster.packets.push(...refusals, ...refusals);
  cluster.settle();
  const refused = ofKind(cluster.member(2).effects, 'proposalRefused');
  expect(refused).toMatchObject([{ code: 'BUSY', proposals: [{ length: 300 }, { length: 1 }] }]);
  cluster.run(300_000);
  expect(cluster.member(3).store.applied).toEqual(['x'.repeat(200), 'a']);
});

test('while the leadership is handed over, forwarded proposals are refused too', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.cut.add('1>3');
  cluster.propose(1, 'a');
  cluster.step(1, { kind: 'transferRequested', group: group1, to: 3 as never });
  cluster.propose(2, 'b');
  cluster.settle();
  expect(ofKind(cluster.member(2).effects, 'proposalRefused')).toMatchObject([{ code: 'BUSY' }]);
  expect(cluster.member(2).store.applied).toEqual(['a']);
});

test('a refusal for an earlier life of the member, or for what nobody remembers, refuses nothing', () => {
  const cluster = follower();
  cluster.step(1, received(2, heartbeat(1)));
  cluster.propose(1, 'a');
  const refusal = (boot: number, forwardSeq: number): RaftMessage => ({
    kind: 'proposalsRefused',
    term: 1,
    boot,
    forwardSeq,
    taken: 0,
  });
  expect(cluster.step(1, received(2, refusal(9, 1), refusal(1, 2)))).toEqual([]);
  // Long ago: it is forgotten, since its answer must have been lost.
  cluster.nowUs += 3_000_000;
  cluster.step(1, received(2, heartbeat(1)));
  expect(cluster.step(1, received(2, refusal(1, 1)))).toEqual([]);
  cluster.propose(1, 'b');
  expect(ofKind(cluster.step(1, received(2, refusal(1, 2))), 'proposalRefused')).toHaveLength(1);
});

test('without a leader a proposal is refused at once', () => {
  const cluster = follower();
  expect(cluster.step(1, { kind: 'proposed', group: group1, proposals: [command] })).toEqual([
    { kind: 'proposalRefused', group: group1, proposals: [command], code: 'NO_LEADER' },
  ]);
});

test('a follower’s log may end below the leader’s commit after a damage; a heartbeat then commits what there is', () => {
  const cluster = follower();
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1, 1) })));
  cluster.step(1, received(2, heartbeat(1, 9)));
  expect(cluster.member(1).view.commitIndex).toBe(2);
});
