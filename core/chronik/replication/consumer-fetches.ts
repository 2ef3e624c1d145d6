import { DeadlineHeap } from '../../raft/deadlines.ts';
import { type PartitionKey } from '../types.ts';
import { type Partition } from './partition.ts';
import { readPartition, refusedRead } from './partition-reads.ts';
import { type FetchedPartition, type FetchRequest } from './requests.ts';

interface WaitingFetch {
  readonly request: FetchRequest;
  /** Those of its partitions that are on this broker. */
  readonly partitions: readonly Partition[];
  /** Something has moved since it was looked at. */
  isDue: boolean;
}

export interface ConsumerFetchesPort {
  partition(key: PartitionKey): Partition | undefined;
  fetched(token: number, partitions: readonly FetchedPartition[]): void;
}

/**
 * Consumers' fetches that wait until there are enough records. Bounded: beyond the bound a fetch is answered at once, as though
 * its time had come.
 */
export class ConsumerFetches {
  readonly #port: ConsumerFetchesPort;
  readonly #waitingMax: number;
  readonly #waiting = new Map<number, WaitingFetch>();
  readonly #byPartition = new Map<Partition, Set<WaitingFetch>>();
  readonly #deadlines = new DeadlineHeap<WaitingFetch>();
  /** To be looked at when the step ends, in the order in which they became due. */
  #due: WaitingFetch[] = [];

  constructor(port: ConsumerFetchesPort, waitingMax: number) {
    this.#port = port;
    this.#waitingMax = waitingMax;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get deadlineUs(): number {
    return this.#deadlines.earliestUs;
  }

  /** @returns undefined: it waits */
  fetch(request: FetchRequest, nowUs: number): readonly FetchedPartition[] | undefined {
    const mayWait = nowUs < request.deadlineUs && this.#waiting.size < this.#waitingMax;
    const results = this.#read(request, !mayWait);
    if (results !== undefined) return results;
    const partitions: Partition[] = [];
    for (const { key } of request.partitions) {
      const partition = this.#port.partition(key);
      if (partition !== undefined) partitions.push(partition);
    }
    const waiting: WaitingFetch = { request, partitions, isDue: false };
    this.#waiting.set(request.token, waiting);
    this.#deadlines.schedule(waiting, request.deadlineUs);
    for (const partition of partitions) {
      const others = this.#byPartition.get(partition);
      if (others === undefined) this.#byPartition.set(partition, new Set([waiting]));
      else others.add(waiting);
    }
    return undefined;
  }

  cancel(token: number): void {
    const waiting = this.#waiting.get(token);
    if (waiting !== undefined) this.#forget(waiting);
  }

  /** More can be read of the partition, or it can no longer be read. */
  moved(partition: Partition): void {
    for (const waiting of this.#byPartition.get(partition) ?? []) this.#setDue(waiting);
  }

  tick(nowUs: number): void {
    for (
      let waiting = this.#deadlines.popDue(nowUs);
      waiting !== undefined;
      waiting = this.#deadlines.popDue(nowUs)
    ) {
      this.#setDue(waiting);
    }
  }

  /** The end of a step. */
  flush(nowUs: number): void {
    if (this.#due.length === 0) return;
    const due = this.#due;
    this.#due = [];
    for (const waiting of due) {
      waiting.isDue = false;
      const { request } = waiting;
      if (this.#waiting.get(request.token) !== waiting) continue;
      const results = this.#read(request, nowUs >= request.deadlineUs);
      if (results === undefined) continue;
      this.#forget(waiting);
      this.#port.fetched(request.token, results);
    }
  }

  #setDue(waiting: WaitingFetch): void {
    if (waiting.isDue) return;
    waiting.isDue = true;
    this.#due.push(waiting);
  }

  #forget(waiting: WaitingFetch): void {
    this.#waiting.delete(waiting.request.token);
    this.#deadlines.remove(waiting);
    for (const partition of waiting.partitions) {
      const others = this.#byPartition.get(partition);
      others?.delete(waiting);
      if (others?.size === 0) this.#byPartition.delete(partition);
    }
  }

  /** @returns undefined: there is less than is asked for, and nothing else to tell */
  #read(request: FetchRequest, isLast: boolean): readonly FetchedPartition[] | undefined {
    const results: FetchedPartition[] = [];
    let bytesLeft = request.bytesMax;
    let bytes = 0;
    let isWorthTelling = isLast || request.partitions.length === 0;
    for (const from of request.partitions) {
      const partition = this.#port.partition(from.key);
      const result =
        partition === undefined
          ? refusedRead(from.key, 'NOT_LEADER_OR_FOLLOWER', undefined)
          : readPartition(partition, from, {
              isolation: request.isolation,
              bytesMax: bytesLeft,
              minOneBatch: bytes === 0,
            });
      const read = result.records?.lengthBytes ?? 0;
      bytes += read;
      bytesLeft = Math.max(bytesLeft - read, 0);
      if (result.error !== 'NONE' || result.divergence !== undefined) isWorthTelling = true;
      results.push(result);
    }
    return isWorthTelling || bytes >= request.bytesMin ? results : undefined;
  }
}
