import { batchHeaderBytes, batchPrefixBytes, RecordBatch } from '../../wire/kafka/record-batch.ts';
import { decodeRecords } from '../../wire/kafka/records.ts';
import { type EndMarker, endMarkerOf } from '../../wire/kafka/control-records.ts';
import { WireError } from '../../wire/reader.ts';
import { DamagedBatchError } from '../../storage/read-errors.ts';
import { type SegmentReader } from '../../storage/segment-files.ts';

/** How much is read at once to look at headers; most batches are smaller, and larger ones are stepped over. */
const chunkBytes = 65_536;

/** A batch as its header shows it; control batches have their records, too, others may not. */
export interface FoundBatch {
  readonly batch: RecordBatch;
  readonly positionBytes: number;
  readonly sizeBytes: number;
}

/**
 * Goes through the headers of the batches that lie from one position of a file to another, which both begin a batch or end
 * the last one. `visit` ends it by returning true.
 *
 * @throws DamagedBatchError when what lies there is no batch
 * @throws UnreadableError when the disk cannot read it
 */
export function visitBatches(
  segments: SegmentReader,
  range: { readonly file: string; readonly fromBytes: number; readonly toBytes: number },
  visit: (found: FoundBatch) => boolean,
): void {
  const { file, toBytes } = range;
  let chunkFrom = 0;
  let chunk: Uint8Array = new Uint8Array(0);
  const need = (positionBytes: number, lengthBytes: number): Uint8Array => {
    if (positionBytes < chunkFrom || positionBytes + lengthBytes > chunkFrom + chunk.length) {
      const wantedBytes = Math.max(lengthBytes, Math.min(chunkBytes, toBytes - positionBytes));
      chunk = segments.read(file, positionBytes, wantedBytes);
      chunkFrom = positionBytes;
      if (chunk.length < lengthBytes) throw damaged(file, positionBytes, 'the file is shorter');
    }
    return chunk.subarray(positionBytes - chunkFrom, positionBytes - chunkFrom + lengthBytes);
  };
  let positionBytes = range.fromBytes;
  while (positionBytes < toBytes) {
    let batch = new RecordBatch(need(positionBytes, batchHeaderBytes));
    const sizeBytes = batchBytes(batch.bytes, 0);
    if (sizeBytes < batchHeaderBytes || positionBytes + sizeBytes > toBytes)
      throw damaged(file, positionBytes, `a batch has ${sizeBytes} bytes`);
    if (batch.isControl) batch = new RecordBatch(need(positionBytes, sizeBytes));
    if (visit({ batch, positionBytes, sizeBytes })) return;
    positionBytes += sizeBytes;
  }
}

/** How long the batch is that begins there, by what its header says. */
export function batchBytes(bytes: Uint8Array, at: number): number {
  const length =
    ((bytes[at + 8] as number) << 24) |
    ((bytes[at + 9] as number) << 16) |
    ((bytes[at + 10] as number) << 8) |
    (bytes[at + 11] as number);
  return batchPrefixBytes + length;
}

/** How the transaction ended; undefined for a batch that says nothing of it. */
export function markerIn(batch: RecordBatch): EndMarker | undefined {
  if (!batch.isControl) return undefined;
  try {
    const [record] = decodeRecords(batch);
    return record === undefined ? undefined : endMarkerOf(record);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function damaged(file: string, positionBytes: number, why: string): DamagedBatchError {
  return new DamagedBatchError(`${file} at ${positionBytes}: ${why}`);
}
