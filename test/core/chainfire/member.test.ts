import { expect, test } from 'vitest';
import { compareKeys, latin1FromBytes } from '../../../core/base/bytes.ts';
import { groupId, nodeId } from '../../../core/base/ids.ts';
import { type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { defaultMemberConfig, memberTables } from '../../../core/chainfire/member.ts';
import { encodeConfiguration } from '../../../core/raft/configuration.ts';
import { defaultRaftOptions } from '../../../core/raft/types.ts';
import { TestCluster } from './cluster.ts';
import { all, ask, compare, get, line, op, put } from './requests.ts';

type Answer<Kind extends MemberResponse['kind']> = Extract<MemberResponse, { kind: Kind }>;

/** The answer, which must be of the kind. */
function as<Kind extends MemberResponse['kind']>(
  kind: Kind,
  response: MemberResponse | undefined,
): Answer<Kind> {
  expect(response).toMatchObject({ kind });
  return response as Answer<Kind>;
}

const valueOf = (response: MemberResponse): string => {
  const kv = as('range', response).response.kvs[0];
  return kv === undefined ? 'none' : latin1FromBytes(kv.value);
};

function others(cluster: TestCluster, leader: number): readonly [number, number] {
  const [one, two] = [...cluster.nodes.keys()].filter((id) => id !== leader);
  return [one as number, two as number];
}

test('a single member takes a put and gives it back', () => {
  const cluster = new TestCluster(1);
  const response = as('put', cluster.call(1, ask.put('a', 'x'))).response;
  expect(response.header).toMatchObject({ clusterId: 7n, memberId: 1n, revision: 2 });
  expect(response.header?.raftTerm).toBeGreaterThan(0);
  expect(valueOf(cluster.call(1, ask.get('a')))).toBe('x');
});

test('a follower hands a write to the leader and answers it when it has applied it', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [follower, other] = others(cluster, leader);
  expect(as('put', cluster.call(follower, ask.put('a', 'x'))).response.header?.memberId).toBe(
    BigInt(follower),
  );
  expect(cluster.member(follower).view.revision).toBe(2);
  expect(valueOf(cluster.call(other, ask.get('a')))).toBe('x');
  expect(valueOf(cluster.call(leader, ask.get('a')))).toBe('x');
});

test('a linearizable read through a follower sees what another member acknowledged before it', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [follower] = others(cluster, leader);
  // The follower hears of the commit only with a later message: it must wait for it.
  for (let at = 0; at < 20; at += 1) {
    cluster.call(leader, ask.put('a', `${at}`));
    expect(valueOf(cluster.call(follower, ask.get('a')))).toBe(`${at}`);
  }
});

test('a serializable read is answered at once from what the member has', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [follower] = others(cluster, leader);
  cluster.call(leader, ask.put('a', '1'));
  cluster.quiesce();
  cluster.crash(leader);
  const requestId = cluster.send(follower, ask.get('a', { serializable: true }));
  expect(valueOf(cluster.replies.get(requestId) as MemberResponse)).toBe('1');
});

test('a serializable read waits for what the member knows to be committed', () => {
  const cluster = new TestCluster(1, { storeBacklogBytesMax: 1 });
  cluster.elect();
  cluster.quiesce();
  cluster.node(1).holdsStored = true;
  cluster.call(1, ask.put('a', '1'));
  const second = cluster.send(1, ask.put('a', '2'));
  cluster.runUntil(() => cluster.member(1).view.raft.commitIndex > cluster.member(1).view.appliedIndex);
  cluster.run(100_000);
  const read = cluster.send(1, ask.get('a', { serializable: true }));
  cluster.run(100_000);
  expect([cluster.replies.has(second), cluster.replies.has(read)]).toEqual([false, false]);
  cluster.node(1).holdsStored = false;
  cluster.releaseStored(cluster.node(1));
  cluster.runUntil(() => cluster.replies.has(read));
  expect(valueOf(cluster.replies.get(read) as MemberResponse)).toBe('2');
});

