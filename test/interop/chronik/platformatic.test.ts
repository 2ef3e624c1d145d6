import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  IncrementalAlterConfigOperationTypes,
  ListOffsetTimestamps,
  MessagesStreamModes,
  ProduceAcks,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Cluster } from '../cluster.ts';

let cluster: Cluster;
const brokers = (): string[] => cluster.endpoints.split(',');
const newAdmin = (): Admin => new Admin({ clientId: 'admin', bootstrapBrokers: brokers() });

describe('@platformatic/kafka against three brokers', () => {
  beforeAll(async () => {
    cluster = await Cluster.start(3, ['--group-initial-rebalance-delay-ms', '200'], 'chronik');
  });
  afterAll(() => cluster.remove());

  async function createTopic(topic: string, partitions: number): Promise<void> {
    const admin = newAdmin();
    await admin.createTopics({ topics: [topic], partitions, replicas: 3 });
    await admin.close();
  }

  /** Reads the topics from their beginnings until so many values have come. */
  async function read(groupId: string, topic: string, count: number): Promise<readonly string[]> {
    const consumer = new Consumer({
      ...{ clientId: groupId, groupId, bootstrapBrokers: brokers(), deserializers: stringDeserializers },
      ...{ isolationLevel: 1, maxWaitTime: 200 },
    });
    const stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST });
    const values: string[] = [];
    for await (const { value } of stream) {
      values.push(value);
      if (values.length >= count) break;
    }
    await consumer.close(true);
    return values;
  }

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'what is produced with %s for all replicas is consumed, in order',
    async (compression) => {
      cluster.showLogsOnFailure();
      const topic = `codec-${compression}`;
      await createTopic(topic, 1);
      const producer = new Producer({
        ...{ clientId: 'producer', bootstrapBrokers: brokers(), serializers: stringSerializers },
        compression,
      });
      const values = Array.from({ length: 300 }, (_, at) => `value ${at} ${'x'.repeat(at)}`);
      for (let from = 0; from < values.length; from += 100) {
        const messages = values.slice(from, from + 100).map((value) => ({ topic, key: 'k', value }));
        await producer.send({ messages, acks: ProduceAcks.ALL });
      }
      await producer.close();
      expect(await read(`readers-${compression}`, topic, values.length)).toEqual(values);
    },
  );

  test('an idempotent producer', async () => {
    cluster.showLogsOnFailure();
    await createTopic('idempotent', 1);
    const producer = new Producer({
      ...{ clientId: 'producer', bootstrapBrokers: brokers(), serializers: stringSerializers },
      idempotent: true,
    });
    const values = Array.from({ length: 20 }, (_, at) => `once ${at}`);
    for (const value of values) await producer.send({ messages: [{ topic: 'idempotent', value }] });
    await producer.close();
    expect(await read('idempotent-readers', 'idempotent', values.length)).toEqual(values);
  });

  test('an administrator: partitions, settings, offsets, records that are deleted, groups', async () => {
    cluster.showLogsOnFailure();
    const admin = newAdmin();
    await admin.createTopics({
      topics: ['administered'],
      partitions: 2,
      replicas: 3,
      configs: [{ name: 'retention.ms', value: '3600000' }],
    });
    await admin.createPartitions({ topics: [{ name: 'administered', count: 3 }] });
    await expect
      .poll(
        async () =>
          (await admin.metadata({ topics: ['administered'], forceUpdate: true })).topics.get('administered')
            ?.partitionsCount,
      )
      .toBe(3);
    const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: 'administered' };
    const retention = async (): Promise<string | null | undefined> => {
      const [described] = await admin.describeConfigs({
        resources: [{ ...resource, configurationKeys: ['retention.ms'] }],
      });
      return described?.configs[0]?.value;
    };
    expect(await retention()).toBe('3600000');
    const { SET } = IncrementalAlterConfigOperationTypes;
    await admin.incrementalAlterConfigs({
      resources: [
        { ...resource, configs: [{ name: 'retention.ms', configOperation: SET, value: '7200000' }] },
      ],
    });
    await expect.poll(retention).toBe('7200000');
    const producer = new Producer({
      ...{
        clientId: 'producer',
        bootstrapBrokers: brokers(),
        serializers: stringSerializers,
      },
    });
    const messages = Array.from({ length: 5 }, (_, at) => ({
      topic: 'administered',
      partition: 0,
      value: String(at),
    }));
    await producer.send({ messages, acks: ProduceAcks.ALL });
    await producer.close();
    const offset = async (timestamp: bigint): Promise<bigint | undefined> => {
      const [listed] = await admin.listOffsets({
        topics: [{ name: 'administered', partitions: [{ partitionIndex: 0, timestamp }] }],
      });
      return listed?.partitions[0]?.offset;
    };
    expect(await offset(ListOffsetTimestamps.LATEST)).toBe(5n);
    await admin.deleteRecords({
      topics: [{ name: 'administered', partitions: [{ partition: 0, offset: 3n }] }],
    });
    await expect.poll(() => offset(ListOffsetTimestamps.EARLIEST)).toBe(3n);
    expect(await read('administrators', 'administered', 2)).toEqual(['3', '4']);
    expect([...(await admin.listGroups()).keys()]).toContain('administrators');
    await admin.deleteGroups({ groups: ['administrators'] });
    expect([...(await admin.listGroups()).keys()]).not.toContain('administrators');
    await admin.deleteTopics({ topics: ['administered'] });
    await expect.poll(() => admin.listTopics()).not.toContain('administered');
    await admin.close();
  });
});
