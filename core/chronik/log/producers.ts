import { type EndMarker } from '../../wire/kafka/control-records.ts';
import { type RecordBatch, sequencePlus } from '../../wire/kafka/record-batch.ts';
import { type Offset } from '../types.ts';
import { type ActiveProducer, type AppendError } from './outcomes.ts';
import { Transactions } from './transactions.ts';

/** An idempotent batch of those that a retry may repeat. */
export interface ProducedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly firstOffset: Offset;
  readonly lastOffset: Offset;
  /** −1 where records keep their producer's times. */
  readonly logAppendTimeMs: number;
}

export interface ProducerEntry {
  readonly producerId: number;
  producerEpoch: number;
  /** The last ones of this epoch, oldest first. */
  batches: ProducedBatch[];
  lastTimestampMs: number;
  /** −1: no marker was seen. */
  coordinatorEpoch: number;
  /** How long this log has seen nothing of it. Not written down: it begins anew with a start. */
  idleMs: number;
}

/** A client keeps at most so many batches of a partition under way (KIP-98). */
export const batchesKept = 5;

/** Looks come much more often (log.retention.check.interval.ms): more than that between two of them is the clock's doing. */
const betweenLooksMsMax = 600_000;

export type SequenceCheck =
  | { readonly kind: 'ok' }
  | { readonly kind: 'duplicate'; readonly batch: ProducedBatch }
  | { readonly kind: 'refused'; readonly error: AppendError; readonly message: string };

const ok: SequenceCheck = { kind: 'ok' };

/**
 * Idempotent and transactional producers, as the log's batches show them (KIP-98, KIP-360). All of it follows from the log:
 * the same batches give the same state, live and at recovery.
 */
export class Producers {
  #entries = new Map<number, ProducerEntry>();
  readonly transactions = new Transactions();
  /**
   * A producer that is not known may be one that was forgotten: it begins with any sequence. Until then a producer that is not
   * known is new, and what it sends first is its first.
   */
  #hasForgotten = false;
  /** Wall time of the last look at who is silent; −1: none yet. */
  #lookedMs = -1;

  get entries(): ReadonlyMap<number, ProducerEntry> {
    return this.#entries;
  }

  get hasForgotten(): boolean {
    return this.#hasForgotten;
  }