test('writes that come together are one batch of the log and one message to each peer', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  cluster.quiesce();
  const machine = cluster.member(leader);
  const before = machine.view.raft.lastIndex;
  const nowUs = cluster.nowUs;
  for (const requestId of [901, 902, 903]) {
    const request = ask.put(`k${requestId}`, 'v');
    expect(machine.step({ kind: 'requested', requestId, request }, nowUs)).toEqual([]);
  }
  // Its client is gone before the turn is over: it is not even begun.
  expect(machine.step({ kind: 'cancelled', requestId: 902 }, nowUs)).toEqual([]);
  expect(machine.deadlineUs).toBeLessThanOrEqual(nowUs);
  const effects = machine.step({ kind: 'tick' }, nowUs);
  expect(machine.view.raft.lastIndex).toBe(before + 2);
  expect(effects.filter(({ kind }) => kind === 'persist').length).toBe(1);
  const appends = effects.flatMap((effect) => (effect.kind === 'send' ? effect.messages : []));
  const entries = appends.flatMap(({ message }) =>
    message.kind === 'appendRequest' ? [message.entries.length] : [],
  );
  expect(entries).toEqual([2, 2]);
});

test('a transaction that only reads takes no place in the log', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  cluster.call(leader, ask.put('a', '1'));
  cluster.quiesce();
  const { lastIndex } = cluster.member(leader).view.raft;
  for (const id of [1, 2, 3]) {
    const txn = { compare: [compare('a', { target: 0, version: 1 })], success: [op.range(get('a'))] };
    const { response } = as('txn', cluster.call(id, ask.txn(txn)));
    expect(response.responses[0]?.responseRange?.kvs.map(line)).toEqual(['a=1 c2 m2 v1']);
    expect(response.header?.memberId).toBe(BigInt(id));
  }
  const future = ask.txn({ success: [op.range(get('a', { revision: 9 }))] });
  expect(cluster.call(1, future)).toMatchObject({ code: 'FUTURE_REVISION' });
  expect(cluster.member(leader).view.raft.lastIndex).toBe(lastIndex);
});

test('members that have applied the same have the same hash, and a restart applies again to it', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  for (let at = 0; at < 30; at += 1) cluster.call(1 + (at % 3), ask.put(`k${at % 5}`, `${at}`));
  cluster.call(leader, ask.compact(10));
  cluster.quiesce();
  const hashes = [1, 2, 3].map((id) => cluster.member(id).view.appliedHash);
  expect(new Set(hashes).size).toBe(1);
  const [follower] = others(cluster, leader);
  cluster.crash(follower);
  cluster.restart(follower);
  cluster.quiesce();
  expect(cluster.member(follower).view.appliedHash).toBe(cluster.member(leader).view.appliedHash);
});

test('a member whose store lost everything since the last sync applies the log again, with the same outcome', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [follower] = others(cluster, leader);
  cluster.call(leader, ask.put('a', '0'));
  cluster.quiesce();
  cluster.holdStored(follower);
  for (let at = 0; at < 30; at += 1) {
    cluster.call(
      leader,
      at % 4 === 3
        ? ask.txn({ success: [op.put(put(`t${at}`, '1')), op.range(all({ revision: 2 }))] })
        : ask.put(`k${at % 5}`, `${at}`),
    );
  }
  cluster.quiesce();
  const { appliedIndex, appliedHash } = cluster.member(follower).view;
  cluster.crash(follower);
  cluster.loseUnstored(follower);
  cluster.restart(follower);
  expect(cluster.member(follower).view.appliedIndex).toBeLessThan(appliedIndex - 20);
  cluster.quiesce();
  expect(cluster.member(follower).view.appliedHash).toBe(cluster.member(leader).view.appliedHash);
  if (cluster.member(follower).view.appliedIndex === appliedIndex) {
    expect(cluster.member(follower).view.appliedHash).toBe(appliedHash);
  }
});

