import { afterEach, expect, test } from 'vitest';

import { Cluster } from '../cluster.ts';
import { describeWith } from '../requirement.ts';
import { createTopic, kafkaClient } from './topics.ts';
import { WatchedProducer } from './watched-producer.ts';

/** How long each is produced to between two kills. */
const quietMs = 1_000;
/** How long each case goes on; without it, once. */
const chaosSeconds = Number(process.env['PHOTON_CHAOS_SECONDS'] ?? '0');
const caseMs = 300_000 + chaosSeconds * 1_000;

let cluster: Cluster;
let producer: WatchedProducer;
afterEach(async () => {
  await producer.kill();
  await cluster.remove();
});

const flags = [
  ...['--broker-session-timeout-ms', '2000', '--replica-lag-time-max-ms', '3000'],
  ...['--min-insync-replicas', '1'],
];

async function started(topic: string): Promise<void> {
  cluster = await Cluster.start(3, flags, 'chronik');
  cluster.showLogsOnFailure();
  await createTopic(cluster.endpoints, topic, { partitions: 3, configs: { 'min.insync.replicas': '2' } });
  producer = new WatchedProducer(cluster.endpoints, topic, caseMs);
  await producer.acknowledgedBeyond(0);
}

/** Kills some, once or for as long as the case is to go on; looks whether all goes on without them where it must; starts them again. */
async function killAgainAndAgain(
  what: string,
  victimsOf: (round: number) => Promise<readonly string[]>,
  { goesOnWithout }: { readonly goesOnWithout: boolean },
): Promise<void> {
  const endMs = performance.now() + chaosSeconds * 1_000;
  let kills = 0;
  for (let round = 0; round === 0 || performance.now() < endMs; round += 1) {
    const victims = await victimsOf(round);
    await Promise.all(victims.map((name) => cluster.end(name, 'SIGKILL')));
    kills += victims.length;
    if (goesOnWithout) await producer.allPartitionsServe();
    await Promise.all(victims.map((name) => cluster.startMember(name)));
    await producer.allPartitionsServe();
  }
  const records = await producer.losesNothing();
  if (chaosSeconds > 0)
    process.stdout.write(`${what}: ${kills} kills in ${chaosSeconds} s, ${records} records acknowledged\n`);
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
    test('a leader', { timeout: caseMs }, async () => {
      await started('leaders');
      const victim = async (round: number): Promise<readonly string[]> => {
        const { controller, leaders } = await metadata('leaders');
        const others = leaders.filter((name) => name !== controller);
        return [others[round % others.length] ?? controller];
      };
      await killAgainAndAgain('leaders', victim, { goesOnWithout: true });
    });

    test('the controller', { timeout: caseMs }, async () => {
      await started('controllers');
      const victim = async (): Promise<readonly string[]> => [(await metadata('controllers')).controller];
      await killAgainAndAgain('controllers', victim, { goesOnWithout: true });
    });

    test(
      'two of three: nothing is acknowledged that one alone has; it goes on when they are back',
      { timeout: caseMs },
      async () => {
        await started('two-killed');
        const victims = async (round: number): Promise<readonly string[]> => {
          const { controller } = await metadata('two-killed');
          const others = cluster.members.map(({ name }) => name).filter((name) => name !== controller);
          // The one that is left is the controller every third time.
          return round % 3 === 2 ? others : [controller, others[round % 2] ?? ''];
        };
        await killAgainAndAgain('two of three', victims, { goesOnWithout: false });
      },
    );

    test(
      'all three at once, and everything that was acknowledged is there when they are back',
      { timeout: caseMs },
      async () => {
        await started('all-killed');
        const victims = (): Promise<readonly string[]> =>
          Promise.resolve(cluster.members.map(({ name }) => name));
        await killAgainAndAgain('all three', victims, { goesOnWithout: false });
      },
    );

    test('a broker that stops in order leads nothing before it goes: nobody waits for its session to end', async () => {
      await started('stopped');
      const { leaders } = await metadata('stopped');
      const victim = leaders[0] ?? '';
      const exit = await cluster.end(victim, 'SIGTERM');
      expect(exit).toEqual({ code: 0, signal: null });
      await producer.allPartitionsServe();
      await cluster.startMember(victim);
      await producer.losesNothing();
    });

    test.skipIf(chaosSeconds === 0)(
      `kills at random for ${chaosSeconds} s`,
      { timeout: caseMs },
      async () => {
        await started('chaos');
        const endMs = performance.now() + chaosSeconds * 1_000;
        let draw = 1;
        while (performance.now() < endMs) {
          draw = (draw * 48_271) % 2_147_483_647;
          const victims = cluster.members.map(({ name }) => name).filter((_, at) => ((draw >> at) & 1) === 1);
          await Promise.all(victims.map((name) => cluster.end(name, 'SIGKILL')));
          await new Promise((resolve) => setTimeout(resolve, draw % 3_000));
          await Promise.all(victims.map((name) => cluster.startMember(name)));
          await producer.allPartitionsServe();
          await new Promise((resolve) => setTimeout(resolve, quietMs));
        }
        await producer.losesNothing();
      },
    );
  },
);
