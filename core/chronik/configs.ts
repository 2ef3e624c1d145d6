import { assert } from '../base/assert.ts';
import { brokerConfigDefinition, clampedInteger, type ConfigDefinition } from './metadata/config-schema.ts';
import { type MetadataImage, type TopicState } from './metadata/image.ts';
import { resolveTopicConfig, type TopicConfig } from './metadata/topic-config.ts';
import { type BrokerSettings } from './settings.ts';

/** Where a setting comes from, with Kafka's number of the source (KIP-226). */
export const configSources = {
  topic: 1,
  broker: 2,
  allBrokers: 3,
  process: 4,
  default: 5,
} as const;

/** A setting that is in force or would be, and where from. */
export interface ConfigLayer {
  readonly name: string;
  readonly value: string;
  readonly source: keyof typeof configSources;
}

/** Decided where a command is applied, the same on all brokers: no single process may have an opinion of its own. */
const neverOfAProcess = 'unclean.leader.election.enable';

/**
 * What is set, in layers: for a topic or one broker, for all brokers, for this process by its configuration, by default. The
 * first that says something counts.
 */
export class Configs {
  readonly #image: MetadataImage;
  readonly #ofProcess: ReadonlyMap<string, string>;
  /** What holds for all topics that do not say otherwise, and of which state of the image that is. */
  #common: ReadonlyMap<string, string>;
  #commonOf: ReadonlyMap<string, string> | undefined;

  constructor(image: MetadataImage, settings: BrokerSettings) {
    this.#image = image;
    this.#ofProcess = processConfigs(settings);
    this.#common = this.#ofProcess;
  }

  topic(topic: TopicState): TopicConfig {
    const ofAllBrokers = this.#image.brokerConfigs('');
    if (ofAllBrokers !== this.#commonOf) {
      this.#common = new Map([...this.#ofProcess, ...ofAllBrokers]);
      this.#commonOf = ofAllBrokers;
    }
    return resolveTopicConfig(topic.configs, this.#common);
  }

  /** What throttled replicas may take of a broker, and its own of others. */
  throttles(broker: number): {
    readonly leaderBytesPerSecond: number;
    readonly followerBytesPerSecond: number;
  } {
    return {
      leaderBytesPerSecond: this.#rate(broker, 'leader.replication.throttled.rate'),
      followerBytesPerSecond: this.#rate(broker, 'follower.replication.throttled.rate'),
    };
  }

  /** What a command that leaves it to the brokers is to say; −1: the metadata knows better. */
  unlessSet(name: 'num.partitions' | 'default.replication.factor'): number {
    if (this.#image.brokerConfigs('').has(name)) return -1;
    return clampedInteger(this.#ofProcess.get(name) ?? '-1');
  }

  /** Every layer that says something, the first of which counts; the last is the default. */
  layersOfTopic(
    topic: TopicState,
    { name, brokerName, default: value }: ConfigDefinition,
  ): readonly ConfigLayer[] {
    const layers: ConfigLayer[] = [];
    const own = topic.configs.get(name);
    if (own !== undefined) layers.push({ name, value: own, source: 'topic' });
    if (brokerName !== undefined) this.#addCommon(layers, brokerName);
    layers.push({ name: brokerName ?? name, value, source: 'default' });
    return layers;
  }

  /** @param broker '' for all of them */
  layersOfBroker(broker: string, { name, default: value }: ConfigDefinition): readonly ConfigLayer[] {
    const layers: ConfigLayer[] = [];
    const own = broker === '' ? undefined : this.#image.brokerConfigs(broker).get(name);
    if (own !== undefined) layers.push({ name, value: own, source: 'broker' });
    this.#addCommon(layers, name);
    layers.push({ name, value, source: 'default' });
    return layers;
  }

  #rate(broker: number, name: string): number {
    const own = this.#image.brokerConfigs(String(broker)).get(name);
    const set = own ?? this.#image.brokerConfigs('').get(name);
    return set === undefined ? Infinity : clampedInteger(set);
  }

  #addCommon(layers: ConfigLayer[], name: string): void {
    const common = this.#image.brokerConfigs('').get(name);
    if (common !== undefined) layers.push({ name, value: common, source: 'allBrokers' });
    const ofProcess = this.#ofProcess.get(name);
    if (ofProcess !== undefined) layers.push({ name, value: ofProcess, source: 'process' });
  }
}

function processConfigs(settings: BrokerSettings): ReadonlyMap<string, string> {
  const configs = new Map<string, string>([
    ['num.partitions', String(settings.partitionsDefault)],
    ['default.replication.factor', String(settings.replicationFactorDefault)],
  ]);
  for (const [name, value] of settings.brokerConfigs) {
    assert(
      brokerConfigDefinition(name) !== undefined && name !== neverOfAProcess,
      'a process sets what a process may set',
    );
    configs.set(name, value);
  }
  return configs;
}
