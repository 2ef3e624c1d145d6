import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { usPerMs } from '../../../core/base/units.ts';
import { type KafkaLink } from './link.ts';

/** Who leads a partition, as a client believes. */
export interface KnownLeader {
  readonly node: NodeId;
  /** −1: the client's version of the protocol does not say. */
  readonly epoch: number;
}

const timeoutUs = 2_000 * usPerMs;
/** retry.backoff.ms: nobody is asked more often. */
const backoffUs = 100 * usPerMs;

/** What a client knows of leaders: asked from any broker when something that it was told has turned out wrong. */
export class Leaders {
  readonly #link: KafkaLink;
  readonly #topics: readonly string[];
  readonly #changed: () => void;
  readonly #known = new Map<string, KnownLeader>();
  /** The newest that it was told of each partition's leaders, which it remembers also while nobody leads. */
  readonly #epochs = new Map<string, number>();
  readonly #partitions = new Map<string, number>();
  #asking = false;
  #askedUs = -backoffUs;

  /** @param changed called when an answer has come, or none has */
  constructor(link: KafkaLink, topics: readonly string[], changed: () => void) {
    this.#link = link;
    this.#topics = topics;
    this.#changed = changed;
  }

  /** Undefined: nobody is known to. */
  of(topic: string, partition: number): KnownLeader | undefined {
    return this.#known.get(`${topic}-${partition}`);
  }

  /** 0: the topic is not known. */
  partitionsOf(topic: string): number {
    return this.#partitions.get(topic) ?? 0;
  }

  /** Asks anew, unless somebody is being asked. */
  refresh(): void {
    if (this.#asking) return;
    this.#asking = true;
    const { world } = this.#link;
    const waitUs = Math.max(0, this.#askedUs + backoffUs - world.nowUs);
    world.after(waitUs, () => {
      this.#askedUs = world.nowUs;
      this.#ask();
    });
  }

  #ask(): void {
    const topics = this.#topics.map((name) => ({ name }));
    const body = { topics, allowAutoTopicCreation: false };
    this.#link.call(this.#link.anyNode(), 'metadata', body, {
      timeoutUs,
      ended: (end) => {
        this.#asking = false;
        if (end.kind === 'answered') {
          for (const topic of end.body.topics) {
            const { name = '' } = topic;
            if (topic.errorCode === 0) this.#partitions.set(name, topic.partitions.length);
            for (const partition of topic.partitions) this.#learn(name, partition);
          }
        }
        this.#changed();
      },
    });
  }

  #learn(
    topic: string,
    partition: { readonly partitionIndex: number; readonly leaderId: number; readonly leaderEpoch: number },
  ): void {
    const key = `${topic}-${partition.partitionIndex}`;
    const epoch = partition.leaderEpoch;
    // Whoever answered may have seen less than whoever did before (KIP-320).
    if (epoch >= 0 && epoch < (this.#epochs.get(key) ?? -1)) return;
    if (epoch >= 0) this.#epochs.set(key, epoch);
    if (partition.leaderId < 1) this.#known.delete(key);
    else this.#known.set(key, { node: nodeId(partition.leaderId), epoch });
  }
}
