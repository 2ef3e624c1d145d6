import { latin1FromBytes } from '../../base/bytes.ts';
import { RecordBatch } from '../../wire/kafka/record-batch.ts';
import { decodeRecords, encodeBatch, type LogRecord } from '../../wire/kafka/records.ts';
import { WireError } from '../../wire/reader.ts';
import { type Offset } from '../types.ts';
import { type Producers } from './producers.ts';
import { type EndedTransaction } from './transactions.ts';

/** Of a batch with records that wait to be forgotten: its base timestamp says until when (KIP-534). */
const horizonBit = 0x40;
const attributesLowAt = 22;

/** What compaction leaves of a batch: all of it, nothing, or something else in its place, with the same offsets. */
export type Filtered =
  | { readonly kind: 'whole' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'rewritten'; readonly bytes: Uint8Array };

const whole: Filtered = { kind: 'whole' };
const gone: Filtered = { kind: 'gone' };

/**
 * The records of a batch that compaction can tell apart; undefined: they are compressed, or nobody can read them, and the batch
 * stays as it is. Batches are not unpacked: what is compressed neither goes nor makes others go.
 */
export function readableRecords(batch: RecordBatch): readonly LogRecord[] | undefined {
  if (batch.compression !== 'none') return undefined;
  try {
    return decodeRecords(batch);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Keys as a map has them. */
export function keyText(key: Uint8Array): string {
  return latin1FromBytes(key);
}

/**
 * Decides, batch by batch from the log's start on, what stays: of the records of a key the last one, deletions for a while
 * behind their first compaction, markers of transactions as long as a record of theirs is there.
 */
export class CompactionFilter {
  readonly #latest: ReadonlyMap<string, Offset>;
  readonly #aborted: ReadonlyMap<number, readonly EndedTransaction[]>;
  readonly #producers: Producers;
  readonly #wallMs: number;
  readonly #deleteRetentionMs: number;
  /** A batch that nobody looked into may hold what a later deletion hides: such deletions stay. */
  #hasUnread = false;
  /** Producers whose transaction has records that stay, and no marker yet. */
  readonly #withRecords = new Set<number>();

  constructor(given: {
    /** Key to the last offset that it has, as far as the log was looked through. */
    readonly latest: ReadonlyMap<string, Offset>;
    readonly producers: Producers;
    readonly wallMs: number;
    readonly deleteRetentionMs: number;
  }) {
    this.#latest = given.latest;
    this.#producers = given.producers;
    this.#wallMs = given.wallMs;
    this.#deleteRetentionMs = given.deleteRetentionMs;
    this.#aborted = byProducer(given.producers.transactions.aborted);
  }

  filter(batch: RecordBatch): Filtered {
    if (batch.isControl) return this.#filterMarker(batch);
    const { isTransactional, producerId } = batch;
    const records = readableRecords(batch);
    if (records === undefined) {
      this.#hasUnread = true;
      if (isTransactional) this.#withRecords.add(producerId);
      return whole;
    }
    const kept = this.#isAborted(batch) ? [] : records.filter((record) => this.#stays(batch, record));
    if (kept.length === 0) return this.#emptied(batch);
    if (isTransactional) this.#withRecords.add(producerId);
    const waits = kept.some(({ value, key }) => value === undefined && key !== undefined);
    if (kept.length === records.length && (!waits || hasHorizon(batch))) return whole;
    return { kind: 'rewritten', bytes: this.#rewritten(batch, kept, waits) };
  }

  #filterMarker(batch: RecordBatch): Filtered {
    const hadRecords = this.#withRecords.delete(batch.producerId);
    if (hadRecords) return whole;
    if (hasHorizon(batch)) return batch.baseTimestampMs <= this.#wallMs ? gone : whole;
    const records = readableRecords(batch);
    // What is empty already has nothing more to lose.
    if (records === undefined || records.length === 0) return whole;
    return { kind: 'rewritten', bytes: this.#rewritten(batch, records, true) };
  }

  #stays(batch: RecordBatch, { key, value, offset }: LogRecord): boolean {
    if (key === undefined) return true;
    if ((this.#latest.get(keyText(key)) ?? -1) > offset) return false;
    if (value !== undefined || this.#hasUnread || !hasHorizon(batch)) return true;
    return batch.baseTimestampMs > this.#wallMs;
  }

  #isAborted({ isTransactional, producerId, baseOffset }: RecordBatch): boolean {
    if (!isTransactional) return false;
    const of = this.#aborted.get(producerId) ?? [];
    return of.some(({ firstOffset, markerOffset }) => baseOffset >= firstOffset && baseOffset < markerOffset);
  }

  /** The header stays where it is all that tells of a producer's last batches: a retry must be known as one. */
  #emptied(batch: RecordBatch): Filtered {
    const { producerId, producerEpoch, lastOffset, baseSequence } = batch;
    const entry = producerId < 0 || baseSequence < 0 ? undefined : this.#producers.entries.get(producerId);
    const tells =
      entry?.producerEpoch === producerEpoch && entry.batches.some((each) => each.lastOffset === lastOffset);
    if (!tells) return gone;
    // In no transaction any more: nothing of it waits for a marker.
    if (batch.recordCount === 0 && !batch.isTransactional) return whole;
    const bytes = encodeBatch({ ...headerOf(batch), records: [], isTransactional: false });
    return { kind: 'rewritten', bytes };
  }

  #rewritten(batch: RecordBatch, records: readonly LogRecord[], waits: boolean): Uint8Array {
    const horizonMs = hasHorizon(batch) ? batch.baseTimestampMs : this.#wallMs + this.#deleteRetentionMs;
    const header = headerOf(batch);
    const baseTimestampMs = waits
      ? horizonMs
      : hasHorizon(batch)
        ? records[0]?.timestampMs
        : batch.baseTimestampMs;
    const bytes = encodeBatch({
      ...header,
      records,
      ...(baseTimestampMs === undefined ? {} : { baseTimestampMs }),
    });
    if (waits) {
      bytes[attributesLowAt] = (bytes[attributesLowAt] as number) | horizonBit;
      new RecordBatch(bytes).seal();
    }
    return bytes;
  }
}

/** What a batch that is rewritten keeps of the one that it was. */
function headerOf(batch: RecordBatch): Omit<Parameters<typeof encodeBatch>[0], 'records'> {
  return {
    baseOffset: batch.baseOffset,
    leaderEpoch: batch.leaderEpoch,
    lastOffsetDelta: batch.lastOffsetDelta,
    baseTimestampMs: batch.baseTimestampMs,
    maxTimestampMs: batch.maxTimestampMs,
    timestampType: batch.timestampType,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
  };
}

function hasHorizon(batch: RecordBatch): boolean {
  return (batch.attributes & horizonBit) !== 0;
}

function byProducer(aborted: readonly EndedTransaction[]): ReadonlyMap<number, readonly EndedTransaction[]> {
  const found = new Map<number, EndedTransaction[]>();
  for (const each of aborted) {
    const of = found.get(each.producerId);
    if (of === undefined) found.set(each.producerId, [each]);
    else of.push(each);
  }
  return found;
}