test('all members stop at once and start again: nothing that was acknowledged is lost', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  for (let at = 0; at < 10; at += 1) cluster.call(1, ask.put(`k${at}`, `${at}`));
  for (const id of [1, 2, 3]) cluster.crash(id);
  for (const id of [1, 2, 3]) cluster.restart(id);
  cluster.elect();
  expect(as('range', cluster.call(2, ask.all())).response).toMatchObject({
    count: 10,
    header: { revision: 11 },
  });
});

test('a follower that is far behind is given a snapshot, and goes on as if it had applied every entry', () => {
  const cluster = new TestCluster(3, {
    trailingEntries: 5,
    raft: { ...defaultRaftOptions, segmentBytesMax: 4_096, cacheBytesMax: 1_024 },
  });
  const leader = cluster.elect();
  const [follower, other] = others(cluster, leader);
  cluster.crash(follower);
  for (let at = 0; at < 200; at += 1) cluster.call(other, ask.put(`k${at % 50}`, 'v'.repeat(200)));
  cluster.call(leader, ask.compact(100));
  expect(cluster.member(leader).view.raft.firstIndex).toBeGreaterThan(50);
  cluster.restart(follower);
  cluster.node(follower).holdsStored = true;
  cluster.runUntil(() => cluster.member(follower).view.appliedIndex > 150);
  // A snapshot is on the disk once it is installed.
  expect(cluster.member(follower).view.storedIndex).toBeGreaterThan(150);
  cluster.node(follower).holdsStored = false;
  cluster.quiesce();
  expect(cluster.member(follower).view.appliedHash).toBe(cluster.member(leader).view.appliedHash);
  expect(cluster.snapshots).toBeGreaterThan(0);
  expect(as('put', cluster.call(follower, ask.put('after', '1'))).response.header?.revision).toBe(202);
  const hashes = [1, 2, 3].map((id) => as('hashKv', cluster.call(id, ask.hashKv())).response.hash);
  expect(new Set(hashes).size).toBe(1);
  const wholes = [1, 2, 3].map((id) => as('hash', cluster.call(id, ask.hash)).response.hash);
  expect(new Set(wholes).size).toBe(1);
  cluster.crash(follower);
  cluster.restart(follower);
  cluster.quiesce();
  expect(cluster.member(follower).view.appliedHash).toBe(cluster.member(leader).view.appliedHash);
});

test('a member that learns that it was removed stops, and says why', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [follower, other] = others(cluster, leader);
  cluster.quiesce();
  cluster.crash(follower);
  cluster.call(leader, ask.put('a', '1'));
  cluster.quiesce();
  // What a snapshot of a later configuration looks like.
  const { raft, appliedIndex, appliedTerm } = cluster.member(leader).view;
  const voters = [nodeId(leader), nodeId(other)].sort((left, right) => left - right);
  const configuration = { voters, outgoing: [], learners: [] };
  const node = cluster.node(follower);
  const stageId = node.store.openStage();
  for (const table of memberTables) {
    const rows = new Map(cluster.node(leader).store.range(table, { from: '' }));
    if (table === 'meta') rows.set('configuration', encodeConfiguration(configuration));
    node.store.stageRows(
      stageId,
      table,
      [...rows].sort(([left], [right]) => compareKeys(left, right)),
    );
  }
  cluster.restart(follower);
  const header = {
    group: groupId(1),
    leaderTerm: raft.term,
    index: appliedIndex,
    term: appliedTerm,
    configuration,
  };
  cluster.step(follower, { kind: 'snapshotReceived', from: nodeId(leader), stageId, header });
  expect(node.stopReason).toMatch(new RegExp(`^member ${follower} was removed from the cluster`));
  const requestId = cluster.send(follower, ask.put('b', '1'));
  expect(cluster.replies.get(requestId)).toMatchObject({
    code: 'STOPPED',
    message: 'etcdserver: server stopped',
  });
});

