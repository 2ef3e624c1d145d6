import { decodeRecords } from '../../wire/kafka/records.ts';
import { scanBatches } from '../../wire/kafka/record-batch.ts';
import { newEntry } from './entry.ts';
import { type LedPartition } from './led-partition.ts';
import { decodeTransactionKey, decodeTransactionState } from './records.ts';

/** A turn of reading what this broker is to coordinate: newer records take the place of older ones. */
export function loadTurn(led: LedPartition, bytesMax: number): void {
  const { log } = led;
  const { batches } = scanBatches(log.read(led.loadedOffset, bytesMax));
  for (const batch of batches) {
    led.loadedOffset = batch.baseOffset + batch.lastOffsetDelta + 1;
    if (batch.isControl) continue;
    for (const { key, value } of decodeRecords(batch)) {
      const id = key === undefined ? undefined : decodeTransactionKey(key);
      if (id === undefined) continue;
      if (value === undefined) led.entries.delete(id);
      else led.entries.set(id, newEntry(id, decodeTransactionState(value)));
    }
  }
  if (batches.length === 0) led.loadedOffset = log.highWatermark;
  // What compaction has left out at the end shows as nothing more to read below the high watermark.
  if (led.loadedOffset >= led.loadEndOffset) led.loaded = log.highWatermark >= led.loadEndOffset;
}
