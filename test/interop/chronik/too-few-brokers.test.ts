import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

import { BrokerConnection } from '../../../adapters/kafka/client/connection.ts';
import { parseAddress } from '../../../adapters/config/address.ts';
import { present } from '../../../core/base/assert.ts';
import { type ApiName, apis, type RequestOf, type ResponseOf } from '../../../core/wire/kafka/apis.ts';
import { isRetriable, type KafkaError, kafkaErrorOf } from '../../../core/wire/kafka/error-codes.ts';
import { encodeBatch } from '../../../core/wire/kafka/records.ts';
import { type Message, type Partially } from '../../../core/wire/kafka/schema.ts';
import { Cluster } from '../cluster.ts';
import { runCommand } from '../command.ts';
import { describeWith, python } from '../requirement.ts';
import { createTopic, kafkaClient } from './topics.ts';
import { WatchedProducer } from './watched-producer.ts';

const produceOnce = fileURLToPath(new URL('produce_once.py', import.meta.url));
/** Sessions, elections, clients that look for leaders. */
const settledMs = 60_000;
const coordinatorKeys = { group: 0, transaction: 1 } as const;
/** What a request itself allows the broker; and what is nobody's idea of an answer any more. */
const requestMs = 1_000;
const silenceMs = 20_000;

let cluster: Cluster;
let producer: WatchedProducer | undefined;
let connection: BrokerConnection | undefined;
afterEach(async () => {
  connection?.close();
  await producer?.kill();
  [connection, producer] = [undefined, undefined];
  await cluster.remove();
});

async function started(): Promise<void> {
  const flags = [
    ...['--broker-session-timeout-ms', '2000', '--replica-lag-time-max-ms', '3000'],
    ...['--min-insync-replicas', '1'],
  ];
  cluster = await Cluster.start(3, flags, 'chronik');
  cluster.showLogsOnFailure();
}

/** One record by a client of librdkafka's that tries once: where it is, or the error. */
async function producedOnce(topic: string, partition: number): Promise<string> {
  const { stdout } = await runCommand(python, [produceOnce, cluster.endpoints, topic, String(partition)]);
  return stdout.trim();
}

/** The same with kafkajs. */
async function sentOnce(topic: string, partition: number): Promise<string> {
  const client = kafkaClient(cluster.endpoints, 'once').producer({ retry: { retries: 0 } });
  try {
    await client.connect();
    const [sent] = await client.send({ topic, acks: -1, messages: [{ partition, value: 'once' }] });
    return `${sent?.partition} ${sent?.baseOffset}`;
  } catch (error) {
    // Where it may not try again it says so, and names the reason beside.
    const { type, cause } = error as { readonly type?: string; readonly cause?: { readonly type?: string } };
    return type ?? cause?.type ?? String(error);
  } finally {
    await client.disconnect();
  }
}

describeWith(['confluentKafka'], 'a topic that wants all three of its replicas in sync', () => {
  test('has its producers told NOT_ENOUGH_REPLICAS while one of the brokers is dead', async () => {
    await started();
    await createTopic(cluster.endpoints, 'all-three', {
      partitions: 3,
      configs: { 'min.insync.replicas': '3' },
    });
    for (const partition of [0, 1, 2])
      expect(await producedOnce('all-three', partition)).toBe(`${partition} 0`);
    await cluster.end('b', 'SIGKILL');
    for (const attempt of [producedOnce, sentOnce]) {
      for (const partition of [0, 1, 2])
        await expect
          .poll(() => attempt('all-three', partition), { timeout: settledMs, interval: 100 })
          .toBe('NOT_ENOUGH_REPLICAS');
    }
    await cluster.startMember('b');
    for (const partition of [0, 1, 2])
      await expect
        .poll(() => producedOnce('all-three', partition), { timeout: settledMs, interval: 100 })
        .toMatch(new RegExp(`^${partition} [1-9]`));
  });
});

/** Asks the broker that is connected, which is to answer. @throws when it does not, or ends the connection */
function ask<A extends ApiName>(
  api: A,
  fields: Partially<RequestOf<A>>,
  versionMax = Infinity,
): Promise<ResponseOf<A>> {
  if (connection === undefined) throw new Error('nobody is connected');
  const message = apis[api].request as unknown as Message<RequestOf<A>>;
  return connection.call(api, message.create(fields), { timeoutMs: silenceMs, versionMax });
}