test('a snapshot that is older than what the member has applied is discarded', () => {
  const cluster = new TestCluster(1);
  cluster.elect();
  cluster.call(1, ask.put('a', '1'));
  const { store } = cluster.node(1);
  const stageId = store.openStage();
  const { raft, appliedIndex, appliedTerm } = cluster.member(1).view;
  cluster.step(1, {
    kind: 'snapshotReceived',
    from: nodeId(1),
    stageId,
    header: {
      group: groupId(1),
      leaderTerm: raft.term,
      index: appliedIndex,
      term: appliedTerm,
      configuration: raft.configuration,
    },
  });
  expect(valueOf(cluster.call(1, ask.get('a')))).toBe('1');
  // The place is free again.
  for (let at = 0; at < 4; at += 1) store.openStage();
});

test('a member whose disk is behind stops applying, and goes on leading', () => {
  const cluster = new TestCluster(3, { storeBacklogBytesMax: 10_000 });
  const leader = cluster.elect();
  const [follower] = others(cluster, leader);
  cluster.quiesce();
  const { term } = cluster.member(leader).view.raft;
  cluster.node(leader).holdsStored = true;
  // Not all at once: what gathers is applied in one turn.
  const requests = Array.from({ length: 40 }, (_, at) => {
    cluster.run(1_000);
    return cluster.send(leader, ask.put(`k${at}`, 'v'.repeat(1_000)));
  });
  cluster.run(3_000_000);
  const { view } = cluster.member(leader);
  expect(view.raft.commitIndex).toBeGreaterThan(view.appliedIndex);
  expect(cluster.member(follower).view.appliedIndex).toBe(view.raft.commitIndex);
  expect(view.raft).toMatchObject({ term, role: 'leader' });
  cluster.node(leader).holdsStored = false;
  cluster.releaseStored(cluster.node(leader));
  cluster.runUntil(() => requests.every((requestId) => cluster.replies.has(requestId)));
  expect(requests.map((requestId) => cluster.replies.get(requestId)?.kind)).toEqual(
    requests.map(() => 'put'),
  );
});

test('the log is cut only behind what the disk has', () => {
  const cluster = new TestCluster(1, {
    trailingEntries: 0,
    raft: { ...defaultRaftOptions, segmentBytesMax: 2_048 },
  });
  cluster.elect();
  cluster.quiesce();
  cluster.node(1).holdsStored = true;
  // What was reported before is on its way.
  cluster.run(10_000);
  const { storedIndex } = cluster.member(1).view;
  for (let at = 0; at < 50; at += 1) cluster.call(1, ask.put('a', 'v'.repeat(200)));
  expect(cluster.member(1).view.raft.firstIndex).toBeLessThanOrEqual(storedIndex + 1);
  cluster.node(1).holdsStored = false;
  cluster.releaseStored(cluster.node(1));
  cluster.run(100_000);
  expect(cluster.member(1).view.raft.firstIndex).toBeGreaterThan(storedIndex + 40);
});

test('a disk that has a part of what was applied lets that part of the log go, and no more', () => {
  const raft = { ...defaultRaftOptions, segmentBytesMax: 2_048 };
  const cluster = new TestCluster(1, { trailingEntries: 0, raft });
  cluster.elect();
  cluster.quiesce();
  cluster.node(1).holdsStored = true;
  cluster.run(10_000);
  const { lastSeq } = cluster.node(1).store;
  const { appliedIndex } = cluster.member(1).view;
  for (let at = 0; at < 50; at += 1) cluster.call(1, ask.put('a', 'v'.repeat(200)));
  cluster.step(1, { kind: 'stored', storeSeq: lastSeq + 20 });
  expect(cluster.member(1).view.storedIndex).toBe(appliedIndex + 20);
  expect(cluster.member(1).view.raft.firstIndex).toBe(appliedIndex + 21);
});

test('a write that no leader was ever asked for is answered with NO_LEADER; one that was, with TIMEOUT', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [follower, other] = others(cluster, leader);
  cluster.crash(other);
  cluster.crash(follower);
  const proposed = cluster.send(leader, ask.put('a', '1'));
  cluster.run(4_000_000);
  // Without a quorum it no longer leads (check-quorum).
  expect(cluster.member(leader).view.raft.leader).toBe(0);
  const waiting = cluster.send(leader, ask.put('a', '2'));
  const reading = cluster.send(leader, ask.get('a'));
  cluster.run(8_000_000);
  expect(cluster.replies.get(proposed)).toMatchObject({
    code: 'TIMEOUT',
    message: 'etcdserver: request timed out',
  });
  expect(cluster.replies.get(waiting)).toMatchObject({ code: 'NO_LEADER', message: 'etcdserver: no leader' });
  expect(cluster.replies.get(reading)).toMatchObject({ code: 'NO_LEADER' });
});

