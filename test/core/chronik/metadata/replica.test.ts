import { expect, test } from 'vitest';
import { present } from '../../../../core/base/assert.ts';
import { nodeId } from '../../../../core/base/ids.ts';
import { createCommand, type MetadataCommand } from '../../../../core/chronik/metadata/commands.ts';
import { type MetadataOutcome } from '../../../../core/chronik/metadata/outcomes.ts';
import { MetadataCluster } from './cluster.ts';

let topicsMade = 0;

function topic(name: string, partitionCount = 3, replicationFactor = 3): MetadataCommand {
  topicsMade += 1;
  const id = topicsMade.toString(16).padStart(32, '0');
  return createCommand('createTopic', { name, id, partitionCount, replicationFactor });
}

function codeOf(outcome: MetadataOutcome): string {
  return outcome.kind === 'refused' ? outcome.code : 'done';
}

function leadersOf(cluster: MetadataCluster, at: number, name: string): readonly number[] {
  const { image } = cluster.replica(at);
  return present(image.topic(name), 'the topic is there').partitions.map(({ leader }) => leader);
}

test('brokers register by themselves and are unfenced when they have applied it', () => {
  const cluster = new MetadataCluster(3);
  cluster.settle();
  cluster.quiesce();
  for (const id of [1, 2, 3]) {
    const { image, brokerEpoch } = cluster.replica(id);
    expect(image.brokers.map((broker) => [broker.id, broker.fenced])).toEqual([
      [1, false],
      [2, false],
      [3, false],
    ]);
    expect(brokerEpoch).toBe(image.broker(id)?.epoch);
    expect(brokerEpoch).toBeGreaterThan(0);
  }
});

test('a command proposed at any broker is applied by all, and its proposer learns the outcome', () => {
  const cluster = new MetadataCluster(3);
  cluster.settle();
  const follower = [1, 2, 3].find((id) => id !== cluster.controller) ?? 0;
  expect(codeOf(cluster.call(follower, topic('orders')))).toBe('done');
  expect(codeOf(cluster.call(cluster.controller, topic('orders')))).toBe('TOPIC_ALREADY_EXISTS');
  cluster.quiesce();
  for (const id of [1, 2, 3]) expect([...leadersOf(cluster, id, 'orders')].sort()).toEqual([1, 2, 3]);
  expect(cluster.rows(1)).toEqual(cluster.rows(2));
  expect(cluster.rows(1)).toEqual(cluster.rows(3));
});

test('a broker that is not heard of for a session is fenced, and others lead what it led', () => {
  const cluster = new MetadataCluster(3);
  cluster.settle();
  cluster.call(1, topic('orders'));
  const gone = [1, 2, 3].find((id) => id !== cluster.controller) ?? 0;
  cluster.crash(gone);
  const beganUs = cluster.nowUs;
  cluster.runUntil(() => cluster.replica(cluster.controller).image.broker(gone)?.fenced === true);
  expect(cluster.nowUs - beganUs).toBeLessThan(9_100_000);
  const { image } = cluster.replica(cluster.controller);
  for (const { isr, leader, replicas } of present(image.topic('orders'), 'it is there').partitions) {
    expect(isr).not.toContain(gone);
    expect(replicas).toContain(gone);
    expect(isr).toContain(leader);
  }
  cluster.restart(gone);
  cluster.settle();
  expect(cluster.replica(1).image.broker(gone)?.fenced).toBe(false);
});

test('a new controller gives everybody a whole session, and fences the one who is gone', () => {
  const cluster = new MetadataCluster(3);
  cluster.settle();
  cluster.call(1, topic('orders'));
  const gone = cluster.controller;
  cluster.crash(gone);
  const beganUs = cluster.nowUs;
  cluster.runUntil(() => cluster.controller !== 0);
  const electedUs = cluster.nowUs;
  cluster.runUntil(() => cluster.replica(cluster.controller).image.broker(gone)?.fenced === true);
  expect(cluster.nowUs - electedUs).toBeGreaterThanOrEqual(9_000_000);
  expect(cluster.nowUs - beganUs).toBeLessThan(15_000_000);
  const others = [1, 2, 3].filter((id) => id !== gone);
  for (const id of others) {
    cluster.quiesce();
    expect(cluster.replica(id).image.brokers.map(({ fenced }) => fenced)).toEqual(
      [1, 2, 3].map((broker) => broker === gone),
    );
  }
});

test('metadata survives a restart of every broker at once', () => {
  const cluster = new MetadataCluster(3);
  cluster.settle();
  cluster.call(1, topic('orders'));
  cluster.quiesce();
  const before = present(cluster.replica(1).image.topic('orders'), 'it is there');
  const epochs = before.partitions.map(({ leaderEpoch }) => leaderEpoch);
  for (const id of [1, 2, 3]) cluster.crash(id);
  for (const id of [1, 2, 3]) cluster.restart(id);
  cluster.settle();
  cluster.runUntil(() => leadersOf(cluster, 1, 'orders').every((leader) => leader > 0));
  const after = present(cluster.replica(1).image.topic('orders'), 'it is still there');
  expect(after.id).toBe(before.id);
  expect(after.partitions.length).toBe(3);
  for (const [at, { leaderEpoch }] of after.partitions.entries()) {
    expect(leaderEpoch).toBeGreaterThan(epochs[at] ?? 0);
  }
});