async function connectTo(name: string): Promise<void> {
  const address = present(parseAddress(cluster.place(name).client), 'a member has an address');
  connection = await BrokerConnection.open(
    address,
    { clientId: 'raw', tls: undefined, sasl: undefined },
    silenceMs,
  );
}

/** A group or a transactional id that this broker coordinates. */
async function coordinatedBy(broker: number, keyType: number, prefix: string): Promise<string> {
  for (let number = 0; ; number += 1) {
    const key = `${prefix}-${number}`;
    const { nodeId } = await soon(
      async () => ask('findCoordinator', { key, keyType }, 3),
      ({ errorCode }) => errorCode === 0,
    );
    if (nodeId === broker) return key;
  }
}

/** Asks until the answer is as is wanted. */
async function soon<T>(asked: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
  let answer: T | undefined;
  await expect
    .poll(
      async () => {
        answer = await asked();
        return isWanted(answer);
      },
      { timeout: settledMs, interval: 100 },
    )
    .toBe(true);
  return answer as T;
}

interface PartitionPlace {
  readonly error: KafkaError;
  readonly leader: number;
}

async function placesOf(topic: string): Promise<readonly PartitionPlace[]> {
  const { topics } = await ask('metadata', { topics: [{ name: topic }], allowAutoTopicCreation: false });
  return (topics[0]?.partitions ?? [])
    .toSorted((left, right) => left.partitionIndex - right.partitionIndex)
    .map(({ errorCode, leaderId }) => ({ error: kafkaErrorOf(errorCode), leader: leaderId }));
}

async function producedRaw(topic: string, partition: number): Promise<KafkaError> {
  const records = encodeBatch({ records: [{ timestampMs: 0, value: Buffer.from('alone') }] });
  const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }];
  const { responses } = await ask('produce', { acks: -1, timeoutMs: requestMs, topicData });
  return kafkaErrorOf(responses[0]?.partitionResponses[0]?.errorCode ?? 0);
}

async function offsetCommitted(groupId: string, topic: string): Promise<KafkaError> {
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }];
  const { topics } = await ask('offsetCommit', { groupId, topics: [{ name: topic, partitions }] });
  return kafkaErrorOf(topics[0]?.partitions[0]?.errorCode ?? -1);
}

