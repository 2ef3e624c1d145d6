import { assert, present } from '../../base/assert.ts';
import { type NodeId } from '../../base/ids.ts';
import { decodeConfiguration, encodeConfiguration } from '../../raft/configuration.ts';
import { type Configuration, type Entry, type LogIndex, type Term } from '../../raft/types.ts';
import { type StorageBackend, type StoreWrite } from '../../storage/backend.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { noLeader, type PartitionKey, type TopicId } from '../types.ts';
import { ChangeLog } from './changes.ts';
import { type MetadataImage, type TopicState } from './image.ts';
import { brokerConfigKey, indexKey, numberedKey, numbersOfKey, topicConfigKey } from './row-keys.ts';
import { RowWrites } from './row-writes.ts';
import {
  type AclBinding,
  BrokerRow,
  type BrokerState,
  ConfigRow,
  PartitionRow,
  type PartitionState,
  type QuotaState,
  type ScramCredential,
  TopicRow,
} from './rows.ts';
import { SecurityState } from './security-state.ts';
import { brokerTable, configTable, metaTable, partitionTable, topicTable } from './tables.ts';
import { resolveTopicConfig, type TopicConfig } from './topic-config.ts';

/** How much a broker has to keep and to lead, live: what is placed goes where there is least. */
export interface BrokerLoad {
  readonly replicas: number;
  /** Partitions of which it is the preferred leader. */
  readonly preferred: number;
  /** Partitions that it leads. */
  readonly leaders: number;
}

type MutableLoad = { -readonly [Field in keyof BrokerLoad]: BrokerLoad[Field] };

interface MutableTopic extends TopicState {
  readonly partitions: PartitionState[];
  configs: ReadonlyMap<string, string>;
  /** Resolved when it is first asked for. */
  config: TopicConfig | undefined;
}

const formatVersion = 1;
const appliedRow = 'applied';
const configurationRow = 'configuration';
const producerIdsRow = 'producerIds';
const nothingSet: ReadonlyMap<string, string> = new Map();
const noLoad: BrokerLoad = { replicas: 0, preferred: 0, leaders: 0 };

/**
 * The replicated metadata in memory, and what of it the store has yet to be given. Says nothing of what may be changed: that is
 * the commands' business.
 *
 * Everything is derived from rows, so that a state that was loaded is the one that was lived through.
 */
export class MetadataState implements MetadataImage {
  readonly security: SecurityState;
  readonly #store: StorageBackend;
  readonly #initialConfiguration: Configuration;
  readonly #writes = new RowWrites();
  readonly #changes = new ChangeLog();
  #index: LogIndex = 0;
  #term: Term = 0;
  #configuration: Configuration;
  #nextProducerId = 0;
  /** By ascending id. */
  #brokers: readonly BrokerState[] = [];
  readonly #brokersById = new Map<number, BrokerState>();
  /** By creation, which is the order in which they are entered, here as when they are loaded. */
  readonly #topics = new Map<LogIndex, MutableTopic>();
  readonly #topicsByName = new Map<string, MutableTopic>();
  readonly #topicsById = new Map<TopicId, MutableTopic>();
  #partitionCount = 0;
  readonly #loads = new Map<number, MutableLoad>();
  readonly #brokerConfigs = new Map<string, ReadonlyMap<string, string>>();

