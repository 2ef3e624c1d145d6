import {
  Consumer,
  MessagesStreamModes,
  ProduceAcks,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Cluster } from '../cluster.ts';
import { type CommandResult, LiveCommand, runCommand } from '../command.ts';
import { describeWith } from '../requirement.ts';
import { createTopic, kafkaClient } from './topics.ts';

let cluster: Cluster;
const flags = ['--group-initial-rebalance-delay-ms', '200', '--broker-session-timeout-ms', '3000'];

beforeAll(async () => {
  cluster = await Cluster.start(3, flags, 'chronik');
});
afterAll(() => cluster.remove());

/** A member by kcat; it says what it got on stdout, what it was assigned on stderr. */
function kcatMember(groupId: string, topic: string, settings: readonly string[] = []): LiveCommand {
  const all = ['auto.offset.reset=earliest', 'session.timeout.ms=6000', ...settings];
  const args = ['-b', cluster.endpoints, '-G', groupId, '-u', '-f', '%p %s\\n'];
  return new LiveCommand('kcat', [...args, ...all.flatMap((setting) => ['-X', setting]), topic], {});
}

async function kcatProduce(topic: string, partition: number, value: string): Promise<void> {
  const args = ['-b', cluster.endpoints, '-P', '-t', topic, '-p', String(partition), '-X', 'acks=all'];
  expect(await runCommand('kcat', args, { input: `${value}\n` })).toMatchObject({ code: 0, stderr: '' });
}

const got = (member: LiveCommand): readonly string[] => member.stdout.split('\n').filter(Boolean);

/** What a member was assigned, one after the other. */
function assignments({ stderr }: CommandResult): readonly string[] {
  return [...stderr.matchAll(/assigned: (.*)/g)].map(([, partitions = '']) => partitions);
}

describeWith(['kcat'], 'groups of librdkafka', () => {
  test('a static member that is restarted gets back what it had, and the other does not notice (KIP-345)', async () => {
    cluster.showLogsOnFailure();
    await createTopic(cluster.endpoints, 'static', { partitions: 2 });
    const join = (name: string): LiveCommand =>
      kcatMember('statics', 'static', [`group.instance.id=${name}`, 'session.timeout.ms=30000']);
    const members = [join('one'), join('two')] as const;
    // Each has one partition only when both are in.
    for (const partition of [0, 1]) await kcatProduce('static', partition, `before ${partition}`);
    const values = (from: readonly LiveCommand[]): ReadonlySet<string> =>
      new Set(from.flatMap(got).map((line) => line.slice(2)));
    await expect.poll(() => values(members), { timeout: 30_000 }).toEqual(new Set(['before 0', 'before 1']));
    const admin = kafkaClient(cluster.endpoints, 'admin').admin();
    await admin.connect();
    const described = async () => (await admin.describeGroups(['statics'])).groups[0];
    await expect.poll(async () => (await described())?.members.length, { timeout: 30_000 }).toBe(2);
    await expect.poll(async () => (await described())?.state, { timeout: 30_000 }).toBe('Stable');
    const idsBefore = (await described())?.members.map(({ memberId }) => memberId) ?? [];
    const former = await members[0].end('SIGKILL');
    const again = join('one');
    for (const partition of [0, 1]) await kcatProduce('static', partition, `after ${partition}`);
    const awaited = ['after 0', 'after 1'];
    // What was not yet committed comes once more.
    await expect
      .poll(() => awaited.filter((value) => values([again, members[1]]).has(value)), { timeout: 30_000 })
      .toEqual(awaited);
    const idsAfter = (await described())?.members.map(({ memberId }) => memberId) ?? [];
    await admin.disconnect();
    expect(idsAfter.filter((id) => idsBefore.includes(id))).toHaveLength(1);
    const [back, other] = await Promise.all([again.end('SIGTERM'), members[1].end('SIGTERM')]);
    expect(assignments(back)).toEqual(assignments(former).slice(-1));
    expect(assignments(other).length).toBeLessThanOrEqual(2);
  });

  test('members that give up only what others need share all partitions (KIP-429)', async () => {
    cluster.showLogsOnFailure();
    await createTopic(cluster.endpoints, 'cooperative', { partitions: 4 });
    const settings = ['partition.assignment.strategy=cooperative-sticky'];
    const first = kcatMember('cooperators', 'cooperative', settings);
    for (const partition of [0, 1, 2, 3]) await kcatProduce('cooperative', partition, `first ${partition}`);
    await expect.poll(() => got(first).length, { timeout: 30_000 }).toBe(4);
    const second = kcatMember('cooperators', 'cooperative', settings);
    let round = 0;
    await expect
      .poll(
        async () => {
          round += 1;
          for (const partition of [0, 1, 2, 3]) await kcatProduce('cooperative', partition, `round ${round}`);
          return new Set(got(second).map(([partition]) => partition)).size;
        },
        { timeout: 30_000 },
      )
      .toBe(2);
    const all = (): readonly string[] => [...got(first), ...got(second)];
    await expect.poll(() => all().length, { timeout: 30_000 }).toBe(4 + 4 * round);
    expect(new Set(all()).size).toBe(4 + 4 * round);
    await Promise.all([first.end('SIGTERM'), second.end('SIGTERM')]);
  });
});