interface Transactional {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

async function transactionBegun(transactionalId: string): Promise<Transactional> {
  const { producerId, producerEpoch } = await soon(
    () => ask('initProducerId', { transactionalId, transactionTimeoutMs: 60_000 }),
    ({ errorCode }) => errorCode === 0,
  );
  return { transactionalId, producerId, producerEpoch };
}

async function partitionAdded(
  { transactionalId, producerId, producerEpoch }: Transactional,
  topic: string,
): Promise<KafkaError> {
  const { resultsByTopicV3AndBelow: results } = await ask('addPartitionsToTxn', {
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
    v3AndBelowTopics: [{ name: topic, partitions: [0] }],
  });
  return kafkaErrorOf(results[0]?.resultsByPartition[0]?.partitionErrorCode ?? -1);
}

async function transactionEnded(transaction: Transactional): Promise<KafkaError> {
  const { errorCode } = await ask('endTxn', { ...transaction, committed: true });
  return kafkaErrorOf(errorCode);
}

describeWith(['kcat', 'confluentKafka'], 'the one broker of three that is not dead', () => {
  test.each([
    ['which was the controller', true],
    ['whose controller is dead, too', false],
  ])('%s, acknowledges nothing, answers everything, and says who does not lead', async (_, isController) => {
    const topic = 'asked';
    await started();
    for (const name of [topic, 'watched'])
      await createTopic(cluster.endpoints, name, { partitions: 3, configs: { 'min.insync.replicas': '2' } });
    await connectTo('a');
    const { controllerId } = await ask('metadata', { topics: [] });
    connection?.close();
    const left = isController ? controllerId : (controllerId % 3) + 1;
    const dead = cluster.members.filter((_member, at) => at !== left - 1).map(({ name }) => name);
    await connectTo(cluster.members[left - 1]?.name ?? '');
    const ledBefore = (await placesOf(topic)).map(({ leader }) => leader);
    const [own, others] = [ledBefore.indexOf(left), ledBefore.findIndex((leader) => leader !== left)];
    expect([...ledBefore].sort()).toEqual([1, 2, 3]);
    const group = await coordinatedBy(left, coordinatorKeys.group, 'group');
    const openId = await coordinatedBy(left, coordinatorKeys.transaction, 'open');
    const newId = await coordinatedBy(left, coordinatorKeys.transaction, 'new');
    const foreignId = await coordinatedBy(ledBefore[others] ?? 0, coordinatorKeys.transaction, 'foreign');
    await soon(
      () => offsetCommitted(group, topic),
      (error) => error === 'NONE',
    );
    const transaction = await transactionBegun(openId);
    await soon(
      () => partitionAdded(transaction, topic),
      (error) => error === 'NONE',
    );
    producer = new WatchedProducer(cluster.endpoints, 'watched', 300_000);
    await producer.acknowledgedBeyond(0);

    await Promise.all(dead.map((name) => cluster.end(name, 'SIGKILL')));

    // What was acknowledged before is on its way through pipes until the broker has answered for the first time.
    expect(await producedRaw(topic, own)).toBe('REQUEST_TIMED_OUT');
    const acknowledgedBefore = producer.acknowledged.length;
    const places = await soon(
      () => placesOf(topic),
      (now) => now.filter(({ leader }) => leader === -1).length === 2,
    );
    expect(places[own]).toEqual({ error: 'NONE', leader: left });
    expect(places[others]).toEqual({ error: 'LEADER_NOT_AVAILABLE', leader: -1 });
    expect(await producedRaw(topic, own)).toBe('REQUEST_TIMED_OUT');
    expect(await producedRaw(topic, others)).toBe('NOT_LEADER_OR_FOLLOWER');

    const read = await ask('fetch', {
      ...{ maxWaitMs: requestMs, minBytes: 1, maxBytes: 1_000_000 },
      topics: [{ topic, partitions: [{ partition: own, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }],
    });
    expect(kafkaErrorOf(read.responses[0]?.partitions[0]?.errorCode ?? -1)).toBe('NONE');
    const listed = await ask('listOffsets', {
      topics: [own, others].map((partitionIndex) => ({
        name: topic,
        partitions: [{ partitionIndex, timestamp: -1 }],
      })),
    });
    expect(listed.topics.map(({ partitions: [only] }) => kafkaErrorOf(only?.errorCode ?? -1))).toEqual([
      'NONE',
      'NOT_LEADER_OR_FOLLOWER',
    ]);
    const coordinatorOf = async (key: string, keyType: number) =>
      kafkaErrorOf((await ask('findCoordinator', { key, keyType }, 3)).errorCode);
    expect(await coordinatorOf(openId, coordinatorKeys.transaction)).toBe('NONE');
    expect(await coordinatorOf(foreignId, coordinatorKeys.transaction)).toBe('COORDINATOR_NOT_AVAILABLE');

    // All at once, so that their times do not add up: what waits for replicas, what waits for the metadata's log.
    const [commit, end, begin, kept, idempotent, unknown, made] = await Promise.all([
      offsetCommitted(group, topic),
      transactionEnded(transaction),
      ask('initProducerId', { transactionalId: newId, transactionTimeoutMs: 60_000 }),
      ask('offsetFetch', { groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] }, 7),
      ask('initProducerId', { transactionalId: undefined, transactionTimeoutMs: 0 }),
      ask('metadata', { topics: [{ name: 'never-made' }], allowAutoTopicCreation: true }),
      ask('createTopics', {
        topics: [{ name: 'never-made', numPartitions: 1, replicationFactor: 1 }],
        timeoutMs: requestMs,
      }),
    ]);
    expect([commit, end, kafkaErrorOf(begin.errorCode)]).toEqual([
      'REQUEST_TIMED_OUT',
      'COORDINATOR_NOT_AVAILABLE',
      'COORDINATOR_NOT_AVAILABLE',
    ]);
    expect(kept.topics[0]?.partitions[0]?.committedOffset).toBe(7);
    // A block of ids may be left.
    expect(['NONE', 'COORDINATOR_NOT_AVAILABLE']).toContain(kafkaErrorOf(idempotent.errorCode));
    expect(isRetriable(kafkaErrorOf(unknown.topics[0]?.errorCode ?? -1))).toBe(true);
    expect(kafkaErrorOf(made.topics[0]?.errorCode ?? -1)).toBe('REQUEST_TIMED_OUT');

    expect(producer.acknowledged.length).toBe(acknowledgedBefore);
    connection?.close();
    await Promise.all(dead.map((name) => cluster.startMember(name)));
    await producer.allPartitionsServe();
    await producer.losesNothing();
  });
});
