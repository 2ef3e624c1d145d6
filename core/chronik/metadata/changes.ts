import { type MetadataChanges, type TopicState } from './image.ts';

/** Gathers what applying changes, until somebody asks. */
export class ChangeLog {
  #replaced = true;
  readonly #brokers = new Set<number>();
  readonly #created = new Map<number, TopicState>();
  readonly #deleted = new Map<number, TopicState>();
  readonly #partitions = new Map<number, Set<number>>();
  readonly #topicConfigs = new Map<number, TopicState>();
  readonly #brokerConfigs = new Set<string>();
  readonly #credentials = new Set<string>();
  #acls = false;
  #quotas = false;

  /** Everything is another: what was gathered before means nothing. */
  replaced(): void {
    this.#clear();
    this.#replaced = true;
  }

  broker(id: number): void {
    this.#brokers.add(id);
  }

  topicCreated(topic: TopicState): void {
    this.#created.set(topic.created, topic);
  }

  topicDeleted(topic: TopicState): void {
    this.#created.delete(topic.created);
    this.#partitions.delete(topic.created);
    this.#topicConfigs.delete(topic.created);
    this.#deleted.set(topic.created, topic);
  }

  partition(created: number, partition: number): void {
    const numbers = this.#partitions.get(created);
    if (numbers !== undefined) numbers.add(partition);
    else this.#partitions.set(created, new Set([partition]));
  }

  topicConfig(topic: TopicState): void {
    this.#topicConfigs.set(topic.created, topic);
  }

  brokerConfig(name: string): void {
    this.#brokerConfigs.add(name);
  }

  acls(): void {
    this.#acls = true;
  }

  credential(user: string): void {
    this.#credentials.add(user);
  }

  quotas(): void {
    this.#quotas = true;
  }

  take(): MetadataChanges {
    const changes: MetadataChanges = this.#replaced
      ? { ...noChanges, replaced: true }
      : {
          replaced: false,
          brokers: [...this.#brokers].sort(ascending),
          topicsCreated: inOrderOfCreation(this.#created),
          topicsDeleted: inOrderOfCreation(this.#deleted),
          partitions: [...this.#partitions.keys()]
            .sort(ascending)
            .flatMap((created) =>
              [...(this.#partitions.get(created) ?? [])]
                .sort(ascending)
                .map((partition) => ({ created, partition })),
            ),
          topicConfigs: inOrderOfCreation(this.#topicConfigs),
          brokerConfigs: [...this.#brokerConfigs].sort(byText),
          acls: this.#acls,
          credentials: [...this.#credentials].sort(byText),
          quotas: this.#quotas,
        };
    this.#clear();
    this.#replaced = false;
    return changes;
  }

  #clear(): void {
    this.#brokers.clear();
    this.#created.clear();
    this.#deleted.clear();
    this.#partitions.clear();
    this.#topicConfigs.clear();
    this.#brokerConfigs.clear();
    this.#credentials.clear();
    this.#acls = false;
    this.#quotas = false;
  }
}

const noChanges: MetadataChanges = {
  replaced: false,
  brokers: [],
  topicsCreated: [],
  topicsDeleted: [],
  partitions: [],
  topicConfigs: [],
  brokerConfigs: [],
  acls: false,
  credentials: [],
  quotas: false,
};

function ascending(left: number, right: number): number {
  return left - right;
}

function byText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function inOrderOfCreation(topics: ReadonlyMap<number, TopicState>): readonly TopicState[] {
  return [...topics.values()].sort((left, right) => left.created - right.created);
}
