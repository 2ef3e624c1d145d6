import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

import { Cluster } from '../cluster.ts';
import { LiveCommand, runCommand } from '../command.ts';
import { describeWith, python } from '../requirement.ts';
import { createTopic, kafkaClient } from './topics.ts';

const script = fileURLToPath(new URL('idempotent_producer.py', import.meta.url));
/** How long each is produced to between two kills; a longer run is asked for with PHOTON_CHAOS_SECONDS. */
const quietMs = 1_000;
const chaosSeconds = Number(process.env['PHOTON_CHAOS_SECONDS'] ?? '0');
const producerMs = 300_000 + chaosSeconds * 1_000;
/** A session that ends, an election, and a client that finds the new leader. */
const recoveryMs = 60_000;

interface Acknowledged {
  readonly value: string;
  readonly partition: number;
  readonly offset: number;
}

let cluster: Cluster;
let producer: LiveCommand | undefined;
afterEach(async () => {
  await producer?.end('SIGKILL');
  producer = undefined;
  await cluster.remove();
});

const flags = [
  ...['--broker-session-timeout-ms', '2000', '--replica-lag-time-max-ms', '3000'],
  ...['--min-insync-replicas', '1'],
];

async function started(topic: string): Promise<LiveCommand> {
  cluster = await Cluster.start(3, flags, 'chronik');
  cluster.showLogsOnFailure();
  await createTopic(cluster.endpoints, topic, { partitions: 3, configs: { 'min.insync.replicas': '2' } });
  producer = new LiveCommand(python, [script, cluster.endpoints, topic, '2'], {}, producerMs);
  await acknowledgedBeyond(0);
  return producer;
}

function acknowledged(): readonly Acknowledged[] {
  return (producer?.stdout ?? '')
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [value = '', partition, offset] = line.split(' ');
      return { value, partition: Number(partition), offset: Number(offset) };
    });
}

/** Waits until so many more are acknowledged than there are now. */
async function acknowledgedBeyond(count: number): Promise<void> {
  await expect
    .poll(() => acknowledged().length, { timeout: recoveryMs, interval: 50 })
    .toBeGreaterThan(count);
}

/** Every partition is written to again: each has acknowledged something since. */
async function allPartitionsServe(): Promise<void> {
  const before = acknowledged().length;
  await expect
    .poll(
      () =>
        new Set(
          acknowledged()
            .slice(before)
            .map(({ partition }) => partition),
        ).size,
      {
        timeout: recoveryMs,
        interval: 100,
      },
    )
    .toBe(3);
}

/** Ends the producer in order: what it has under way is acknowledged too. */
async function finished(command: LiveCommand): Promise<readonly Acknowledged[]> {
  command.closeInput();
  const { code, stderr } = await command.end();
  expect({ code, stderr: stderr.replaceAll(/^%.*\n/gm, '') }).toEqual({ code: 0, stderr: '' });
  return acknowledged();
}

/** Everything in the topic, by partition and offset. */
async function contentOf(topic: string): Promise<ReadonlyMap<string, string>> {
  const args = ['-b', cluster.endpoints, '-C', '-t', topic, '-e', '-q', '-f', '%p %o %s\\n'];
  const { code, stdout } = await runCommand('kcat', args);
  expect(code).toBe(0);
  const content = new Map<string, string>();
  for (const line of stdout.split('\n').filter(Boolean)) {
    const [partition, offset, value = ''] = line.split(' ');
    content.set(`${partition} ${offset}`, value);
  }
  return content;
}

/** What was acknowledged is where it was said to be, once; nothing else is there but what was produced. */
async function nothingIsLost(topic: string, all: readonly Acknowledged[]): Promise<void> {
  const content = await contentOf(topic);
  const missing = all.filter(
    ({ value, partition, offset }) => content.get(`${partition} ${offset}`) !== value,
  );
  expect(missing).toEqual([]);
  const values = [...content.values()];
  expect(new Set(values).size, 'no value twice').toBe(values.length);
  expect(values.length).toBe(all.length);
}

async function metadata(
  topic: string,
): Promise<{ readonly controller: string; readonly leaders: readonly string[] }> {
  const admin = kafkaClient(cluster.endpoints, 'watcher').admin();
  await admin.connect();
  try {
    const { controller } = await admin.describeCluster();
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const name = (id: number | null): string => cluster.members[(id ?? 0) - 1]?.name ?? '';
    return {
      controller: name(controller),
      leaders: (topics[0]?.partitions ?? []).map(({ leader }) => name(leader)),
    };
  } finally {
    await admin.disconnect();
  }
}

describeWith(
  ['kcat', 'confluentKafka'],
  'brokers that are killed under a producer that waits for all',
  () => {
    test('a leader, the controller, and each comes back', async () => {
      const command = await started('killed');
      const { controller, leaders } = await metadata('killed');
      const leader = leaders.find((name) => name !== controller) ?? '';
      for (const victim of [leader, controller]) {
        await cluster.end(victim, 'SIGKILL');
        await allPartitionsServe();
        await cluster.startMember(victim);
        await acknowledgedBeyond(acknowledged().length);
      }
      await nothingIsLost('killed', await finished(command));
    });

    test('two of three: nothing is acknowledged that one alone has; it goes on when they are back', async () => {
      const command = await started('two-killed');
      const [first, second] = ['a', 'b'];
      await Promise.all([cluster.end(first, 'SIGKILL'), cluster.end(second, 'SIGKILL')]);
      await Promise.all([cluster.startMember(first), cluster.startMember(second)]);
      await allPartitionsServe();
      await nothingIsLost('two-killed', await finished(command));
    });

    test('all three at once, and everything that was acknowledged is there when they are back', async () => {
      const command = await started('all-killed');
      await Promise.all(cluster.members.map(({ name }) => cluster.end(name, 'SIGKILL')));
      await Promise.all(cluster.members.map(({ name }) => cluster.startMember(name)));
      await allPartitionsServe();
      await nothingIsLost('all-killed', await finished(command));
    });

    test('a broker that stops in order leads nothing before it goes: nobody waits for its session to end', async () => {
      const command = await started('stopped');
      const { leaders } = await metadata('stopped');
      const victim = leaders[0] ?? '';
      const exit = await cluster.end(victim, 'SIGTERM');
      expect(exit).toEqual({ code: 0, signal: null });
      await allPartitionsServe();
      await cluster.startMember(victim);
      await nothingIsLost('stopped', await finished(command));
    });

    test.skipIf(chaosSeconds === 0)(
      `kills at random for ${chaosSeconds} s`,
      { timeout: (chaosSeconds + 300) * 1_000 },
      async () => {
        const command = await started('chaos');
        const endMs = performance.now() + chaosSeconds * 1_000;
        let draw = 1;
        while (performance.now() < endMs) {
          draw = (draw * 48_271) % 2_147_483_647;
          const victims = cluster.members.map(({ name }) => name).filter((_, at) => ((draw >> at) & 1) === 1);
          await Promise.all(victims.map((name) => cluster.end(name, 'SIGKILL')));
          await new Promise((resolve) => setTimeout(resolve, draw % 3_000));
          await Promise.all(victims.map((name) => cluster.startMember(name)));
          await allPartitionsServe();
          await new Promise((resolve) => setTimeout(resolve, quietMs));
        }
        await nothingIsLost('chaos', await finished(command));
      },
    );
  },
);
