import { type LogRecord } from '../../../core/wire/kafka/records.ts';
import { type KafkaCluster } from './cluster.ts';
import { refusedBy } from './errors.ts';
import { fetchOnce, type FetchOptions, type Position } from './fetcher.ts';
import { GroupMembership, type MembershipOptions, type TopicPartitions } from './membership.ts';
import { offsetOfPlace, type Place } from './offsets.ts';

export interface Delivered extends LogRecord {
  readonly topic: string;
  readonly partition: number;
}

/** Where everything that was there ended, by partition. */
export type Ends = ReadonlyMap<string, number>;

/** Reads on and on, of one topic or many. */
export interface RecordReader {
  /** What has come, after a while at most; it may be nothing. */
  next(): Promise<readonly Delivered[]>;
  /** A record was dealt with: a group need not see it again. */
  done(record: Delivered): void;
  /** Ends of everything that is read, as they are now. */
  ends(): Promise<Ends>;
  /** Whether everything before these was delivered. */
  hasReached(ends: Ends): boolean;
  close(): Promise<void>;
}

function keyOf({ topic, partition }: Pick<Position, 'topic' | 'partition'>): string {
  return `${topic}:${partition}`;
}

/** Positions in partitions, moved on by what was fetched. */
class Cursor {
  readonly #cluster: KafkaCluster;
  readonly #fetch: FetchOptions;
  #positions = new Map<string, Position>();

  constructor(cluster: KafkaCluster, fetch: FetchOptions) {
    this.#cluster = cluster;
    this.#fetch = fetch;
  }

  set(positions: readonly Position[]): void {
    this.#positions = new Map(positions.map((position) => [keyOf(position), position]));
  }

  get isEmpty(): boolean {
    return this.#positions.size === 0;
  }