test('a request that comes before there is a leader waits for one', () => {
  const cluster = new TestCluster(3);
  expect(as('put', cluster.call(2, ask.put('a', '1'))).response.header?.revision).toBe(2);
  const again = new TestCluster(3);
  expect(valueOf(again.call(3, ask.get('a')))).toBe('none');
});

test('a write that was lost with its leader is put to the next one, and done once', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [follower, other] = others(cluster, leader);
  // One write reaches the leader's log and no further, one is lost on the way to it.
  cluster.onMessage = (from, _, { message }) => (from === leader && message.kind === 'appendRequest' ? 0 : 1);
  const inLog = cluster.send(follower, ask.put('a', '1'));
  const lastIndex = cluster.member(leader).view.raft.lastIndex;
  cluster.runUntil(() => cluster.member(leader).view.raft.lastIndex > lastIndex);
  cluster.onMessage = (_, __, { message }) => (message.kind === 'proposalForwarded' ? 0 : 1);
  const onTheWay = cluster.send(follower, ask.put('b', '1'));
  cluster.onMessage = () => 1;
  cluster.crash(leader);
  const askedUs = cluster.nowUs;
  cluster.runUntil(() => cluster.replies.has(inLog) && cluster.replies.has(onTheWay));
  expect(cluster.nowUs - askedUs).toBeLessThan(defaultMemberConfig.requestTimeoutUs);
  // What the old leader still holds comes to nothing.
  cluster.restart(leader);
  cluster.quiesce();
  for (const id of [leader, follower, other] as number[]) {
    expect(as('range', cluster.call(id, ask.all())).response.kvs.map(line)).toEqual([
      'a=1 c2 m2 v1',
      'b=1 c3 m3 v1',
    ]);
  }
});

test('a write that a snapshot may stand for is answered at once: nobody can see any more whether it was done', () => {
  const cluster = new TestCluster(3, { trailingEntries: 0 });
  const leader = cluster.elect();
  const [follower] = others(cluster, leader);
  cluster.onMessage = (_, to, { message }) =>
    to === follower && message.kind !== 'heartbeatRequest' ? 0 : 1;
  const written = cluster.send(follower, ask.put('a', '1'));
  for (let at = 0; at < 20; at += 1) cluster.call(leader, ask.put('b', `${at}`));
  cluster.onMessage = () => 1;
  cluster.runUntil(() => cluster.snapshots > 0 && cluster.replies.has(written));
  expect(cluster.replies.get(written)).toMatchObject({
    code: 'LEADER_CHANGED',
    message: 'etcdserver: leader changed',
  });
});

test('a proposal that the network delivers twice is applied once', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [follower] = others(cluster, leader);
  cluster.onMessage = (_, __, { message }) => (message.kind === 'proposalForwarded' ? 2 : 1);
  for (let at = 0; at < 10; at += 1) cluster.call(follower, ask.put('a', `${at}`));
  expect(as('range', cluster.call(leader, ask.get('a'))).response.kvs.map(line)).toEqual(['a=9 c2 m11 v10']);
});

test('a lost question for the read index is asked again', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [follower] = others(cluster, leader);
  let lost = 0;
  cluster.onMessage = (_, __, { message }) => {
    if (message.kind !== 'readIndexRequest' || lost >= 2) return 1;
    lost += 1;
    return 0;
  };
  expect(valueOf(cluster.call(follower, ask.get('a'), 5_000_000))).toBe('none');
  expect(lost).toBe(2);
});

