import { Command, Option } from 'commander';

import { type KafkaCluster } from '../../adapters/kafka/client/cluster.ts';
import { KafkaClientError, refusedBy } from '../../adapters/kafka/client/errors.ts';
import { type Position } from '../../adapters/kafka/client/fetcher.ts';
import { byTopic, committedOffsets, type TopicPartitions } from '../../adapters/kafka/client/membership.ts';
import { offsetOfPlace, type Place } from '../../adapters/kafka/client/offsets.ts';
import { apis } from '../../core/wire/kafka/apis.ts';
import {
  ConsumerAssignment,
  consumerProtocolType,
  decodeVersioned,
} from '../../core/wire/kafka/consumer-protocol.ts';
import { isRetriable, kafkaErrorOf } from '../../core/wire/kafka/error-codes.ts';
import { WireError } from '../../core/wire/reader.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { type BrokerOptions, type TopicAndPartition, topicAndPartition, withBrokers } from './options.ts';
import { retriableOf } from './parts.ts';
import { placeOf } from './places.ts';
import { printJson, printLine, printOutcomes, printTable } from './print.ts';
import { withCluster } from './session.ts';

export function groupCommand(): Command {
  const group = new Command('group').description('look at and change groups of consumers').addHelpText(
    'after',
    `
Exit codes: 0 done; 1 refused, or surely not done; 2 wrong usage; 3 nobody knows whether it was done.

Examples:
  photon group list
  photon group describe billing
  photon group reset-offsets billing --topic orders --to beginning --dry-run
  photon group delete billing
`,
  );
  for (const command of [listCommand(), describeCommand(), deleteCommand(), resetCommand()]) {
    group.addCommand(withBrokers(command));
  }
  return group;
}

interface ListedGroup {
  readonly groupId: string;
  readonly protocolType: string;
  readonly groupState: string;
}

function listCommand(): Command {
  return new Command('list').description('print the groups').action((options: BrokerOptions) =>
    withCluster(options, 'photon group list', async (cluster) => {
      const groups: ListedGroup[] = [];
      // Each broker knows those that it coordinates.
      for (const id of (await cluster.brokers()).keys()) {
        const answer = await cluster.call(
          { kind: 'broker', id },
          'listGroups',
          apis.listGroups.request.create(),
        );
        groups.push(...answer.groups);
      }
      groups.sort((left, right) => (left.groupId < right.groupId ? -1 : 1));
      if (options.json === true) {
        printJson(
          groups.map((one) => ({ group: one.groupId, type: one.protocolType, state: one.groupState })),
        );
        return;
      }
      printTable(
        ['GROUP', 'TYPE', 'STATE'],
        groups.map((one) => [one.groupId, one.protocolType, one.groupState]),
      );
    }),
  );
}

interface Share {
  readonly memberId: string;
  readonly clientId: string;
  readonly host: string;
  readonly assigned: readonly TopicPartitions[];
}

interface Described {
  readonly state: string;
  readonly protocol: string;
  readonly shares: readonly Share[];
}

async function describe(cluster: KafkaCluster, group: string): Promise<Described> {
  const body = apis.describeGroups.request.create({ groups: [group] });
  const answer = await cluster.call({ kind: 'group', id: group }, 'describeGroups', body, {
    errorOf: ({ groups }) => retriableOf(groups),
  });
  const [own] = answer.groups;
  if (own === undefined) throw new KafkaClientError('the answer names no group', 'failed');
  if (own.errorCode !== 0) throw refusedBy(`group ${group}`, kafkaErrorOf(own.errorCode));
  const isConsumers = own.protocolType === consumerProtocolType;
  return {
    state: own.groupState,
    protocol: own.protocolData,
    shares: own.members.map(({ memberId, clientId, clientHost, memberAssignment }) => ({
      memberId,
      clientId,
      host: clientHost,
      assigned: isConsumers ? assignmentOf(memberAssignment) : [],
    })),
  };
}

/** Nothing, where a member has none yet, or its clients keep it in a way of their own. */
function assignmentOf(bytes: Uint8Array): readonly TopicPartitions[] {
  if (bytes.length === 0) return [];
  try {
    return decodeVersioned(ConsumerAssignment, bytes).assignedPartitions;
  } catch (error) {
    if (error instanceof WireError) return [];
    throw error;
  }
}

interface Progress extends Position {
  readonly end: number;
  readonly reader: Share | undefined;
}

function describeCommand(): Command {
  return new Command('describe')
    .description('print the members of a group, and how far they have come')
    .argument('<group>')
    .action((group: string, options: BrokerOptions) =>
      withCluster(options, 'photon group describe', async (cluster) => {
        const described = await describe(cluster, group);
        const progress = await progressOf(cluster, group, described);
        if (described.state === 'Dead' && progress.length === 0) {
          throw new ExitError(`photon group describe: there is no group ${group}`, exitCodes.failed);
        }
        if (options.json === true) printJson(describedJson(group, described, progress));
        else printDescribed(group, described, progress);
      }),
    );
}

async function progressOf(
  cluster: KafkaCluster,
  group: string,
  { shares }: Described,
): Promise<readonly Progress[]> {
  const places = new Map<string, Position>();
  for (const { assigned } of shares) {
    for (const { topic, partitions } of assigned) {
      for (const partition of partitions)
        places.set(`${topic}:${partition}`, { topic, partition, offset: -1 });
    }
  }
  for (const stored of await committedOffsets(cluster, group, undefined)) {
    places.set(`${stored.topic}:${stored.partition}`, stored);
  }
  const sorted = [...places.values()].sort((left, right) =>
    left.topic === right.topic ? left.partition - right.partition : left.topic < right.topic ? -1 : 1,
  );
  return Promise.all(
    sorted.map(async (position) => ({
      ...position,
      end: await offsetOfPlace(cluster, position.topic, position.partition, 'end'),
      reader: shares.find(({ assigned }) =>
        assigned.some(
          ({ topic, partitions }) => topic === position.topic && partitions.includes(position.partition),
        ),
      ),
    })),
  );
}