  /** @throws KafkaClientError when an offset is no longer there: what lay between is lost to this reader */
  async next(): Promise<readonly Delivered[]> {
    const delivered: Delivered[] = [];
    for (const fetched of await fetchOnce(this.#cluster, [...this.#positions.values()], this.#fetch)) {
      const { topic, partition, offset, nextOffset, records, outOfRange } = fetched;
      if (outOfRange) throw refusedBy(`${topic}-${partition} at offset ${offset}`, 'OFFSET_OUT_OF_RANGE');
      this.#positions.set(keyOf(fetched), { topic, partition, offset: nextOffset });
      for (const record of records) delivered.push({ ...record, topic, partition });
    }
    return delivered;
  }

  async ends(): Promise<Ends> {
    const ends = new Map<string, number>();
    for (const position of this.#positions.values()) {
      const { topic, partition } = position;
      ends.set(keyOf(position), await offsetOfPlace(this.#cluster, topic, partition, 'end'));
    }
    return ends;
  }

  hasReached(ends: Ends): boolean {
    return [...this.#positions].every(([key, { offset }]) => offset >= (ends.get(key) ?? 0));
  }
}

/** @throws KafkaClientError for an offset that the partition does not have, saying which it has */
async function startOf(
  cluster: KafkaCluster,
  topic: string,
  partition: number,
  from: Place | number,
): Promise<Position> {
  if (typeof from !== 'number') {
    return { topic, partition, offset: await offsetOfPlace(cluster, topic, partition, from) };
  }
  const begin = await offsetOfPlace(cluster, topic, partition, 'beginning');
  const end = await offsetOfPlace(cluster, topic, partition, 'end');
  if (from >= begin && from <= end) return { topic, partition, offset: from };
  throw refusedBy(`${topic}-${partition} begins at ${begin} and ends at ${end}`, 'OFFSET_OUT_OF_RANGE');
}

/** Reads partitions for itself. */
export class PartitionReader implements RecordReader {
  readonly #cursor: Cursor;

  private constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  /** @throws KafkaClientError when a topic or partition is not there */
  static async open(
    cluster: KafkaCluster,
    given: {
      readonly topics: readonly string[];
      /** Undefined: all of them. */
      readonly partitions: readonly number[] | undefined;
      readonly from: Place | number;
      readonly fetch: FetchOptions;
    },
  ): Promise<PartitionReader> {
    const positions: Position[] = [];
    for (const name of given.topics) {
      const { partitions } = await cluster.topic(name);
      const wanted = given.partitions ?? partitions.map(({ partition }) => partition);
      for (const partition of wanted) positions.push(await startOf(cluster, name, partition, given.from));
    }
    const cursor = new Cursor(cluster, given.fetch);
    cursor.set(positions);
    return new PartitionReader(cursor);
  }

  next(): Promise<readonly Delivered[]> {
    return this.#cursor.next();
  }

  /** Nobody remembers. */
  done(): void {}

  ends(): Promise<Ends> {
    return this.#cursor.ends();
  }

  hasReached(ends: Ends): boolean {
    return this.#cursor.hasReached(ends);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const heartbeatMs = 3_000;
const commitMs = 5_000;
/** Between looks for a share, of a member that has none. */
const idleMs = 500;

/** Reads what a group gives to it, and stores how far it has come. */
export class GroupReader implements RecordReader {
  readonly #cluster: KafkaCluster;
  readonly #membership: GroupMembership;
  readonly #from: Place | number;
  readonly #cursor: Cursor;
  #joined = false;
  /** Behind what was dealt with and is not stored yet. */
  #done = new Map<string, Position>();
  #heartbeatAtMs = 0;
  #commitAtMs = 0;

  constructor(
    cluster: KafkaCluster,
    given: {
      readonly membership: MembershipOptions;
      readonly from: Place | number;
      readonly fetch: FetchOptions;
    },
  ) {
    this.#cluster = cluster;
    this.#membership = new GroupMembership(cluster, given.membership);
    this.#from = given.from;
    this.#cursor = new Cursor(cluster, given.fetch);
  }

  async next(): Promise<readonly Delivered[]> {
    await this.#keepPlace();
    if (this.#cursor.isEmpty) {
      await new Promise((resolve) => {
        setTimeout(resolve, idleMs);
      });
      return [];
    }
    return this.#cursor.next();
  }

  done({ topic, partition, offset }: Delivered): void {
    this.#done.set(keyOf({ topic, partition }), { topic, partition, offset: offset + 1 });
  }

  async ends(): Promise<Ends> {
    await this.#keepPlace();
    return this.#cursor.ends();
  }

  hasReached(ends: Ends): boolean {
    return this.#joined && this.#cursor.hasReached(ends);
  }

  async close(): Promise<void> {
    if (!this.#joined) return;
    await this.#commit();
    await this.#membership.leave();
  }

  /** Joins where that is due, tells that it lives, stores offsets. */
  async #keepPlace(): Promise<void> {
    const nowMs = performance.now();
    if (this.#joined && nowMs >= this.#commitAtMs) {
      this.#commitAtMs = nowMs + commitMs;
      await this.#commit();
    }
    if (this.#joined && nowMs >= this.#heartbeatAtMs) {
      this.#heartbeatAtMs = nowMs + heartbeatMs;
      if (!(await this.#membership.heartbeat())) {
        // What was dealt with is stored while its partitions are still this member's.
        await this.#commit();
        this.#joined = false;
      }
    }
    if (!this.#joined) await this.#join();
  }

  async #commit(): Promise<void> {
    const positions = [...this.#done.values()];
    this.#done = new Map();
    if (!(await this.#membership.commit(positions))) this.#joined = false;
  }

  async #join(): Promise<void> {
    const assigned = await this.#membership.join();
    this.#joined = true;
    this.#done = new Map();
    const nowMs = performance.now();
    this.#heartbeatAtMs = nowMs + heartbeatMs;
    this.#commitAtMs = nowMs + commitMs;
    this.#cursor.set(await this.#startsOf(assigned));
  }

  async #startsOf(assigned: readonly TopicPartitions[]): Promise<readonly Position[]> {
    if (assigned.length === 0) return [];
    const starts: Position[] = [];
    for (const position of await this.#membership.committed(assigned)) {
      const { topic, partition, offset } = position;
      starts.push(offset >= 0 ? position : await startOf(this.#cluster, topic, partition, this.#from));
    }
    return starts;
  }
}