test('more requests than may wait are refused, and a cancelled one makes room', () => {
  const cluster = new TestCluster(3, { pendingRequestsMax: 2 });
  const first = cluster.send(1, ask.put('a', '1'));
  cluster.send(1, ask.get('a'));
  const third = cluster.send(1, ask.put('a', '3'));
  expect(cluster.replies.get(third)).toMatchObject({ code: 'TOO_MANY_REQUESTS' });
  cluster.step(1, { kind: 'cancelled', requestId: first });
  cluster.send(1, ask.get('b'));
  expect(cluster.member(1).view.pendingRequests).toBe(2);
});

test('a command larger than the limit is refused before it is proposed', () => {
  const cluster = new TestCluster(1, { requestBytesMax: 1_000 });
  cluster.elect();
  expect(cluster.call(1, ask.put('a', 'v'.repeat(1_000)))).toMatchObject({
    code: 'REQUEST_TOO_LARGE',
    message: 'etcdserver: request is too large',
  });
  expect(cluster.call(1, ask.put('a', 'v'.repeat(900)))).toMatchObject({ kind: 'put' });
});

test('members tell each other where their clients find them', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  cluster.runUntil(() => cluster.member(1).view.members.every(({ clientUrls }) => clientUrls.length === 1));
  expect(as('memberList', cluster.call(2, ask.memberList())).response).toMatchObject({
    header: { memberId: 2n },
    members: [1n, 2n, 3n].map((id) => ({
      id,
      name: `m${id}`,
      peerUrls: [`http://m${id}:2380`],
      clientUrls: ['http://c:2379'],
      isLearner: false,
    })),
  });
  const { appliedIndex } = cluster.member(1).view;
  cluster.run(20_000_000);
  // Said once, not again and again.
  expect(cluster.member(1).view.appliedIndex).toBe(appliedIndex);
});

test('status tells what the member knows, with or without a leader', () => {
  const cluster = new TestCluster(3);
  const early = cluster.send(1, ask.status);
  expect(as('status', cluster.replies.get(early)).response).toMatchObject({
    leader: 0n,
    errors: ['etcdserver: no leader'],
    version: '3.4.31',
  });
  const leader = cluster.elect();
  cluster.call(leader, ask.put('a', 'x'));
  const { response } = as('status', cluster.call(leader, ask.status));
  expect(response).toMatchObject({ leader: BigInt(leader), errors: [], isLearner: false });
  expect(response.dbSize).toBeGreaterThan(response.dbSizeInUse);
  expect(response.dbSizeInUse).toBeGreaterThan(0);
});

test('a physical compaction is answered when everything is freed', () => {
  const cluster = new TestCluster(1, { compactionBatch: 10 });
  cluster.elect();
  for (let at = 0; at < 100; at += 1) cluster.call(1, ask.put('a', `${at}`));
  cluster.call(1, ask.compact(101, true));
  expect([...cluster.node(1).store.range('history', { from: '' })].length).toBe(1);
  expect(cluster.call(1, ask.get('a', { revision: 50 }))).toMatchObject({ code: 'COMPACTED' });
});

test('reads ask for one index together', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [follower] = others(cluster, leader);
  cluster.quiesce();
  let questions = 0;
  cluster.onMessage = (_, __, { message }) => {
    if (message.kind === 'readIndexRequest') questions += 1;
    return 1;
  };
  const reads = Array.from({ length: 50 }, () => cluster.send(follower, ask.get('a')));
  cluster.runUntil(() => reads.every((requestId) => cluster.replies.has(requestId)));
  expect(questions).toBe(2);
});

test('a response never carries a revision above what it reflects', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [follower] = others(cluster, leader);
  const requests = Array.from({ length: 30 }, (_, at) =>
    cluster.send(at % 2 === 0 ? leader : follower, at % 3 === 0 ? ask.all() : ask.put(`k${at}`, '1')),
  );
  cluster.runUntil(() => requests.every((requestId) => cluster.replies.has(requestId)));
  for (const requestId of requests) {
    const response = cluster.replies.get(requestId);
    if (response?.kind !== 'range') continue;
    expect(response.response.header?.revision).toBe(1 + response.response.count);
  }
});
