import { Command, InvalidArgumentError, Option } from 'commander';

import { type KafkaCluster, type PartitionPlace } from '../../adapters/kafka/client/cluster.ts';
import { refusedBy } from '../../adapters/kafka/client/errors.ts';
import { byTopic } from '../../adapters/kafka/client/membership.ts';
import { apis } from '../../core/wire/kafka/apis.ts';
import { kafkaErrorOf } from '../../core/wire/kafka/error-codes.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { brokerResource, changeSettings, topicResource } from './configs.ts';
import {
  type BrokerOptions,
  integer,
  integers,
  type TopicAndPartition,
  topicAndPartition,
  withBrokers,
} from './options.ts';
import { retriableOf } from './parts.ts';
import { type Outcome, printJson, printLine, printOutcomes, printTable } from './print.ts';
import { withCluster } from './session.ts';

/** Settings that bound what replicas fetch of each other while they move. */
const topicThrottles = ['leader.replication.throttled.replicas', 'follower.replication.throttled.replicas'];
const brokerThrottles = ['leader.replication.throttled.rate', 'follower.replication.throttled.rate'];

export function reassignCommand(): Command {
  const reassign = new Command('reassign')
    .description('move replicas of partitions to other brokers')
    .addHelpText(
      'after',
      `
Exit codes: 0 done; 1 refused, or surely not done; 2 wrong usage; 3 nobody knows whether it was done.

Examples:
  photon reassign start orders --to 2,3,4             spread over these brokers, as many replicas as before
  photon reassign start orders:0 --replicas 3,1,2     exactly these, the first being preferred as leader
  photon reassign start orders --to 2,3,4 --throttle 10000000
  photon reassign status
  photon reassign cancel orders
  photon reassign unthrottle orders                   once it has ended
`,
    );
  for (const command of [startCommand(), statusCommand(), cancelCommand(), unthrottleCommand()]) {
    reassign.addCommand(withBrokers(command));
  }
  return reassign;
}

interface Move {
  readonly topic: string;
  readonly partition: number;
  /** Undefined: as it was before the reassignment under way. */
  readonly replicas: readonly number[] | undefined;
}

function targets(
  text: string,
  before: readonly TopicAndPartition[] | undefined,
): readonly TopicAndPartition[] {
  return [...(before ?? []), topicAndPartition(text)];
}

function distinct(text: string): readonly number[] {
  const brokers = integers(text);
  if (new Set(brokers).size === brokers.length) return brokers;
  throw new InvalidArgumentError('a broker is named twice.');
}

function startCommand(): Command {
  interface Options extends BrokerOptions {
    readonly to?: readonly number[];
    readonly replicas?: readonly number[];
    readonly replicationFactor?: number;
    readonly throttle?: number;
  }
  const name = 'photon reassign start';
  return new Command('start')
    .description('begin to move partitions; it goes on by itself')
    .argument('<topic[:partition]...>', 'which', targets)
    .addOption(new Option('--to <brokers>', 'spread the replicas over these brokers').argParser(distinct))
    .addOption(
      new Option('--replicas <brokers>', 'exactly these replicas, the preferred leader first').argParser(
        distinct,
      ),
    )
    .addOption(
      new Option(
        '--replication-factor <count>',
        'with --to: so many replicas; default: as many as before',
      ).argParser(integer(1, 32_767)),
    )
    .addOption(
      new Option(
        '--throttle <bytes>',
        'so many bytes a second at most, of each broker, until unthrottle',
      ).argParser(integer(1)),
    )
    .action((asked: readonly TopicAndPartition[], options: Options) => {
      const { to, replicas, throttle } = options;
      if ((to === undefined) === (replicas === undefined)) {
        throw new ExitError(`${name}: either --to or --replicas is needed`, exitCodes.refused);
      }
      return withCluster(options, name, async (cluster) => {
        const moves = await movesOf(cluster, asked, (place, position) => {
          if (replicas !== undefined) return replicas;
          return spread(to ?? [], options.replicationFactor ?? place.replicas.length, position, name);
        });
        if (throttle !== undefined) await setThrottle(cluster, asked, throttle);
        await reassign(cluster, moves, options, name, 'moving');
      });
    });
}

/** Replicas in turn, so that each broker leads its share. */
function spread(
  brokers: readonly number[],
  count: number,
  position: number,
  command: string,
): readonly number[] {
  if (count > brokers.length) {
    throw new ExitError(`${command}: ${count} replicas need as many brokers in --to`, exitCodes.refused);
  }
  return Array.from({ length: count }, (_, at) => brokers[(position + at) % brokers.length] as number);
}

async function movesOf(
  cluster: KafkaCluster,
  asked: readonly TopicAndPartition[],
  replicasOf: (place: PartitionPlace, position: number) => readonly number[] | undefined,
): Promise<readonly Move[]> {
  const moves: Move[] = [];
  for (const { topic, partition } of asked) {
    const { partitions } = await cluster.topic(topic);
    const meant = partitions.filter((place) => partition === undefined || place.partition === partition);
    if (meant.length === 0) throw refusedBy(`${topic}-${partition ?? 0}`, 'UNKNOWN_TOPIC_OR_PARTITION');
    for (const place of meant) {
      moves.push({ topic, partition: place.partition, replicas: replicasOf(place, place.partition) });
    }
  }
  return moves;
}

