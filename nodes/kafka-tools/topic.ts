import { Command, Option } from 'commander';

import { type KafkaCluster, type TopicPlace } from '../../adapters/kafka/client/cluster.ts';
import { apis } from '../../core/wire/kafka/apis.ts';
import { kafkaErrors } from '../../core/wire/kafka/error-codes.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { changeSettings, describeSettings, type Setting, topicResource } from './configs.ts';
import { type BrokerOptions, integer, repeated, settings, withBrokers } from './options.ts';
import { retriableOf } from './parts.ts';
import { printJson, printLine, printOutcomes, printTable } from './print.ts';
import { withCluster } from './session.ts';

/** int16 of the protocol. */
const replicationFactorMax = 32_767;
const brokersDefault = -1;

export function topicCommand(): Command {
  const topic = new Command('topic').description('make, look at and change topics').addHelpText(
    'after',
    `
Exit codes: 0 done; 1 refused, or surely not done; 2 wrong usage; 3 nobody knows whether it was done.

Examples:
  photon topic create orders --partitions 6 --replication-factor 3 --config retention.ms=86400000
  photon topic list
  photon topic describe orders
  photon topic alter orders --partitions 12 --config min.insync.replicas=2
  photon topic delete orders
`,
  );
  for (const command of [
    createCommand(),
    listCommand(),
    describeCommand(),
    alterCommand(),
    deleteCommand(),
  ]) {
    topic.addCommand(withBrokers(command));
  }
  return topic;
}

function createCommand(): Command {
  interface Options extends BrokerOptions {
    readonly partitions?: number;
    readonly replicationFactor?: number;
    readonly config?: readonly (readonly [string, string])[];
    readonly ifNotExists?: boolean;
  }
  const name = 'photon topic create';
  return new Command('create')
    .description('make topics')
    .argument('<topic...>')
    .addOption(
      new Option('--partitions <count>', "partitions of each; default: the brokers' own").argParser(
        integer(1, 1_000_000),
      ),
    )
    .addOption(
      new Option(
        '--replication-factor <count>',
        "replicas of each partition; default: the brokers' own",
      ).argParser(integer(1, replicationFactorMax)),
    )
    .addOption(new Option('--config <name=value>', 'a setting; may be given again').argParser(settings))
    .option('--if-not-exists', 'a topic that is there already is left as it is')
    .action((topics: readonly string[], options: Options) =>
      withCluster(options, name, async (cluster) => {
        const body = apis.createTopics.request.create({
          topics: topics.map((topic) => ({
            name: topic,
            numPartitions: options.partitions ?? brokersDefault,
            replicationFactor: options.replicationFactor ?? brokersDefault,
            configs: (options.config ?? []).map(([key, value]) => ({ name: key, value })),
          })),
          timeoutMs: options.timeout * 1_000,
        });
        const answer = await cluster.call({ kind: 'controller' }, 'createTopics', body, {
          errorOf: (given) => retriableOf(given.topics),
          idempotent: false,
          waitMs: options.timeout * 1_000,
        });
        const isThere = ({ errorCode }: { readonly errorCode: number }) =>
          options.ifNotExists === true && errorCode === kafkaErrors.TOPIC_ALREADY_EXISTS;
        const rest = answer.topics.filter((one) => !isThere(one));
        if (options.json !== true) {
          for (const one of answer.topics.filter(isThere)) printLine(`${one.name} is there already`);
        }
        printOutcomes(rest, 'created', name, options.json === true);
      }),
    );
}

function listCommand(): Command {
  interface Options extends BrokerOptions {
    readonly internal?: boolean;
  }
  return new Command('list')
    .description('print the topics')
    .option('--internal', 'those that the brokers keep for themselves, too')
    .action((options: Options) =>
      withCluster(options, 'photon topic list', async (cluster) => {
        const topics = (await cluster.refresh())
          .filter(({ isInternal }) => options.internal === true || !isInternal)
          .sort((left, right) => (left.name < right.name ? -1 : 1));
        if (options.json === true) {
          printJson(topics.map(summaryOf));
          return;
        }
        printTable(
          ['TOPIC', 'PARTITIONS', 'REPLICAS'],
          topics.map((topic) => [topic.name, topic.partitions.length, replicasOf(topic)]),
        );
      }),
    );
}

function replicasOf({ partitions }: TopicPlace): number {
  return partitions.reduce((most, { replicas }) => Math.max(most, replicas.length), 0);
}

function summaryOf(topic: TopicPlace) {
  return {
    name: topic.name,
    topic_id: topic.topicId,
    internal: topic.isInternal,
    partitions: topic.partitions.length,
    replication_factor: replicasOf(topic),
  };
}