test('a broker that is far behind takes a snapshot and goes on from it', () => {
  const cluster = new MetadataCluster(3, { trailingEntries: 5 });
  cluster.settle();
  const late = [1, 2, 3].find((id) => id !== cluster.controller) ?? 0;
  cluster.crash(late);
  for (let at = 0; at < 40; at += 1) cluster.call(cluster.controller, topic(`t${at}`, 1, 2));
  cluster.restart(late);
  cluster.settle();
  cluster.quiesce();
  expect(cluster.snapshots).toBeGreaterThan(0);
  expect(cluster.replica(late).takeChanges().replaced).toBe(true);
  expect(cluster.replica(late).image.topicCount).toBe(40);
  expect(cluster.rows(late)).toEqual(cluster.rows(cluster.controller));
});

test('a command waits for a controller, and is given up when none is found in time', () => {
  const cluster = new MetadataCluster(3, { commandTimeoutUs: 5_000_000 });
  cluster.settle();
  cluster.crash(2);
  cluster.crash(3);
  const outcome = cluster.call(1, topic('orders'));
  expect(codeOf(outcome)).toBe('REQUEST_TIMED_OUT');
  cluster.restart(2);
  cluster.settle();
  expect(codeOf(cluster.call(1, topic('payments', 1, 2)))).toBe('done');
});

test('what was handed to a leader that fell is handed to the next one, and done once', () => {
  const cluster = new MetadataCluster(3);
  cluster.settle();
  const proposer = [1, 2, 3].find((id) => id !== cluster.controller) ?? 0;
  const fallen = cluster.controller;
  cluster.onMessage = (from, to, message) => !(to === fallen && from === proposer && message.kind === 'raft');
  const token = cluster.propose(proposer, topic('orders', 1, 2));
  cluster.run(100_000);
  cluster.crash(fallen);
  cluster.onMessage = () => true;
  cluster.runUntil(() => cluster.outcomes.has(token));
  expect(codeOf(present(cluster.outcomes.get(token), 'there is an outcome'))).toBe('done');
  expect(cluster.replica(proposer).image.topicCount).toBe(1);
});

test('commands beyond the bound are refused at once, and the rest are done', () => {
  const cluster = new MetadataCluster(1, { commandsPendingMax: 2 });
  cluster.settle();
  const tokens = ['a', 'b', 'c'].map((name) => cluster.propose(1, topic(name, 1, 1)));
  cluster.runUntil(() => tokens.every((token) => cluster.outcomes.has(token)));
  const codes = tokens.map((token) => codeOf(present(cluster.outcomes.get(token), 'there is an outcome')));
  expect(codes).toEqual(['done', 'done', 'THROTTLING_QUOTA_EXCEEDED']);
});

test('a broker that is to stop has others lead first, and is fenced before it goes (controlled shutdown)', () => {
  const cluster = new MetadataCluster(3);
  cluster.settle();
  cluster.call(1, topic('orders', 9));
  const leaving = [1, 2, 3].find((id) => id !== cluster.controller) ?? 0;
  expect(leadersOf(cluster, leaving, 'orders')).toContain(leaving);
  expect(cluster.replica(leaving).mayStop).toBe(false);
  cluster.replica(leaving).beginShutdown();
  cluster.runUntil(() => cluster.replica(leaving).mayStop, 5_000_000);
  expect(leadersOf(cluster, leaving, 'orders')).not.toContain(leaving);
  cluster.runUntil(
    () => cluster.replica(cluster.controller).image.broker(leaving)?.fenced === true,
    5_000_000,
  );
  cluster.run(20_000_000);
  expect(cluster.replica(cluster.controller).image.broker(leaving)?.fenced).toBe(true);
});

test('a controller that is to stop hands over before it goes', () => {
  const cluster = new MetadataCluster(3);
  cluster.settle();
  cluster.call(1, topic('orders', 9));
  const leaving = cluster.controller;
  cluster.replica(leaving).beginShutdown();
  cluster.runUntil(() => cluster.replica(leaving).mayStop, 5_000_000);
  cluster.runUntil(() => cluster.controller !== leaving && cluster.controller !== 0, 3_000_000);
  cluster.crash(leaving);
  expect(codeOf(cluster.call(cluster.controller, topic('payments', 1, 2)))).toBe('done');
  expect(cluster.replica(cluster.controller).image.broker(leaving)?.fenced).toBe(true);
});

test('a broker that keeps what nobody else has may stop nonetheless', () => {
  const cluster = new MetadataCluster(3);
  cluster.settle();
  cluster.call(1, topic('orders', 3, 1));
  cluster.replica(1).beginShutdown();
  cluster.runUntil(() => cluster.replica(1).mayStop, 5_000_000);
  expect(leadersOf(cluster, 1, 'orders')).toContain(1);
});