async function reassign(
  cluster: KafkaCluster,
  moves: readonly Move[],
  options: BrokerOptions,
  command: string,
  done: string,
): Promise<void> {
  const body = apis.alterPartitionReassignments.request.create({
    timeoutMs: options.timeout * 1_000,
    topics: byTopic(moves).map(({ topic, own }) => ({
      name: topic,
      partitions: own.map(({ partition, replicas }) => ({ partitionIndex: partition, replicas })),
    })),
  });
  const answer = await cluster.call({ kind: 'controller' }, 'alterPartitionReassignments', body, {
    waitMs: options.timeout * 1_000,
    errorOf: (given) => {
      const error = kafkaErrorOf(given.errorCode);
      return error === 'NONE' ? retriableOf(given.responses.flatMap(({ partitions }) => partitions)) : error;
    },
  });
  const outcomes: Outcome[] = answer.responses.flatMap(({ name, partitions }) =>
    partitions.map((one) => ({ ...one, name: `${name}-${one.partitionIndex}` })),
  );
  printOutcomes(outcomes, done, command, options.json === true);
}

function cancelCommand(): Command {
  const name = 'photon reassign cancel';
  return new Command('cancel')
    .description('end reassignments that are under way: replicas stay where they were')
    .argument('<topic[:partition]...>', 'which', targets)
    .action((asked: readonly TopicAndPartition[], options: BrokerOptions) =>
      withCluster(options, name, async (cluster) => {
        const moving = new Set(
          (await underWay(cluster)).map(({ topic, partition }) => `${topic}:${partition}`),
        );
        const all = await movesOf(cluster, asked, () => undefined);
        // Of a whole topic those partitions are meant that move.
        const moves = all.filter(
          ({ topic, partition }) =>
            moving.has(`${topic}:${partition}`) ||
            asked.some((one) => one.topic === topic && one.partition === partition),
        );
        if (moves.length === 0) printNothing(options);
        else await reassign(cluster, moves, options, name, 'cancelled');
      }),
    );
}

function printNothing({ json }: BrokerOptions): void {
  if (json === true) printJson([]);
  else printLine('nothing moves');
}

interface UnderWay {
  readonly topic: string;
  readonly partition: number;
  readonly replicas: readonly number[];
  readonly adding: readonly number[];
  readonly removing: readonly number[];
}

async function underWay(cluster: KafkaCluster): Promise<readonly UnderWay[]> {
  const body = apis.listPartitionReassignments.request.create({ topics: undefined });
  const answer = await cluster.call({ kind: 'controller' }, 'listPartitionReassignments', body);
  return answer.topics.flatMap(({ name, partitions }) =>
    partitions.map((one) => ({
      topic: name,
      partition: one.partitionIndex,
      replicas: one.replicas,
      adding: one.addingReplicas,
      removing: one.removingReplicas,
    })),
  );
}

function statusCommand(): Command {
  return new Command('status')
    .description('print the reassignments that are under way')
    .action((options: BrokerOptions) =>
      withCluster(options, 'photon reassign status', async (cluster) => {
        const moving = await underWay(cluster);
        if (options.json === true) {
          printJson(moving);
          return;
        }
        if (moving.length === 0) printLine('nothing moves');
        else {
          printTable(
            ['TOPIC', 'PARTITION', 'REPLICAS', 'ADDING', 'REMOVING'],
            moving.map((one) => [
              one.topic,
              one.partition,
              one.replicas.join(','),
              one.adding.join(','),
              one.removing.join(','),
            ]),
          );
        }
      }),
    );
}

async function setThrottle(
  cluster: KafkaCluster,
  asked: readonly TopicAndPartition[],
  bytesPerSecond: number,
): Promise<void> {
  const rate = String(bytesPerSecond);
  for (const id of (await cluster.brokers()).keys()) {
    const set = brokerThrottles.map((name) => [name, rate] as const);
    await changeSettings(cluster, brokerResource, String(id), { set, remove: [] });
  }
  for (const topic of new Set(asked.map((one) => one.topic))) {
    const set = topicThrottles.map((name) => [name, '*'] as const);
    await changeSettings(cluster, topicResource, topic, { set, remove: [] });
  }
}

function unthrottleCommand(): Command {
  const name = 'photon reassign unthrottle';
  return new Command('unthrottle')
    .description('let replicas fetch as fast as they can again')
    .argument('<topic...>')
    .action((topics: readonly string[], options: BrokerOptions) =>
      withCluster(options, name, async (cluster) => {
        for (const topic of topics) {
          await changeSettings(cluster, topicResource, topic, { set: [], remove: topicThrottles });
        }
        for (const id of (await cluster.brokers()).keys()) {
          await changeSettings(cluster, brokerResource, String(id), { set: [], remove: brokerThrottles });
        }
        printOutcomes(
          topics.map((topic) => ({ name: topic, errorCode: 0 })),
          'unthrottled',
          name,
          options.json === true,
        );
      }),
    );
}
