import { concatBytes } from '../../base/bytes.ts';
import { endMarkerOf } from '../../wire/kafka/control-records.ts';
import { type RecordBatch } from '../../wire/kafka/record-batch.ts';
import { decodeRecords, encodeBatch } from '../../wire/kafka/records.ts';
import { KafkaWriter } from '../../wire/kafka/writer.ts';
import { WireError } from '../../wire/reader.ts';
import { type Offset } from '../types.ts';
import {
  type OffsetsRecord,
  readOffsetsRecord,
  writeGroupValue,
  writeOffsetsKey,
  writeOffsetValue,
} from './offset-records.ts';

/** Whose transaction offsets are committed in. */
export interface TransactionalProducer {
  readonly id: number;
  readonly epoch: number;
}

/** A record of the log and its place there. */
export interface ReadRecord {
  readonly record: OffsetsRecord;
  readonly offset: Offset;
}

/** What a batch of `__consumer_offsets` says. */
export type ReadBatch =
  | { readonly kind: 'records'; readonly records: readonly ReadRecord[] }
  | { readonly kind: 'transactional'; readonly producerId: number; readonly records: readonly ReadRecord[] }
  | { readonly kind: 'marker'; readonly producerId: number; readonly committed: boolean };

/** Makes record batches of what a coordinator has to say. */
export class OffsetsBatches {
  readonly #writer = new KafkaWriter();

  /** @param records at least one */
  encode(records: readonly OffsetsRecord[], wallMs: number, producer?: TransactionalProducer): Uint8Array {
    const encoded = records.map((record) => {
      writeOffsetsKey(this.#writer, record);
      return { timestampMs: wallMs, key: this.#take(), value: this.#value(record) };
    });
    if (producer === undefined) return encodeBatch({ records: encoded });
    return encodeBatch({
      records: encoded,
      producerId: producer.id,
      producerEpoch: producer.epoch,
      isTransactional: true,
    });
  }

  #value(record: OffsetsRecord): Uint8Array | undefined {
    if (record.value === undefined) return undefined;
    if (record.kind === 'group') writeGroupValue(this.#writer, record.value);
    else writeOffsetValue(this.#writer, record.value);
    return this.#take();
  }

  #take(): Uint8Array {
    return concatBytes(this.#writer.take().chunks as readonly Uint8Array[]);
  }
}

/**
 * What a batch says, as far as it is understood. What is not is none of this coordinator's: other versions of brokers keep
 * other things here, and to stop for one record would stop every group of the partition.
 */
export function readOffsetsBatch(batch: RecordBatch): ReadBatch {
  const { producerId } = batch;
  const read = ifReadable(() => decodeRecords(batch)) ?? [];
  if (batch.isControl) {
    const marker = read.map(endMarkerOf).find((one) => one !== undefined);
    if (marker === undefined) return { kind: 'records', records: [] };
    return { kind: 'marker', producerId, committed: marker.outcome === 'commit' };
  }
  const records: ReadRecord[] = [];
  for (const { offset, key, value } of read) {
    const record = key === undefined ? undefined : ifReadable(() => readOffsetsRecord(key, value));
    if (record !== undefined) records.push({ record, offset });
  }
  return batch.isTransactional
    ? { kind: 'transactional', producerId, records }
    : { kind: 'records', records };
}

function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
