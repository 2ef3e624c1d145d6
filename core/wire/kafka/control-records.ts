import { KafkaReader } from './reader.ts';
import { encodeBatch, type LogRecord } from './records.ts';

/**
 * Control batches: what a leader writes to tell readers how a transaction ended. They have offsets like others; clients
 * skip them.
 *
 * Source: Kafka documentation, "Control Batches"; KIP-98.
 */
export type TransactionOutcome = 'commit' | 'abort';

export interface EndMarker {
  readonly outcome: TransactionOutcome;
  /** Of the transaction's coordinator: an older one's marker is refused. */
  readonly coordinatorEpoch: number;
}

const abortType = 0;
const commitType = 1;
const keyBytes = 4;
const valueBytes = 6;

/** A batch with the marker that ends what this producer has open. */
export function encodeEndMarker({
  outcome,
  coordinatorEpoch,
  producerId,
  producerEpoch,
  timestampMs,
}: EndMarker & {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly timestampMs: number;
}): Uint8Array {
  const key = new Uint8Array(keyBytes);
  key[3] = outcome === 'commit' ? commitType : abortType;
  const value = new Uint8Array(valueBytes);
  for (let byte = 0; byte < 4; byte += 1) value[2 + byte] = coordinatorEpoch >>> (24 - 8 * byte);
  return encodeBatch({
    records: [{ key, value, timestampMs }],
    producerId,
    producerEpoch,
    isTransactional: true,
    isControl: true,
  });
}

/** Undefined for a control record that ends no transaction, or is none that can be read. */
export function endMarkerOf({ key, value }: LogRecord): EndMarker | undefined {
  if (key === undefined || key.length < keyBytes || value === undefined || value.length < valueBytes) {
    return undefined;
  }
  const keyReader = new KafkaReader(key);
  // Versions only ever add fields behind those that are known.
  keyReader.skip(2);
  const type = keyReader.int16();
  if (type !== abortType && type !== commitType) return undefined;
  const valueReader = new KafkaReader(value);
  valueReader.skip(2);
  return { outcome: type === commitType ? 'commit' : 'abort', coordinatorEpoch: valueReader.int32() };
}