function describedJson(group: string, { state, protocol, shares }: Described, progress: readonly Progress[]) {
  return {
    group,
    state,
    protocol,
    members: shares.map(({ memberId, clientId, host }) => ({ member: memberId, client: clientId, host })),
    offsets: progress.map(({ topic, partition, offset, end, reader }) => ({
      topic,
      partition,
      offset: offset < 0 ? null : offset,
      end,
      lag: offset < 0 ? null : end - offset,
      member: reader?.memberId ?? null,
    })),
  };
}

function printDescribed(
  group: string,
  { state, protocol, shares }: Described,
  progress: readonly Progress[],
): void {
  const by = protocol === '' ? '' : `, ${protocol}`;
  printLine(`group ${group}: ${state}${by}, ${shares.length} ${shares.length === 1 ? 'member' : 'members'}`);
  printTable(
    ['TOPIC', 'PARTITION', 'OFFSET', 'END', 'LAG', 'MEMBER', 'HOST'],
    progress.map(({ topic, partition, offset, end, reader }) => [
      topic,
      partition,
      offset < 0 ? '-' : offset,
      end,
      offset < 0 ? '-' : end - offset,
      reader?.memberId ?? '-',
      reader?.host ?? '-',
    ]),
  );
}

function deleteCommand(): Command {
  const name = 'photon group delete';
  return new Command('delete')
    .description('remove groups that have no members, with their offsets')
    .argument('<group...>')
    .action((groups: readonly string[], options: BrokerOptions) =>
      withCluster(options, name, async (cluster) => {
        const outcomes = [];
        for (const group of groups) {
          const body = apis.deleteGroups.request.create({ groupsNames: [group] });
          const answer = await cluster.call({ kind: 'group', id: group }, 'deleteGroups', body, {
            errorOf: ({ results }) => retriableOf(results),
          });
          outcomes.push(...answer.results.map(({ groupId, errorCode }) => ({ name: groupId, errorCode })));
        }
        printOutcomes(outcomes, 'deleted', name, options.json === true);
      }),
    );
}

function resetCommand(): Command {
  interface Options extends BrokerOptions {
    readonly topic: readonly TopicAndPartition[];
    readonly to: Place | number;
    readonly dryRun?: boolean;
  }
  const name = 'photon group reset-offsets';
  return new Command('reset-offsets')
    .description('say where a group without members goes on')
    .argument('<group>')
    .addOption(
      new Option('--topic <topic[:partition]>', 'which; may be given again')
        .argParser((text: string, before: readonly TopicAndPartition[] | undefined) => [
          ...(before ?? []),
          topicAndPartition(text),
        ])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--to <place>', 'beginning, end, an offset, or a time as 2026-01-31T12:00:00Z')
        .argParser(placeOf)
        .makeOptionMandatory(),
    )
    .option('--dry-run', 'only print what would be')
    .action((group: string, options: Options) =>
      withCluster(options, name, async (cluster) => {
        const { state } = await describe(cluster, group);
        if (state !== 'Empty' && state !== 'Dead') {
          throw new ExitError(
            `${name}: group ${group} is ${state}: it must have no members`,
            exitCodes.failed,
          );
        }
        const positions = await positionsOf(cluster, options.topic, options.to);
        if (options.dryRun !== true) await store(cluster, group, positions);
        if (options.json === true) printJson(positions);
        else
          printTable(
            ['TOPIC', 'PARTITION', 'OFFSET'],
            positions.map((one) => [one.topic, one.partition, one.offset]),
          );
      }),
    );
}

/** Offsets are kept between the beginning and the end: a group has to begin where there is something. */
async function positionsOf(
  cluster: KafkaCluster,
  asked: readonly TopicAndPartition[],
  to: Place | number,
): Promise<readonly Position[]> {
  const positions: Position[] = [];
  for (const { topic, partition: only } of asked) {
    const { partitions } = await cluster.topic(topic);
    for (const { partition } of partitions.filter((one) => only === undefined || one.partition === only)) {
      if (typeof to !== 'number') {
        positions.push({ topic, partition, offset: await offsetOfPlace(cluster, topic, partition, to) });
        continue;
      }
      const begin = await offsetOfPlace(cluster, topic, partition, 'beginning');
      const end = await offsetOfPlace(cluster, topic, partition, 'end');
      positions.push({ topic, partition, offset: Math.min(Math.max(to, begin), end) });
    }
    if (only !== undefined && only >= partitions.length) {
      throw refusedBy(`${topic}-${only}`, 'UNKNOWN_TOPIC_OR_PARTITION');
    }
  }
  return positions;
}

/** As nobody's member: coordinators take that where there is none. */
async function store(cluster: KafkaCluster, group: string, positions: readonly Position[]): Promise<void> {
  const body = apis.offsetCommit.request.create({
    groupId: group,
    topics: byTopic(positions).map(({ topic, own }) => ({
      name: topic,
      partitions: own.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedMetadata: '',
      })),
    })),
  });
  await cluster.call({ kind: 'group', id: group }, 'offsetCommit', body, {
    errorOf: ({ topics }) => {
      const errors = topics.flatMap(({ partitions }) => partitions.map((one) => kafkaErrorOf(one.errorCode)));
      const error = errors.find((one) => one !== 'NONE') ?? 'NONE';
      if (error === 'NONE' || isRetriable(error)) return error;
      throw refusedBy(`group ${group}`, error);
    },
  });
}