  /** @param initialConfiguration in force before any entry says otherwise */
  constructor(store: StorageBackend, initialConfiguration: Configuration) {
    this.#store = store;
    this.#initialConfiguration = initialConfiguration;
    this.#configuration = initialConfiguration;
    this.security = new SecurityState(this.#writes, this.#changes);
    this.reload();
  }

  /** Takes everything from the store. */
  reload(): void {
    assert(this.#writes.take().length === 0, 'what was applied is written before the store is replaced');
    this.#loadPosition();
    this.#loadBrokers();
    this.#loadTopics();
    this.security.load(this.#store);
    this.#changes.replaced();
  }

  get index(): LogIndex {
    return this.#index;
  }

  get term(): Term {
    return this.#term;
  }

  /** In force at the applied index. */
  get configuration(): Configuration {
    return this.#configuration;
  }

  get changes(): ChangeLog {
    return this.#changes;
  }

  /** Moves to an entry: what is changed from here on is its doing. */
  enter(entry: Entry): void {
    assert(entry.index === this.#index + 1, 'entries are applied in order, without a gap');
    assert(entry.term >= this.#term, 'terms of entries never go back');
    this.#index = entry.index;
    this.#term = entry.term;
  }

  configured(configuration: Configuration): void {
    this.#configuration = configuration;
    this.#writes.put(metaTable, configurationRow, encodeConfiguration(configuration));
  }

  /** What has changed since the last call, and where the state is: one batch, so that the store never shows half of it. */
  takeWrites(): readonly StoreWrite[] {
    const writes = this.#writes.take();
    const writer = new WireWriter();
    writer.byte(formatVersion);
    writer.varint(this.#index);
    writer.varint(this.#term);
    writes.push({ table: metaTable, key: appliedRow, value: writer.finish() });
    return writes;
  }

  get brokers(): readonly BrokerState[] {
    return this.#brokers;
  }

  broker(id: number): BrokerState | undefined {
    return this.#brokersById.get(id);
  }

  isActive(id: number): boolean {
    const broker = this.#brokersById.get(id);
    return broker !== undefined && !broker.fenced && !broker.inControlledShutdown;
  }

  load(id: number): BrokerLoad {
    return this.#loads.get(id) ?? noLoad;
  }

  putBroker(broker: BrokerState): void {
    this.#brokersById.set(broker.id, broker);
    this.#brokers = [...this.#brokersById.values()].sort((left, right) => left.id - right.id);
    this.#writes.put(brokerTable, indexKey(broker.id), BrokerRow.encode(broker));
    this.#changes.broker(broker.id);
  }

  get topicCount(): number {
    return this.#topics.size;
  }

  get partitionCount(): number {
    return this.#partitionCount;
  }

  topics(): Iterable<TopicState> {
    return this.#topics.values();
  }

  topic(name: string): TopicState | undefined {
    return this.#topicsByName.get(name);
  }

  topicById(id: TopicId): TopicState | undefined {
    return this.#topicsById.get(id);
  }

  topicByCreated(created: LogIndex): TopicState | undefined {
    return this.#topics.get(created);
  }

  partition({ created, partition }: PartitionKey): PartitionState | undefined {
    return this.#topics.get(created)?.partitions[partition];
  }

  addTopic(row: TopicRow): void {
    const topic = this.#enterTopic(row);
    this.#writes.put(topicTable, indexKey(row.created), TopicRow.encode(row));
    this.#changes.topicCreated(topic);
  }

  removeTopic(created: LogIndex): void {
    const topic = this.#topicAt(created);
    this.#topics.delete(created);
    this.#topicsByName.delete(topic.name);
    this.#topicsById.delete(topic.id);
    this.#partitionCount -= topic.partitions.length;
    for (const [partition, state] of topic.partitions.entries()) {
      this.#count(state, -1);
      this.#writes.remove(partitionTable, numberedKey(created, partition));
    }
    this.#writes.remove(topicTable, indexKey(created));
    if (topic.configs.size > 0) this.#writes.remove(configTable, topicConfigKey(created));
    this.#changes.topicDeleted(topic);
  }

  /** Replaces a partition, or adds the next one of its topic. */
  putPartition({ created, partition }: PartitionKey, state: PartitionState): void {
    this.#enterPartition(created, partition, state);
    this.#writes.put(partitionTable, numberedKey(created, partition), PartitionRow.encode(state));
    this.#changes.partition(created, partition);
  }

  topicConfig(topic: TopicState): TopicConfig {
    const known = this.#topics.get(topic.created);
    if (known === undefined) return resolveTopicConfig(topic.configs, this.brokerConfigs(''));
    known.config ??= resolveTopicConfig(known.configs, this.brokerConfigs(''));
    return known.config;
  }

  putTopicConfigs(created: LogIndex, configs: ReadonlyMap<string, string>): void {
    const topic = this.#topicAt(created);
    topic.configs = inOrderOfNames(configs);
    topic.config = undefined;
    this.#writeConfigs(topicConfigKey(created), topic.configs);
    this.#changes.topicConfig(topic);
  }

  brokerConfigs(name: string): ReadonlyMap<string, string> {
    return this.#brokerConfigs.get(name) ?? nothingSet;
  }

  putBrokerConfigs(name: string, configs: ReadonlyMap<string, string>): void {
    const ordered = inOrderOfNames(configs);
    if (ordered.size === 0) this.#brokerConfigs.delete(name);
    else this.#brokerConfigs.set(name, ordered);
    this.#writeConfigs(brokerConfigKey(name), ordered);
    this.#changes.brokerConfig(name);
    if (name === '') for (const topic of this.#topics.values()) topic.config = undefined;
  }

  /** Takes ids that nobody else gets. @returns the first of them */
  takeProducerIds(count: number): number {
    const first = this.#nextProducerId;
    this.#nextProducerId += count;
    const writer = new WireWriter();
    writer.byte(formatVersion);
    writer.varint(this.#nextProducerId);
    this.#writes.put(metaTable, producerIdsRow, writer.finish());
    return first;
  }

  get acls(): readonly AclBinding[] {
    return this.security.acls;
  }

  scramCredential(user: string, mechanism: number): ScramCredential | undefined {
    return this.security.credential(user, mechanism);
  }

  scramCredentials(): readonly ScramCredential[] {
    return this.security.credentials();
  }

  quotas(): readonly QuotaState[] {
    return this.security.quotas();
  }

  #topicAt(created: LogIndex): MutableTopic {
    return present(this.#topics.get(created), 'only what is there is changed');
  }

  #enterTopic({ name, id, created }: TopicRow): MutableTopic {
    const topic: MutableTopic = { name, id, created, partitions: [], configs: nothingSet, config: undefined };
    this.#topics.set(created, topic);
    this.#topicsByName.set(name, topic);
    this.#topicsById.set(id, topic);
    return topic;
  }

  #enterPartition(created: LogIndex, partition: number, state: PartitionState): void {
    const { partitions } = this.#topicAt(created);
    const before = partitions[partition];
    if (before === undefined) {
      assert(partition === partitions.length, 'partitions are numbered without a gap');
      this.#partitionCount += 1;
    } else {
      assert(state.leaderEpoch >= before.leaderEpoch, 'leader epochs never fall');
      assert(state.partitionEpoch > before.partitionEpoch, 'every change of a partition has an epoch');
      this.#count(before, -1);
    }
    assertSound(state);
    partitions[partition] = state;
    this.#count(state, 1);
  }

  #count({ replicas, leader }: PartitionState, by: 1 | -1): void {
    for (let at = 0; at < replicas.length; at += 1) {
      const id = replicas[at] as NodeId;
      const load = this.#loadOf(id);
      load.replicas += by;
      if (at === 0) load.preferred += by;
      if (id === leader) load.leaders += by;
    }
  }

  #loadOf(id: number): MutableLoad {
    const known = this.#loads.get(id);
    if (known !== undefined) return known;
    const load = { replicas: 0, preferred: 0, leaders: 0 };
    this.#loads.set(id, load);
    return load;
  }

  #writeConfigs(key: string, configs: ReadonlyMap<string, string>): void {
    if (configs.size === 0) return this.#writes.remove(configTable, key);
    const entries = [...configs].map(([name, value]) => ({ name, value }));
    this.#writes.put(configTable, key, ConfigRow.encode({ entries }));
  }

  #loadPosition(): void {
    const applied = this.#versioned(appliedRow);
    this.#index = applied?.varint() ?? 0;
    this.#term = applied?.varint() ?? 0;
    this.#nextProducerId = this.#versioned(producerIdsRow)?.varint() ?? 0;
    const configuration = this.#store.get(metaTable, configurationRow);
    this.#configuration =
      configuration === undefined ? this.#initialConfiguration : decodeConfiguration(configuration);
  }

  #loadBrokers(): void {
    this.#brokersById.clear();
    for (const [, value] of this.#store.range(brokerTable, { from: '' })) {
      const broker = BrokerRow.decode(value);
      this.#brokersById.set(broker.id, broker);
    }
    this.#brokers = [...this.#brokersById.values()];
  }

  #loadTopics(): void {
    this.#topics.clear();
    this.#topicsByName.clear();
    this.#topicsById.clear();
    this.#brokerConfigs.clear();
    this.#loads.clear();
    this.#partitionCount = 0;
    for (const [, value] of this.#store.range(topicTable, { from: '' }))
      this.#enterTopic(TopicRow.decode(value));
    for (const [key, value] of this.#store.range(partitionTable, { from: '' })) {
      const { index, number } = numbersOfKey(key);
      this.#enterPartition(index, number, PartitionRow.decode(value));
    }
    for (const [key, value] of this.#store.range(configTable, { from: '' })) {
      const configs = new Map(ConfigRow.decode(value).entries.map((entry) => [entry.name, entry.value]));
      if (key.startsWith('t')) this.#topicAt(Number(key.slice(1))).configs = configs;
      else this.#brokerConfigs.set(key.slice(1), configs);
    }
  }

  #versioned(row: string): WireReader | undefined {
    const bytes = this.#store.get(metaTable, row);
    if (bytes === undefined) return undefined;
    const reader = new WireReader(bytes);
    const version = reader.byte();
    if (version !== formatVersion) {
      throw new Error(`the metadata's store is of format ${version}; this program reads ${formatVersion}`);
    }
    return reader;
  }
}

function assertSound({ replicas, isr, leader }: PartitionState): void {
  assert(isr.length > 0, 'an in-sync set is never empty');
  assert(
    isr.every((id) => replicas.includes(id)),
    'only replicas are in sync',
  );
  assert(leader === noLeader || isr.includes(leader as NodeId), 'a leader is in sync');
}

function inOrderOfNames(configs: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...configs].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)));
}
