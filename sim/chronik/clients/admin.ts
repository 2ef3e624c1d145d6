import { between, type Prng } from '../../../core/base/prng.ts';
import { usPerMs, usPerSecond } from '../../../core/base/units.ts';
import { type ApiName, type RequestOf, type ResponseOf } from '../../../core/wire/kafka/apis.ts';
import { kafkaErrors as errors } from '../../../core/wire/kafka/error-codes.ts';
import { type Partially } from '../../../core/wire/kafka/schema.ts';
import { type AdminCall, type ChronikHistory } from '../history.ts';
import { type AdminOperation, type AdminPlan, type TopicPlan } from '../plan.ts';
import { type KafkaLink } from './link.ts';

const timeoutUs = 5 * usPerSecond;
const againUs = 500 * usPerMs;
const partitionsMax = 4;
const topicResource = 2;
const setConfig = 0;

/** Makes the run's topics; later whatever its plan has it do, at random. */
export class SimulatedAdmin {
  readonly #link: KafkaLink;
  readonly #topics: readonly TopicPlan[];
  readonly #plan: AdminPlan | undefined;
  readonly #prng: Prng;
  readonly #history: ChronikHistory;
  /** Topics that nobody produces to: made and deleted for the sake of it. */
  readonly #spare = new Map<string, number>();
  #made = 0;
  #stopped = false;
  /** Every topic of the plan is there. */
  ready = false;

  constructor(options: {
    readonly link: KafkaLink;
    readonly topics: readonly TopicPlan[];
    readonly plan: AdminPlan | undefined;
    readonly prng: Prng;
    readonly history: ChronikHistory;
  }) {
    this.#link = options.link;
    this.#topics = options.topics;
    this.#plan = options.plan;
    this.#prng = options.prng;
    this.#history = options.history;
  }

  get idle(): boolean {
    return this.#link.open === 0;
  }

  start(): void {
    this.#makeTopics(this.#topics);
    this.#think();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** An operator's word. */
  reassign(topic: string, partition: number, replicas: readonly number[] | undefined): void {
    const partitions = [{ partitionIndex: partition, replicas }];
    const body = { timeoutMs: timeoutUs / usPerMs, topics: [{ name: topic, partitions }] };
    this.#call('alterPartitionReassignments', body, `reassign ${topic}-${partition}`, (answer) =>
      answer.responses.flatMap(({ partitions: each }) => each.map(({ errorCode }) => errorCode)),
    );
  }