test('partitions go back to their preferred leaders after a while', () => {
  const cluster = new MetadataCluster(3, { leaderBalanceIntervalUs: 5_000_000 });
  cluster.settle();
  cluster.call(1, topic('orders'));
  const gone = [1, 2, 3].find((id) => id !== cluster.controller) ?? 0;
  cluster.crash(gone);
  cluster.runUntil(() => cluster.replica(cluster.controller).image.broker(gone)?.fenced === true);
  cluster.restart(gone);
  cluster.settle();
  const { image } = cluster.replica(cluster.controller);
  const orders = present(image.topic('orders'), 'it is there');
  for (const [partition, { leader, leaderEpoch, partitionEpoch, replicas }] of orders.partitions.entries()) {
    const isr = replicas.map((id) => ({ broker: id, brokerEpoch: image.broker(id)?.epoch ?? 0 }));
    const alteration = { created: orders.created, partition, leaderEpoch, partitionEpoch, isr };
    const brokerEpoch = image.broker(leader)?.epoch ?? 0;
    const broker = nodeId(leader);
    cluster.call(leader, createCommand('alterPartition', { broker, brokerEpoch, partitions: [alteration] }));
  }
  expect(orders.partitions.map(({ leader }) => leader)).not.toContain(gone);
  cluster.runUntil(
    () => orders.partitions.every(({ leader, replicas }) => leader === replicas[0]),
    6_000_000,
  );
});

test('what may be done twice is handed to the leader again when its message was lost, and has one outcome', () => {
  const cluster = new MetadataCluster(3);
  cluster.settle();
  cluster.call(1, topic('orders', 1, 3));
  cluster.quiesce();
  const { image } = cluster.replica(1);
  const proposer = [1, 2, 3].find((id) => id !== cluster.controller) ?? 0;
  const life = { broker: nodeId(proposer), brokerEpoch: image.broker(proposer)?.epoch ?? 0 };
  let lost = 0;
  cluster.onMessage = (_from, _to, said) => {
    if (said.kind !== 'raft' || said.message.message.kind !== 'proposalForwarded' || lost === 2) return true;
    lost += 1;
    return false;
  };
  const beganUs = cluster.nowUs;
  const token = cluster.propose(proposer, createCommand('allocateProducerIds', life));
  cluster.runUntil(() => cluster.outcomes.has(token));
  expect(codeOf(present(cluster.outcomes.get(token), 'there is an outcome'))).toBe('done');
  expect(lost).toBe(2);
  expect(cluster.nowUs - beganUs).toBeLessThan(2_200_000);
});

test('what may not be done twice waits for its time-out when its message was lost', () => {
  const cluster = new MetadataCluster(3, { commandTimeoutUs: 4_000_000 });
  cluster.settle();
  const proposer = [1, 2, 3].find((id) => id !== cluster.controller) ?? 0;
  cluster.onMessage = (_from, _to, said) =>
    said.kind !== 'raft' || said.message.message.kind !== 'proposalForwarded';
  expect(codeOf(cluster.call(proposer, topic('orders')))).toBe('REQUEST_TIMED_OUT');
  cluster.run(2_000_000);
  expect(cluster.replica(proposer).image.topicCount).toBe(0);
});

test('a controller that was asleep fences nobody for what it could not hear', () => {
  const cluster = new MetadataCluster(3, { leaderBalanceIntervalUs: 0 });
  cluster.settle();
  cluster.quiesce();
  const { controller } = cluster;
  const effects = [
    ...cluster
      .replica(controller)
      .step({ kind: 'received', from: nodeId(1), messages: [] }, cluster.nowUs + 12_000_000),
  ];
  expect(cluster.replica(controller).isController).toBe(true);
  expect(effects.filter(({ kind }) => kind === 'persist')).toEqual([]);
  expect(cluster.replica(controller).commandsPending).toBe(0);
});

test('two brokers of one id oust each other no more often than they beat', () => {
  const cluster = new MetadataCluster(3);
  cluster.settle();
  const victim = [1, 2, 3].find((id) => id !== cluster.controller) ?? 0;
  const endpoints = [{ listener: 'PLAINTEXT', host: 'twin', port: 9092, securityProtocol: 0 }];
  let epoch = cluster.replica(victim).brokerEpoch;
  for (let twin = 0; twin < 5; twin += 1) {
    const incarnation = twin.toString(16).padStart(32, 'f');
    cluster.call(victim, createCommand('registerBroker', { broker: nodeId(victim), incarnation, endpoints }));
    const oustedUs = cluster.nowUs;
    cluster.runUntil(() => cluster.replica(victim).brokerEpoch > epoch);
    if (twin > 0) expect(cluster.nowUs - oustedUs).toBeGreaterThan(1_900_000);
    epoch = cluster.replica(victim).brokerEpoch;
  }
  cluster.settle();
});

test('a broker that was never registered may stop at once', () => {
  const cluster = new MetadataCluster(3);
  cluster.replica(1).beginShutdown();
  expect(cluster.replica(1).mayStop).toBe(true);
});
