import { type Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Cluster } from '../cluster.ts';
import { createTopic, kafkaClient } from './topics.ts';

let cluster: Cluster;
let kafka: Kafka;

describe('kafkajs against three brokers', () => {
  beforeAll(async () => {
    cluster = await Cluster.start(3, ['--group-initial-rebalance-delay-ms', '200'], 'chronik');
    kafka = kafkaClient(cluster.endpoints, 'kafkajs-test');
  });
  afterAll(() => cluster.remove());

  /** Reads a topic from its beginning until `count` values have come. */
  async function readAll(
    groupId: string,
    topic: string,
    count: number,
    readUncommitted = false,
  ): Promise<readonly string[]> {
    const consumer = kafka.consumer({ groupId, readUncommitted, maxWaitTimeInMs: 500 });
    await consumer.connect();
    const values: string[] = [];
    try {
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await new Promise<void>((resolve, reject) => {
        // What passes it tries again: a coordinator that has just come to lead reads its groups first.
        consumer.on('consumer.crash', ({ payload }) => {
          if (!payload.restart) reject(payload.error);
        });
        consumer
          .run({
            eachMessage: ({ message }) => {
              values.push(message.value?.toString() ?? '');
              if (values.length >= count) resolve();
              return Promise.resolve();
            },
          })
          .catch(reject);
      });
      await consumer.commitOffsets([]);
    } finally {
      await consumer.disconnect();
    }
    return values;
  }

  test('topics: made, listed, described, given more partitions and other settings, and deleted', async () => {
    cluster.showLogsOnFailure();
    const admin = kafka.admin();
    await admin.connect();
    try {
      await createTopic(cluster.endpoints, 'administered', {
        partitions: 2,
        configs: { 'retention.ms': '3600000', 'cleanup.policy': 'compact' },
      });
      expect(await admin.listTopics()).toContain('administered');
      const described = async () =>
        (await admin.fetchTopicMetadata({ topics: ['administered'] })).topics[0]?.partitions ?? [];
      for (const { replicas, isr, leader } of await described()) {
        expect(replicas.toSorted()).toEqual([1, 2, 3]);
        expect(isr.toSorted()).toEqual([1, 2, 3]);
        expect(replicas).toContain(leader);
      }
      await admin.createPartitions({ topicPartitions: [{ topic: 'administered', count: 4 }] });
      await expect.poll(async () => (await described()).length).toBe(4);
      const configOf = async (name: string) => {
        const { resources } = await admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: 2, name: 'administered', configNames: [name] }],
        });
        return resources[0]?.configEntries[0]?.configValue;
      };
      expect(await configOf('retention.ms')).toBe('3600000');
      expect(await configOf('cleanup.policy')).toBe('compact');
      await admin.alterConfigs({
        validateOnly: false,
        resources: [
          { type: 2, name: 'administered', configEntries: [{ name: 'retention.ms', value: '7200000' }] },
        ],
      });
      await expect.poll(() => configOf('retention.ms')).toBe('7200000');
      await admin.deleteTopics({ topics: ['administered'] });
      await expect.poll(() => admin.listTopics()).not.toContain('administered');
    } finally {
      await admin.disconnect();
    }
  });

  test('what cannot be made is refused by name', async () => {
    const admin = kafka.admin();
    await admin.connect();
    try {
      const refusal = (topic: string, replicationFactor: number) =>
        admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor }] });
      await expect(refusal('not a name', 1)).rejects.toThrow();
      await expect(refusal('too-many-replicas', 4)).rejects.toThrow();
      await createTopic(cluster.endpoints, 'there', { partitions: 1 });
      expect(await refusal('there', 1)).toBe(false);
    } finally {
      await admin.disconnect();
    }
  });

  test('a producer that waits for all replicas, keys that stay together, headers', async () => {
    cluster.showLogsOnFailure();
    await createTopic(cluster.endpoints, 'acks', { partitions: 3, configs: { 'min.insync.replicas': '2' } });
    const producer = kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    const keys = ['a', 'b', 'c', 'd'];
    for (let round = 0; round < 25; round += 1) {
      await producer.send({
        topic: 'acks',
        acks: -1,
        messages: keys.map((key) => ({ key, value: `${key}${round}`, headers: { round: String(round) } })),
      });
    }
    await producer.disconnect();
    const values = await readAll('acks-readers', 'acks', 100);
    for (const key of keys) {
      const ofKey = values.filter((value) => value.startsWith(key));
      expect(ofKey).toEqual(Array.from({ length: 25 }, (_, round) => `${key}${round}`));
    }
  });

  test('an idempotent producer', async () => {
    cluster.showLogsOnFailure();
    await createTopic(cluster.endpoints, 'idempotent', { partitions: 1 });
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const values = Array.from({ length: 50 }, (_, at) => `once ${at}`);
    for (const value of values) await producer.send({ topic: 'idempotent', messages: [{ value }] });
    await producer.disconnect();
    expect(await readAll('idempotent-readers', 'idempotent', 50)).toEqual(values);
  });

  test('a group goes on where it has committed, and two members share the partitions', async () => {
    cluster.showLogsOnFailure();
    await createTopic(cluster.endpoints, 'grouped', { partitions: 4 });
    const producer = kafka.producer();
    await producer.connect();
    const produce = (from: number, count: number) =>
      producer.send({
        topic: 'grouped',
        messages: Array.from({ length: count }, (_, at) => ({ partition: at % 4, value: String(from + at) })),
      });
    await produce(0, 8);
    expect((await readAll('sharers', 'grouped', 8)).toSorted()).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
    ]);
    await produce(8, 8);
    const got: { member: number; partition: number; value: string }[] = [];
    const members = [0, 1].map(() => kafka.consumer({ groupId: 'sharers', maxWaitTimeInMs: 500 }));
    const joined = members.map(
      (member) =>
        new Promise<readonly number[]>((resolve) => {
          member.on('consumer.group_join', ({ payload }) => {
            const mine = payload.memberAssignment['grouped'] ?? [];
            if (mine.length === 2) resolve(mine);
          });
        }),
    );
    for (const [at, member] of members.entries()) {
      await member.connect();
      await member.subscribe({ topics: ['grouped'] });
      await member.run({
        eachMessage: ({ partition, message }) => {
          got.push({ member: at, partition, value: message.value?.toString() ?? '' });
          return Promise.resolve();
        },
      });
    }
    const shares = await Promise.all(joined);
    expect(shares.flat().toSorted()).toEqual([0, 1, 2, 3]);
    await produce(16, 8);
    await expect
      .poll(() => new Set(got.map(({ value }) => Number(value))), { timeout: 30_000 })
      .toEqual(new Set(Array.from({ length: 16 }, (_, at) => at + 8)));
    const admin = kafka.admin();
    await admin.connect();
    const { groups } = await admin.describeGroups(['sharers']);
    expect(groups[0]).toMatchObject({ groupId: 'sharers', state: 'Stable', protocolType: 'consumer' });
    expect(groups[0]?.members).toHaveLength(2);
    for (const member of members) await member.disconnect();
    await expect
      .poll(async () =>
        (await admin.fetchOffsets({ groupId: 'sharers', topics: ['grouped'] }))[0]?.partitions.map(
          ({ offset }) => offset,
        ),
      )
      .toEqual(['6', '6', '6', '6']);
    await admin.deleteGroups(['sharers']);
    expect((await admin.listGroups()).groups.map(({ groupId }) => groupId)).not.toContain('sharers');
    await admin.disconnect();
    await producer.disconnect();
  });

  test('transactions: what is committed is seen at once, what is aborted never', async () => {
    cluster.showLogsOnFailure();
    await createTopic(cluster.endpoints, 'transacted', { partitions: 2 });
    const producer = kafka.producer({
      transactionalId: 'kafkajs-tx',
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    for (const [name, isGood] of [
      ['first', true],
      ['second', false],
      ['third', true],
    ] as const) {
      const transaction = await producer.transaction();
      await transaction.send({
        topic: 'transacted',
        messages: [0, 1].map((partition) => ({ partition, value: `${name} ${partition}` })),
      });
      await (isGood ? transaction.commit() : transaction.abort());
    }
    await producer.disconnect();
    const seen = await readAll('tx-readers', 'transacted', 4);
    expect(seen.toSorted()).toEqual(['first 0', 'first 1', 'third 0', 'third 1']);
  });
});