function describeCommand(): Command {
  interface Options extends BrokerOptions {
    readonly all?: boolean;
  }
  return new Command('describe')
    .description('print leaders, replicas and settings of topics')
    .argument('<topic...>')
    .option('--all', 'settings that are at their default, too')
    .action((names: readonly string[], options: Options) =>
      withCluster(options, 'photon topic describe', async (cluster) => {
        const topics = await cluster.refresh(names);
        for (const topic of topics) {
          const config = (await describeSettings(cluster, topicResource, topic.name)).filter(
            ({ isDefault }) => options.all === true || !isDefault,
          );
          printTopic(topic, config, options.json === true);
        }
      }),
    );
}

function printTopic(topic: TopicPlace, config: readonly Setting[], json: boolean): void {
  if (json) {
    printJson({
      ...summaryOf(topic),
      config: Object.fromEntries(config.map(({ name, value }) => [name, value ?? null])),
      partitions: topic.partitions.map((one) => ({
        partition: one.partition,
        leader: one.leader,
        leader_epoch: one.leaderEpoch,
        replicas: one.replicas,
        in_sync: one.inSync,
        offline: one.offline,
      })),
    });
    return;
  }
  printLine(`topic ${topic.name}, id ${topic.topicId}`);
  for (const { name, value } of config) printLine(`  ${name} = ${value ?? ''}`);
  printTable(
    ['PARTITION', 'LEADER', 'EPOCH', 'REPLICAS', 'IN SYNC', 'OFFLINE'],
    topic.partitions.map((one) => [
      one.partition,
      one.leader < 0 ? '-' : one.leader,
      one.leaderEpoch,
      one.replicas.join(','),
      one.inSync.join(','),
      one.offline.join(','),
    ]),
  );
}

function alterCommand(): Command {
  interface Options extends BrokerOptions {
    readonly partitions?: number;
    readonly config?: readonly (readonly [string, string])[];
    readonly deleteConfig?: readonly string[];
  }
  const name = 'photon topic alter';
  return new Command('alter')
    .description('change the settings of a topic, or raise its number of partitions')
    .argument('<topic>')
    .addOption(
      new Option('--partitions <count>', 'so many, more than there are').argParser(integer(1, 1_000_000)),
    )
    .addOption(new Option('--config <name=value>', 'set it; may be given again').argParser(settings))
    .addOption(
      new Option('--delete-config <name>', 'back to its default; may be given again').argParser(repeated),
    )
    .action((topic: string, options: Options) => {
      const { partitions, config = [], deleteConfig = [] } = options;
      if (partitions === undefined && config.length + deleteConfig.length === 0) {
        throw new ExitError(
          `${name}: nothing to change: --partitions, --config or --delete-config`,
          exitCodes.refused,
        );
      }
      return withCluster(options, name, async (cluster) => {
        if (config.length + deleteConfig.length > 0) {
          await changeSettings(cluster, topicResource, topic, { set: config, remove: deleteConfig });
        }
        if (partitions !== undefined)
          await raisePartitions(cluster, topic, partitions, options.timeout * 1_000);
        printOutcomes([{ name: topic, errorCode: 0 }], 'altered', name, options.json === true);
      });
    });
}

async function raisePartitions(
  cluster: KafkaCluster,
  topic: string,
  count: number,
  timeoutMs: number,
): Promise<void> {
  const body = apis.createPartitions.request.create({
    topics: [{ name: topic, count, assignments: undefined }],
    timeoutMs,
  });
  const answer = await cluster.call({ kind: 'controller' }, 'createPartitions', body, {
    errorOf: ({ results }) => retriableOf(results),
    idempotent: false,
    waitMs: timeoutMs,
  });
  const refused = answer.results.filter(({ errorCode }) => errorCode !== 0);
  if (refused.length > 0) printOutcomes(refused, 'altered', 'photon topic alter', false);
}

function deleteCommand(): Command {
  const name = 'photon topic delete';
  return new Command('delete')
    .description('remove topics and all of their records')
    .argument('<topic...>')
    .action((topics: readonly string[], options: BrokerOptions) =>
      withCluster(options, name, async (cluster) => {
        const body = apis.deleteTopics.request.create({
          topicNames: [...topics],
          timeoutMs: options.timeout * 1_000,
        });
        const answer = await cluster.call({ kind: 'controller' }, 'deleteTopics', body, {
          // The newest version names topics in another way.
          versionMax: 5,
          errorOf: ({ responses }) => retriableOf(responses),
          idempotent: false,
          waitMs: options.timeout * 1_000,
        });
        const outcomes = answer.responses.map((one) => ({ ...one, name: one.name ?? '' }));
        printOutcomes(outcomes, 'deleted', name, options.json === true);
      }),
    );
}
