import { assert, present } from '../../base/assert.ts';
import { type NodeId } from '../../base/ids.ts';
import { usPerMs } from '../../base/units.ts';
import { type LeaderEpoch, type Offset, type PartitionKey, type TopicPartition } from '../types.ts';
import { type MarkerFound, type MarkerWritten } from './messages.ts';
import { type TransactionPort } from './port.ts';

/** A transaction whose outcome is durable, and whose partitions are to be told. */
export interface DecidedTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly committed: boolean;
  readonly coordinatorEpoch: LeaderEpoch;
  readonly partitions: readonly TopicPartition[];
}

/** One partition that is to be told. */
interface Errand {
  readonly transaction: Delivery;
  readonly place: TopicPartition;
  readonly key: PartitionKey;
  attempt: number;
  /** Undefined: it is not known yet what is open there. */
  found:
    { readonly leaderEpoch: LeaderEpoch; readonly firstOffset: Offset; readonly leader: NodeId } | undefined;
  retryUs: number;
}

interface Delivery {
  readonly decided: DecidedTransaction;
  left: number;
}

/**
 * Has a transaction's markers written by the leaders of its partitions. Each partition is asked until it has answered that the
 * marker is below its high watermark; a partition that is no more needs none. What is open at once is bounded by the
 * transactions there are and the partitions that each may have.
 */
export class MarkerSender {
  readonly #port: Pick<TransactionPort, 'partitionKey' | 'leaderOf' | 'send'>;
  readonly #retryUs: number;
  /** By attempt. In the order in which they are to be tried again: attempts rise, and so do their times. */
  readonly #errands = new Map<number, Errand>();
  readonly #deliveries = new Map<string, Delivery>();
  #attempt = 0;

  constructor(
    port: Pick<TransactionPort, 'partitionKey' | 'leaderOf' | 'send'>,
    { markerRetryMs }: { readonly markerRetryMs: number },
  ) {
    this.#port = port;
    this.#retryUs = markerRetryMs * usPerMs;
  }

  /** Partitions that have not answered yet. */
  get waiting(): number {
    return this.#errands.size;
  }

  get deadlineUs(): number {
    for (const { retryUs } of this.#errands.values()) return retryUs;
    return Infinity;
  }

  /** @returns true when there is nobody to tell */
  begin(decided: DecidedTransaction, nowUs: number): boolean {
    assert(!this.#deliveries.has(decided.transactionalId), 'one outcome is told at a time');
    const transaction: Delivery = { decided, left: 0 };
    for (const place of decided.partitions) {
      const key = this.#port.partitionKey(place.topic, place.partition);
      if (key === undefined) continue;
      transaction.left += 1;
      this.#try({ transaction, place, key, attempt: 0, found: undefined, retryUs: 0 }, nowUs);
    }
    if (transaction.left === 0) return true;
    this.#deliveries.set(decided.transactionalId, transaction);
    return false;
  }

  /** Somebody else coordinates it now. */
  forget(transactionalId: string): void {
    const delivery = this.#deliveries.get(transactionalId);
    if (delivery === undefined) return;
    this.#deliveries.delete(transactionalId);
    for (const [attempt, { transaction }] of this.#errands)
      if (transaction === delivery) this.#errands.delete(attempt);
  }

  found(from: NodeId, { attempt, leaderEpoch, firstOffset }: MarkerFound): void {
    const errand = this.#errands.get(attempt);
    if (errand === undefined || errand.found !== undefined || leaderEpoch < 0) return;
    errand.found = { leaderEpoch, firstOffset, leader: from };
    const { producerId, producerEpoch, committed, coordinatorEpoch } = errand.transaction.decided;
    this.#port.send(from, {
      ...{ kind: 'markerWrite', attempt, key: errand.key },
      ...{ producerId, producerEpoch, committed, coordinatorEpoch, leaderEpoch, firstOffset },
    });
  }

  /** @returns the transaction whose partitions have all been told by this */
  written({ attempt, written }: MarkerWritten, nowUs: number): DecidedTransaction | undefined {
    const errand = this.#errands.get(attempt);
    if (errand?.found === undefined) return undefined;
    this.#errands.delete(attempt);
    if (written) return this.#told(errand.transaction);
    // Not at once: replicas may be missing, and then the next attempt would fare no better.
    this.#keep(errand, nowUs);
    return undefined;
  }

  /** Asks again whoever has not answered. @returns transactions of which nobody is left to be told */
  tick(nowUs: number): readonly DecidedTransaction[] {
    const done: DecidedTransaction[] = [];
    for (const [attempt, errand] of this.#errands) {
      if (errand.retryUs > nowUs) break;
      this.#errands.delete(attempt);
      const key = this.#port.partitionKey(errand.place.topic, errand.place.partition);
      // Deleted, or made again: what the transaction wrote is gone.
      if (key?.created === errand.key.created) this.#try(errand, nowUs);
      else {
        const told = this.#told(errand.transaction);
        if (told !== undefined) done.push(told);
      }
    }
    return done;
  }

  #try(errand: Errand, nowUs: number): void {
    this.#keep(errand, nowUs);
    const leader = this.#port.leaderOf(errand.key);
    if (leader === undefined) return;
    const { producerId } = errand.transaction.decided;
    this.#port.send(leader, { kind: 'markerQuery', attempt: errand.attempt, key: errand.key, producerId });
  }

  /** Under a new number: whatever is still on its way to this errand is of no concern any more. */
  #keep(errand: Errand, nowUs: number): void {
    this.#attempt += 1;
    errand.attempt = this.#attempt;
    errand.found = undefined;
    errand.retryUs = nowUs + this.#retryUs;
    this.#errands.set(errand.attempt, errand);
  }

  #told(delivery: Delivery): DecidedTransaction | undefined {
    delivery.left -= 1;
    if (delivery.left > 0) return undefined;
    const { transactionalId } = delivery.decided;
    const known = present(this.#deliveries.get(transactionalId), 'a delivery is known until it has ended');
    assert(known === delivery, 'one outcome is told at a time');
    this.#deliveries.delete(transactionalId);
    return delivery.decided;
  }
}
