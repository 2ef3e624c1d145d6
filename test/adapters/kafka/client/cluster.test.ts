import { type AddressInfo, createServer, type Socket } from 'node:net';

import { afterEach, describe, expect, test } from 'vitest';

import { KafkaCluster } from '../../../../adapters/kafka/client/cluster.ts';
import { type KafkaClientOptions, saslMechanisms } from '../../../../adapters/kafka/client/options.ts';
import { Producer } from '../../../../adapters/kafka/client/producer.ts';
import { type KafkaCall } from '../../../../core/wire/kafka/apis.ts';
import { apis } from '../../../../core/wire/kafka/apis.ts';
import { kafkaErrors } from '../../../../core/wire/kafka/error-codes.ts';
import { scanBatches } from '../../../../core/wire/kafka/record-batch.ts';
import { ScriptedBroker, type Script, usersOf } from './scripted-broker.ts';

let cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp) await clean();
  cleanUp = [];
});

async function broker(...given: Parameters<typeof ScriptedBroker.start>): Promise<ScriptedBroker> {
  const started = await ScriptedBroker.start(...given);
  cleanUp.push(() => started.stop());
  return started;
}

function cluster(of: readonly ScriptedBroker[], more: Partial<KafkaClientOptions> = {}): KafkaCluster {
  const made = new KafkaCluster({
    bootstrap: of.map(({ address }) => address),
    clientId: 'tester',
    timeoutMs: 10_000,
    ...more,
  });
  // Before the servers, which wait for their clients.
  cleanUp.unshift(() => made.close());
  return made;
}

/** Metadata of these brokers, ids from 1, with a topic `t` of one partition. */
function metadataOf(brokers: readonly ScriptedBroker[], leader: number): object {
  return apis.metadata.response.create({
    brokers: brokers.map(({ address }, at) => ({ nodeId: at + 1, ...address, rack: undefined })),
    controllerId: 1,
    topics: [
      {
        name: 't',
        partitions: [{ partitionIndex: 0, leaderId: leader, replicaNodes: [1, 2], isrNodes: [1, 2] }],
      },
    ],
  });
}

function produced(errorCode: number, baseOffset = 0): object {
  return apis.produce.response.create({
    responses: [{ name: 't', partitionResponses: [{ index: 0, errorCode, baseOffset }] }],
  });
}

const record = { timestampMs: 1, value: Buffer.from('v') };
const identity = apis.initProducerId.response.create({ producerId: 7, producerEpoch: 0 });

function sequenceOf(call: KafkaCall | undefined): number | undefined {
  const records = call?.api === 'produce' ? call.body.topicData[0]?.partitionData[0]?.records : undefined;
  return records instanceof Uint8Array ? scanBatches(records).batches[0]?.baseSequence : undefined;
}

describe('a cluster', () => {
  test('is asked over another broker where one cannot be reached', async () => {
    const gone = await broker(() => 'lost');
    const { address } = gone;
    await gone.stop();
    const there = await broker(() => metadataOf([there], 1));
    const topics = await cluster([there], { bootstrap: [address, there.address] }).refresh(['t']);
    expect(topics).toMatchObject([{ name: 't', partitions: [{ partition: 0, leader: 1 }] }]);
  });

  test('gives up in time where nobody answers, saying that nothing was done', async () => {
    const gone = await broker(() => 'lost');
    await gone.stop();
    await expect(cluster([gone], { timeoutMs: 200 }).refresh()).rejects.toMatchObject({
      name: 'KafkaClientError',
      outcome: 'failed',
    });
  });

  test.each([
    ['closes every connection', (socket: Socket) => socket.destroy(), /ECONNRESET|has closed the connection/],
    [
      'speaks something else',
      (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request'),
      /what is no answer/,
    ],
  ])('is nothing that %s: surely nothing was done', async (_, behave, message) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => behave(socket));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    cleanUp.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const asked = cluster([], { bootstrap: [{ host: '127.0.0.1', port }], timeoutMs: 200 });
    const error = await asked.refresh().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'KafkaClientError', outcome: 'failed' });
    expect((error as Error).message).toMatch(message);
  });

  test('that has a new leader is asked there', async () => {
    let leader = 1;
    const answering =
      (id: number): Script =>
      ({ api }) => {
        if (api === 'initProducerId') return identity;
        if (api === 'metadata') return metadataOf([first, second], leader);
        if (id === leader) return produced(0, 42);
        return produced(kafkaErrors.NOT_LEADER_OR_FOLLOWER, -1);
      };
    const first: ScriptedBroker = await broker(answering(1));
    const second: ScriptedBroker = await broker(answering(2));
    const asked = cluster([first]);
    await asked.refresh(['t']);
    leader = 2;
    const producer = new Producer(asked, { acks: -1, compression: 'none', timeoutMs: 1_000 });
    expect(await producer.send('t', [record])).toEqual([{ partition: 0, baseOffset: 42, count: 1 }]);
    expect([first.count('produce'), second.count('produce')]).toEqual([1, 1]);
  });

  test('whose leader is gone is asked where its successor is', async () => {
    let leader = 1;
    const answering: Script = ({ api }) => {
      if (api === 'initProducerId') return identity;
      return api === 'metadata' ? metadataOf([first, second], leader) : produced(0, 7);
    };
    const first: ScriptedBroker = await broker(answering);
    const second: ScriptedBroker = await broker((call) => {
      const answer = answering(call);
      // It learns of it a little later.
      if (call.api === 'metadata') leader = 2;
      return answer;
    });
    const { address } = first;
    await first.stop();
    const asked = cluster([second], { bootstrap: [second.address, address] });
    const producer = new Producer(asked, { acks: -1, compression: 'none', timeoutMs: 1_000 });
    expect(await producer.send('t', [record])).toEqual([{ partition: 0, baseOffset: 7, count: 1 }]);
    expect([first.count('produce'), second.count('produce')]).toEqual([0, 1]);
  });

  test('looks for the coordinator anew where it has moved', async () => {
    let coordinator = 1;
    const answering =
      (id: number): Script =>
      ({ api }) => {
        if (api === 'metadata') return metadataOf([first, second], 1);
        if (api === 'findCoordinator') {
          const { address } = coordinator === 1 ? first : second;
          return apis.findCoordinator.response.create({ nodeId: coordinator, ...address });
        }
        return apis.heartbeat.response.create({
          errorCode: id === coordinator ? 0 : kafkaErrors.NOT_COORDINATOR,
        });
      };
    const first: ScriptedBroker = await broker(answering(1));
    const second: ScriptedBroker = await broker(answering(2));
    const asked = cluster([first]);
    const beat = () =>
      asked.call({ kind: 'group', id: 'g' }, 'heartbeat', apis.heartbeat.request.create({ groupId: 'g' }));
    await beat();
    coordinator = 2;
    expect(await beat()).toMatchObject({ errorCode: 0 });
    expect([first.count('heartbeat'), second.count('heartbeat')]).toEqual([2, 1]);
  });
});