describe('groups of @platformatic/kafka and kafkajs', () => {
  const bootstrapBrokers = (): string[] => cluster.endpoints.split(',');

  function member(groupId: string) {
    return new Consumer({
      clientId: 'platformatic',
      groupId,
      bootstrapBrokers: bootstrapBrokers(),
      deserializers: stringDeserializers,
      sessionTimeout: 10_000,
      heartbeatInterval: 1_000,
      retries: 30,
      retryDelay: 200,
    });
  }

  test('a group goes on when its coordinator is killed, and nothing that it has committed is lost', async () => {
    cluster.showLogsOnFailure();
    await createTopic(cluster.endpoints, 'surviving', {
      partitions: 2,
      configs: { 'min.insync.replicas': '2' },
    });
    const producer = new Producer({
      clientId: 'platformatic',
      bootstrapBrokers: bootstrapBrokers(),
      serializers: stringSerializers,
      retries: 30,
      retryDelay: 200,
    });
    const produce = async (from: number, count: number): Promise<void> => {
      for (let at = from; at < from + count; at += 1) {
        const message = { topic: 'surviving', key: String(at), value: String(at), partition: at % 2 };
        await producer.send({ messages: [message], acks: ProduceAcks.ALL });
      }
    };
    const values: number[] = [];
    const consumer = member('survivors');
    const stream = await consumer.consume({
      topics: ['surviving'],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: 'earliest',
      autocommit: false,
      maxWaitTime: 200,
    });
    const reading = (async () => {
      for await (const message of stream) {
        values.push(Number(message.value));
        await message.commit();
      }
    })();
    await produce(0, 20);
    await expect.poll(() => values.length, { timeout: 30_000 }).toBe(20);
    const name = ['a', 'b', 'c'][(await consumer.findGroupCoordinator()) - 1] ?? '';
    await cluster.end(name, 'SIGKILL');
    await produce(20, 20);
    await expect.poll(() => new Set(values).size, { timeout: 60_000 }).toBe(40);
    await stream.close();
    await reading;
    await consumer.close(true);
    await producer.close();

    // Whoever comes next, with another client, begins where the other ended.
    const admin = kafkaClient(cluster.endpoints, 'admin').admin();
    await admin.connect();
    const committed = async (): Promise<readonly string[]> =>
      (await admin.fetchOffsets({ groupId: 'survivors', topics: ['surviving'] }))
        .flatMap(({ partitions }) => partitions)
        .toSorted((left, right) => left.partition - right.partition)
        .map(({ offset }) => offset);
    await expect.poll(committed, { timeout: 30_000 }).toEqual(['20', '20']);
    await cluster.startMember(name);
    expect(await committed()).toEqual(['20', '20']);
    await admin.disconnect();
  });

  test('offsets that are sent to a transaction count when it commits, and not when it aborts (KIP-98)', async () => {
    cluster.showLogsOnFailure();
    await createTopic(cluster.endpoints, 'source', { partitions: 1 });
    const kafka = kafkaClient(cluster.endpoints, 'transactional');
    const producer = kafka.producer({ transactionalId: 'offsets', maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    const admin = kafka.admin();
    await admin.connect();
    const committed = async (): Promise<string | undefined> =>
      (await admin.fetchOffsets({ groupId: 'transacted', topics: ['source'] }))[0]?.partitions[0]?.offset;
    const send = async (offset: string, end: 'commit' | 'abort'): Promise<void> => {
      const transaction = await producer.transaction();
      const topics = [{ topic: 'source', partitions: [{ partition: 0, offset }] }];
      // While the markers of the one before are written there is no next; kafkajs leaves it to its caller to try again.
      const sent = async (): Promise<string> => {
        try {
          await transaction.sendOffsets({ consumerGroupId: 'transacted', topics });
          return 'sent';
        } catch (error) {
          return (error as { type?: string }).type ?? String(error);
        }
      };
      await expect.poll(sent, { timeout: 10_000 }).toBe('sent');
      await transaction[end]();
    };
    await send('5', 'commit');
    await expect.poll(committed, { timeout: 10_000 }).toBe('5');
    await send('9', 'abort');
    await send('7', 'commit');
    await expect.poll(committed, { timeout: 10_000 }).toBe('7');
    await producer.disconnect();
    await admin.disconnect();
  });
});
