import { type Prng } from '../../base/prng.ts';
import { createCommand } from '../metadata/commands.ts';
import { type ConfigEntry } from '../metadata/rows.ts';
import { type MetadataOutcome } from '../metadata/outcomes.ts';
import { type offsetsTopic } from '../group/port.ts';
import { type transactionsTopic } from './internal-topics.ts';
import { type RequestContext } from './context.ts';

/** 32 hex digits. */
export function drawTopicId(prng: Prng): string {
  let id = '';
  // In quarters of 32 bits each.
  for (let part = 0; part < 4; part += 1) id += prng.below(0x1_0000_0000).toString(16).padStart(8, '0');
  return id;
}

/** −1 is Kafka's way to leave it to the brokers: then this process's settings count, where none is set for all of them. */
export function countsByDefault(
  { configs, image, config }: RequestContext,
  given: { readonly partitionCount: number; readonly replicationFactor: number },
): { readonly partitionCount: number; readonly replicationFactor: number } {
  const brokers = Math.max(image.brokers.length, config.initialBrokers.length);
  return {
    partitionCount: given.partitionCount === -1 ? configs.unlessSet('num.partitions') : given.partitionCount,
    replicationFactor:
      given.replicationFactor === -1
        ? Math.min(configs.unlessSet('default.replication.factor'), brokers)
        : given.replicationFactor,
  };
}

/** Settings that count where a command is applied cannot be this process's own: they go with the topic. */
export function configsByDefault(
  { config }: RequestContext,
  given: readonly ConfigEntry[],
): readonly ConfigEntry[] {
  const name = 'unclean.leader.election.enable';
  if (!config.settings.uncleanLeaderElection || given.some((one) => one.name === name)) return given;
  return [...given, { name, value: 'true' }];
}

/** Where several ask for the same topic at once, all wait for one command. */
export class TopicCreation {
  readonly #context: RequestContext;
  /** By topic, for as long as its command is on its way. Bounded by the metadata, which refuses commands beyond its bound. */
  readonly #waiting = new Map<string, ((outcome: MetadataOutcome) => void)[]>();

  constructor(context: RequestContext) {
    this.#context = context;
  }

  /** Makes a topic that a client has asked for by name, with what the settings say. */
  byDefault(name: string, then: (outcome: MetadataOutcome) => void): void {
    this.#create(
      name,
      {
        ...countsByDefault(this.#context, { partitionCount: -1, replicationFactor: -1 }),
        configs: configsByDefault(this.#context, []),
      },
      then,
    );
  }

  /** Makes a topic in which coordinators keep what they know: as many partitions as the cluster will ever have of it. */
  internal(
    name: typeof offsetsTopic | typeof transactionsTopic,
    then: (outcome: MetadataOutcome) => void,
  ): void {
    const { internalTopicPartitions, internalTopicReplicationFactor } = this.#context.config.settings;
    const brokers = this.#context.image.brokers.filter(({ id }) => this.#context.image.isActive(id)).length;
    const initial = this.#context.config.initialBrokers.length;
    // Of a cluster that is about to come up, some are not there yet: they will be, and too few replicas would be kept for good.
    const replicationFactor = Math.min(internalTopicReplicationFactor, Math.max(brokers, initial));
    const configs = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'segment.bytes', value: '104857600' },
      { name: 'min.insync.replicas', value: String(Math.min(2, replicationFactor)) },
    ];
    this.#create(name, { partitionCount: internalTopicPartitions, replicationFactor, configs }, then);
  }

  #create(
    name: string,
    given: {
      readonly partitionCount: number;
      readonly replicationFactor: number;
      readonly configs: readonly { readonly name: string; readonly value: string }[];
    },
    then: (outcome: MetadataOutcome) => void,
  ): void {
    const waiting = this.#waiting.get(name);
    if (waiting !== undefined) {
      waiting.push(then);
      return;
    }
    this.#waiting.set(name, [then]);
    const id = drawTopicId(this.#context.prng);
    this.#context.propose(createCommand('createTopic', { name, id, ...given }), (outcome) => {
      const all = this.#waiting.get(name) ?? [];
      this.#waiting.delete(name);
      for (const one of all) one(outcome);
    });
  }
}