  /** What a leader has to say about a batch of a producer before it appends it. */
  check(batch: RecordBatch): SequenceCheck {
    const { producerId, producerEpoch, baseSequence, lastSequence } = batch;
    const entry = this.#entries.get(producerId);
    if (entry === undefined) {
      // Coordinators write without a sequence what belongs to a producer's transaction.
      if (baseSequence <= 0 || this.#hasForgotten) return ok;
      return outOfOrder(batch, 'is the first of this producer');
    }
    if (producerEpoch < entry.producerEpoch) return fenced(producerId, producerEpoch, entry.producerEpoch);
    if (baseSequence < 0) return ok;
    if (producerEpoch > entry.producerEpoch) {
      return baseSequence === 0 ? ok : outOfOrder(batch, 'begins an epoch');
    }
    for (const each of entry.batches) {
      if (each.firstSequence === baseSequence && each.lastSequence === lastSequence) {
        return { kind: 'duplicate', batch: each };
      }
    }
    const last = entry.batches.at(-1);
    // Nothing of this epoch is known: a marker has begun it.
    const expected = last === undefined ? 0 : sequencePlus(last.lastSequence, 1);
    if (baseSequence !== expected) return outOfOrder(batch, `follows ${last?.lastSequence ?? 'a marker'}`);
    const isOpen = this.transactions.firstOffsetOf(producerId) !== undefined;
    if (isOpen && !batch.isTransactional) {
      return {
        kind: 'refused',
        error: 'INVALID_TXN_STATE',
        message: `producer ${producerId} has a transaction open, and the batch is of none`,
      };
    }
    return ok;
  }

  /** The same of a coordinator's marker. */
  checkMarker(batch: RecordBatch, marker: EndMarker): SequenceCheck {
    const { producerId, producerEpoch } = batch;
    const entry = this.#entries.get(producerId);
    if (entry === undefined) return ok;
    if (producerEpoch < entry.producerEpoch) return fenced(producerId, producerEpoch, entry.producerEpoch);
    if (marker.coordinatorEpoch < entry.coordinatorEpoch) {
      return {
        kind: 'refused',
        error: 'TRANSACTION_COORDINATOR_FENCED',
        message: `coordinator epoch ${marker.coordinatorEpoch}, but ${entry.coordinatorEpoch} was seen`,
      };
    }
    return ok;
  }

  /** A batch has been appended, or was found in the log. `marker` is what a control batch holds. */
  note(batch: RecordBatch, marker: EndMarker | undefined): void {
    const { producerId } = batch;
    if (producerId < 0) return;
    const entry = this.#entryFor(producerId, batch.producerEpoch);
    const { baseOffset, lastOffset, maxTimestampMs } = batch;
    entry.idleMs = 0;
    entry.lastTimestampMs = Math.max(entry.lastTimestampMs, maxTimestampMs);
    if (batch.isControl) {
      if (marker === undefined) return;
      entry.coordinatorEpoch = Math.max(entry.coordinatorEpoch, marker.coordinatorEpoch);
      this.transactions.end(producerId, marker.outcome, baseOffset);
      return;
    }
    if (batch.isTransactional) this.transactions.record(producerId, baseOffset);
    // What compaction left of a batch may have lost its sequence; coordinators' own batches have none.
    if (batch.baseSequence < 0) return;
    entry.batches.push({
      firstSequence: batch.baseSequence,
      lastSequence: batch.lastSequence,
      firstOffset: baseOffset,
      lastOffset,
      logAppendTimeMs: batch.timestampType === 'logAppendTime' ? maxTimestampMs : -1,
    });
    if (entry.batches.length > batchesKept) entry.batches.shift();
  }

  /**
   * Forgets who was silent for so long, unless a transaction of theirs is open. It counts what this log has seen pass from look
   * to look, and of a jump of the wall clock no more than a little: forgetting whoever still repeats a batch would append it
   * once more.
   */
  expire(wallMs: number, expirationMs: number): void {
    const sinceMs =
      this.#lookedMs < 0 ? 0 : Math.min(Math.max(wallMs - this.#lookedMs, 0), betweenLooksMsMax);
    this.#lookedMs = wallMs;
    for (const entry of [...this.#entries.values()]) {
      entry.idleMs += sinceMs;
      if (entry.idleMs <= expirationMs) continue;
      if (this.transactions.firstOffsetOf(entry.producerId) !== undefined) continue;
      this.#entries.delete(entry.producerId);
      this.#hasForgotten = true;
    }
  }

  /** In the order of their ids. */
  active(): readonly ActiveProducer[] {
    return this.sorted().map((entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastTimestampMs: entry.lastTimestampMs,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTransactionStartOffset: this.transactions.firstOffsetOf(entry.producerId) ?? -1,
    }));
  }

  sorted(): readonly ProducerEntry[] {
    return [...this.#entries.values()].sort((left, right) => left.producerId - right.producerId);
  }

  /** Read from a checkpoint; transactions are restored apart. */
  restore(entries: readonly ProducerEntry[], hasForgotten: boolean): void {
    this.#entries = new Map(entries.map((entry) => [entry.producerId, entry]));
    this.#hasForgotten = hasForgotten;
  }

  /** The log begins anew, behind records that it has never seen. */
  clear(hasForgotten: boolean): void {
    this.#entries = new Map();
    this.transactions.clear();
    this.#hasForgotten = hasForgotten;
  }

  /** A newer epoch begins its sequences anew. */
  #entryFor(producerId: number, producerEpoch: number): ProducerEntry {
    let entry = this.#entries.get(producerId);
    if (entry === undefined) {
      entry = {
        producerId,
        producerEpoch,
        batches: [],
        lastTimestampMs: -1,
        coordinatorEpoch: -1,
        idleMs: 0,
      };
      this.#entries.set(producerId, entry);
    } else if (producerEpoch > entry.producerEpoch) {
      entry.producerEpoch = producerEpoch;
      entry.batches = [];
    }
    return entry;
  }
}

function fenced(producerId: number, producerEpoch: number, known: number): SequenceCheck {
  return {
    kind: 'refused',
    error: 'INVALID_PRODUCER_EPOCH',
    message: `producer ${producerId} has epoch ${known}, the batch is of epoch ${producerEpoch}`,
  };
}

function outOfOrder(batch: RecordBatch, what: string): SequenceCheck {
  return {
    kind: 'refused',
    error: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    message: `producer ${batch.producerId}: sequence ${batch.baseSequence} ${what}`,
  };
}