  #makeTopics(topics: readonly TopicPlan[]): void {
    const body = { timeoutMs: timeoutUs / usPerMs, topics: topics.map(creation) };
    let left = topics;
    this.#call(
      'createTopics',
      body,
      `create ${topics.map(({ name }) => name).join(', ')}`,
      (answer) => {
        const there = answer.topics.filter(
          ({ errorCode }) => errorCode === errors.NONE || errorCode === errors.TOPIC_ALREADY_EXISTS,
        );
        left = topics.filter(({ name }) => !there.some((topic) => topic.name === name));
        return answer.topics.map(({ errorCode }) => errorCode);
      },
      () => {
        if (left.length === 0) this.ready = true;
        else
          this.#link.world.after(againUs, () => {
            this.#makeTopics(left);
          });
      },
    );
  }

  #think(): void {
    const plan = this.#plan;
    if (plan === undefined) return;
    this.#link.world.after(between(this.#prng, plan.thinkUsMin, plan.thinkUsMax), () => {
      if (this.#stopped) return;
      if (this.ready) this.#do(this.#choose(plan.mix));
      this.#think();
    });
  }

  #choose(mix: AdminPlan['mix']): AdminOperation | undefined {
    const weighted = Object.entries(mix) as [AdminOperation, number][];
    let rank = this.#prng.below(
      Math.max(
        1,
        weighted.reduce((sum, [, weight]) => sum + weight, 0),
      ),
    );
    for (const [operation, weight] of weighted) {
      if (rank < weight) return operation;
      rank -= weight;
    }
    return undefined;
  }

  #do(operation: AdminOperation | undefined): void {
    const topic = this.#topics[this.#prng.below(this.#topics.length)];
    if (topic === undefined || operation === undefined) return;
    const partition = this.#prng.below(topic.partitions);
    switch (operation) {
      case 'reassign':
        this.reassign(topic.name, partition, this.#prng.chance(1, 6) ? undefined : this.#someBrokers());
        break;
      case 'electPreferred':
        this.#electPreferred(topic.name, partition);
        break;
      case 'createTopic':
        this.#createSpare();
        break;
      case 'deleteTopic':
        this.#deleteSpare();
        break;
      case 'createPartitions':
        this.#growSpare();
        break;
      case 'minInsync':
        this.#setMinInsync(topic);
        break;
      case 'deleteRecords':
        this.#deleteRecords(topic.name, partition);
        break;
    }
  }

  #someBrokers(): readonly number[] {
    const brokers: number[] = [...this.#link.nodes];
    for (let at = brokers.length - 1; at > 0; at -= 1) {
      const other = this.#prng.below(at + 1);
      [brokers[at], brokers[other]] = [brokers[other] as number, brokers[at] as number];
    }
    return brokers.slice(0, 1 + this.#prng.below(brokers.length));
  }

  #electPreferred(topic: string, partition: number): void {
    const body = { electionType: 0, topicPartitions: [{ topic, partitions: [partition] }], timeoutMs: 5_000 };
    this.#call('electLeaders', body, `elect the preferred leader of ${topic}-${partition}`, (answer) =>
      answer.replicaElectionResults.flatMap(({ partitionResult }) =>
        partitionResult.map(({ errorCode }) => errorCode),
      ),
    );
  }

  #createSpare(): void {
    this.#made += 1;
    const name = `Spare.${this.#link.client}_${this.#made}`;
    const partitions = 1 + this.#prng.below(2);
    const replicationFactor = 1 + this.#prng.below(this.#link.nodes.length);
    const body = {
      timeoutMs: timeoutUs / usPerMs,
      topics: [creation({ name, partitions, replicationFactor, configs: {} })],
    };
    this.#call('createTopics', body, `create ${name}`, (answer) => {
      if (answer.topics[0]?.errorCode === errors.NONE) this.#spare.set(name, partitions);
      return answer.topics.map(({ errorCode }) => errorCode);
    });
  }

  #deleteSpare(): void {
    const [name] = this.#spare.keys();
    if (name === undefined) return;
    this.#spare.delete(name);
    const body = { topicNames: [name], timeoutMs: timeoutUs / usPerMs };
    this.#call('deleteTopics', body, `delete ${name}`, (answer) =>
      answer.responses.map(({ errorCode }) => errorCode),
    );
  }

  #growSpare(): void {
    const [spare] = this.#spare;
    if (spare === undefined || spare[1] >= partitionsMax) return;
    const [name, partitions] = spare;
    this.#spare.set(name, partitions + 1);
    const topics = [{ name, count: partitions + 1, assignments: undefined }];
    this.#call('createPartitions', { topics, timeoutMs: 5_000 }, `grow ${name}`, (answer) =>
      answer.results.map(({ errorCode }) => errorCode),
    );
  }

  #setMinInsync(topic: TopicPlan): void {
    const value = String(1 + this.#prng.below(Math.max(1, topic.replicationFactor)));
    const configs = [{ name: 'min.insync.replicas', configOperation: setConfig, value }];
    const resources = [{ resourceType: topicResource, resourceName: topic.name, configs }];
    this.#call(
      'incrementalAlterConfigs',
      { resources },
      `min.insync.replicas=${value} of ${topic.name}`,
      (answer) => answer.responses.map(({ errorCode }) => errorCode),
    );
  }

  /** Of whoever: who does not lead the partition says so. */
  #deleteRecords(name: string, partitionIndex: number): void {
    const offset = this.#prng.below(50);
    const body = { topics: [{ name, partitions: [{ partitionIndex, offset }] }], timeoutMs: 5_000 };
    this.#call(
      'deleteRecords',
      body,
      `delete records of ${name}-${partitionIndex} below ${offset}`,
      (answer) => answer.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)),
    );
  }

  #call<A extends ApiName>(
    api: A,
    body: Partially<RequestOf<A>>,
    what: string,
    errorsOf: (answer: ResponseOf<A>) => readonly number[],
    ended?: () => void,
  ): void {
    const { client, world } = this.#link;
    const call: AdminCall = { client, what, startUs: world.nowUs, endUs: undefined, errors: undefined };
    this.#history.admin.push(call);
    this.#link.call(this.#link.anyNode(), api, body, {
      timeoutUs,
      ended: (end) => {
        call.endUs = world.nowUs;
        if (end.kind === 'answered') call.errors = errorsOf(end.body);
        ended?.();
      },
    });
  }
}

function creation(topic: TopicPlan): {
  name: string;
  numPartitions: number;
  replicationFactor: number;
  assignments: readonly { partitionIndex: number; brokerIds: readonly number[] }[];
  configs: readonly { name: string; value: string }[];
} {
  const { name, partitions, replicationFactor, assignments, configs } = topic;
  return {
    name,
    numPartitions: assignments === undefined ? partitions : -1,
    replicationFactor: assignments === undefined ? replicationFactor : -1,
    assignments: (assignments ?? []).map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
    configs: Object.entries(configs).map(([config, value]) => ({ name: config, value })),
  };
}
