import { present } from '../../../../core/base/assert.ts';
import { nodeId } from '../../../../core/base/ids.ts';
import { applyEntry } from '../../../../core/chronik/metadata/apply.ts';
import { encodeCommand } from '../../../../core/chronik/metadata/command-codec.ts';
import {
  type CommandBody,
  type CommandName,
  createCommand,
  type MetadataCommand,
} from '../../../../core/chronik/metadata/commands.ts';
import { type TopicState } from '../../../../core/chronik/metadata/image.ts';
import { defaultMetadataLimits, type MetadataLimits } from '../../../../core/chronik/metadata/limits.ts';
import { type MetadataOutcome, type MetadataResults } from '../../../../core/chronik/metadata/outcomes.ts';
import { type PartitionState } from '../../../../core/chronik/metadata/rows.ts';
import { MetadataState } from '../../../../core/chronik/metadata/state.ts';
import { metadataTables } from '../../../../core/chronik/metadata/tables.ts';
import { MemoryBackend } from '../../../../core/storage/memory-backend.ts';

const configuration = { voters: [nodeId(1)], outgoing: [], learners: [] };

/** The replicated state by itself: every command goes through the codec, and all that it changes into the store. */
export class Scene {
  readonly store = new MemoryBackend(metadataTables);
  readonly state: MetadataState;
  readonly #limits: MetadataLimits;
  #incarnations = 0;

  constructor(limits: Partial<MetadataLimits> = {}) {
    this.#limits = { ...defaultMetadataLimits, ...limits };
    this.state = new MetadataState(this.store, configuration);
  }

  apply(command: MetadataCommand): MetadataOutcome {
    const index = this.state.index + 1;
    const data = encodeCommand({ origin: { broker: nodeId(1), boot: 7, seq: index }, command });
    const applied = applyEntry(this.state, { index, term: 1, kind: 'command', data }, this.#limits);
    this.store.write(this.state.takeWrites());
    return present(applied, 'a command has an outcome').outcome;
  }

  /** What comes of a command that is done. */
  do<Name extends CommandName>(kind: Name, body: Partial<CommandBody<Name>>): MetadataResults[Name] {
    const outcome = this.apply(createCommand(kind, body));
    if (outcome.kind === 'refused') throw new Error(`${outcome.code}: ${outcome.message}`);
    return outcome.result as unknown as MetadataResults[Name];
  }

  /** What a command is refused with, and why. */
  refusal<Name extends CommandName>(kind: Name, body: Partial<CommandBody<Name>>): string {
    const before = this.rows();
    const outcome = this.apply(createCommand(kind, body));
    if (outcome.kind !== 'refused') throw new Error(`${kind} is done`);
    if (before !== this.rows()) throw new Error(`${kind} is refused, and has changed something`);
    return `${outcome.code}: ${outcome.message}`;
  }

  /** A broker's new life, still fenced. @returns its epoch */
  register(id: number, rack?: string): number {
    this.#incarnations += 1;
    const incarnation = this.#incarnations.toString(16).padStart(32, '0');
    const endpoints = [{ listener: 'PLAINTEXT', host: `b${id}`, port: 9092, securityProtocol: 0 }];
    return this.do('registerBroker', { broker: nodeId(id), incarnation, endpoints, rack }).brokerEpoch;
  }

  unfence(id: number): void {
    this.do('unfenceBroker', { broker: nodeId(id), brokerEpoch: this.epochOf(id) });
  }

  fence(id: number): void {
    this.do('fenceBroker', { broker: nodeId(id), brokerEpoch: this.epochOf(id) });
  }

  /** Brokers that serve. */
  start(...ids: readonly number[]): void {
    for (const id of ids) {
      this.register(id);
      this.unfence(id);
    }
  }

  epochOf(id: number): number {
    return present(this.state.broker(id), `broker ${id} is registered`).epoch;
  }

  /** A topic whose partitions are on these brokers. */
  topic(
    name: string,
    assignments: readonly (readonly number[])[],
    configs: Readonly<Record<string, string>> = {},
  ): TopicState {
    this.do('createTopic', {
      name,
      id: topicIdOf(this.state.index),
      partitionCount: -1,
      replicationFactor: -1,
      assignments: assignments.map((brokers, partition) => ({ partition, brokers })),
      configs: Object.entries(configs).map(([config, value]) => ({ name: config, value })),
    });
    return present(this.state.topic(name), 'it was made');
  }

  partition(name: string, partition = 0): PartitionState {
    return present(this.state.topic(name)?.partitions[partition], 'the partition is there');
  }

  /** A leader's wish for another in-sync set, with the epochs that hold. @returns the error's name, or 'done' */
  alterIsr(name: string, members: readonly number[], partition = 0): string {
    const { leader, leaderEpoch, partitionEpoch } = this.partition(name, partition);
    const { created } = present(this.state.topic(name), 'the topic is there');
    const isr = members.map((broker) => ({ broker, brokerEpoch: this.epochOf(broker) }));
    const { partitions } = this.do('alterPartition', {
      broker: nodeId(leader),
      brokerEpoch: this.epochOf(leader),
      partitions: [{ created, partition, leaderEpoch, partitionEpoch, isr }],
    });
    return partitions[0]?.refusal?.code ?? 'done';
  }

  /** All rows but where the state is, which every entry moves. */
  rows(): string {
    return metadataTables
      .flatMap((table) =>
        [...this.store.range(table, { from: '' })]
          .filter(([key]) => key !== 'applied')
          .map(([key, value]) => `${table} ${key} ${value.join(' ')}`),
      )
      .join('\n');
  }

  /** The state that the rows describe. */
  reloaded(): MetadataState {
    return new MetadataState(this.store, configuration);
  }
}

export function topicIdOf(number: number): string {
  return (number + 1).toString(16).padStart(32, '0');
}

/** All that can be seen of a state, as plain data. */
export function describe(state: MetadataState): unknown {
  return {
    index: state.index,
    term: state.term,
    brokers: state.brokers,
    loads: state.brokers.map(({ id }) => state.load(id)),
    topicCount: state.topicCount,
    partitionCount: state.partitionCount,
    topics: [...state.topics()].map((topic) => ({
      name: topic.name,
      id: topic.id,
      created: topic.created,
      partitions: [...topic.partitions],
      configs: [...topic.configs],
      config: state.topicConfig(topic),
      byName: state.topic(topic.name) === topic,
      byId: state.topicById(topic.id) === topic,
    })),
    brokerConfigs: ['', ...state.brokers.map(({ id }) => String(id))].map((name) => [
      ...state.brokerConfigs(name),
    ]),
    acls: state.acls,
    credentials: state.scramCredentials(),
    quotas: state.quotas(),
  };
}