describe('an answer that is lost', () => {
  test('to what may be done once only: nobody knows, and it is not sent again', async () => {
    const only: ScriptedBroker = await broker(({ api }) =>
      api === 'metadata' ? metadataOf([only], 1) : 'lost',
    );
    const body = apis.createTopics.request.create({ topics: [{ name: 'n' }] });
    const asking = cluster([only]).call({ kind: 'controller' }, 'createTopics', body, { idempotent: false });
    await expect(asking).rejects.toMatchObject({ outcome: 'unknown' });
    expect(only.count('createTopics')).toBe(1);
  });

  test('to an idempotent producer: the same batch is sent again, with the same sequence', async () => {
    let lost = false;
    const only: ScriptedBroker = await broker(({ api }) => {
      if (api === 'metadata') return metadataOf([only], 1);
      if (api === 'initProducerId') return identity;
      if (lost) return produced(0, 5);
      lost = true;
      return 'lost';
    });
    const producer = new Producer(cluster([only]), { acks: -1, compression: 'none', timeoutMs: 1_000 });
    expect(await producer.send('t', [record, record])).toEqual([{ partition: 0, baseOffset: 5, count: 2 }]);
    await producer.send('t', [record]);
    const sequences = only.calls.filter(({ api }) => api === 'produce').map(sequenceOf);
    expect(sequences).toEqual([0, 0, 2]);
  });

  test('to a producer that is not: nobody knows', async () => {
    const only: ScriptedBroker = await broker(({ api }) =>
      api === 'metadata' ? metadataOf([only], 1) : 'lost',
    );
    const producer = new Producer(cluster([only]), { acks: 1, compression: 'none', timeoutMs: 1_000 });
    await expect(producer.send('t', [record])).rejects.toMatchObject({ outcome: 'unknown' });
    expect(only.count('produce')).toBe(1);
  });
});

describe('a refusal', () => {
  test('that another attempt does not change ends the call, with its name', async () => {
    const only: ScriptedBroker = await broker(({ api }) => {
      if (api === 'metadata') return metadataOf([only], 1);
      return produced(kafkaErrors.MESSAGE_TOO_LARGE, -1);
    });
    const producer = new Producer(cluster([only]), { acks: 1, compression: 'none', timeoutMs: 1_000 });
    await expect(producer.send('t', [record])).rejects.toMatchObject({
      outcome: 'refused',
      kafkaError: 'MESSAGE_TOO_LARGE',
    });
    expect(only.count('produce')).toBe(1);
  });
});

describe('a user', () => {
  test.each(saslMechanisms)('is let in by %s, and not with another password', async (mechanism) => {
    const only: ScriptedBroker = await broker(
      () => metadataOf([only], 1),
      'SASL_PLAINTEXT',
      await usersOf('a,b=c'),
    );
    const as = (password: string) => cluster([only], { sasl: { mechanism, name: 'a,b=c', password } });
    expect(await as('pencil').refresh(['t'])).toHaveLength(1);
    await expect(as('pen').refresh(['t'])).rejects.toMatchObject({
      outcome: 'refused',
      kafkaError: 'SASL_AUTHENTICATION_FAILED',
    });
    expect(only.count('metadata')).toBe(1);
  });
});
