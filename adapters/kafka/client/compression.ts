import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

import { lz4Decompress } from '../../../core/wire/compression/lz4.ts';
import { snappyDecompress } from '../../../core/wire/compression/snappy.ts';
import { type Compression, type RecordBatch } from '../../../core/wire/kafka/record-batch.ts';
import { decodeRecords, decodeRecordsIn, type LogRecord } from '../../../core/wire/kafka/records.ts';
import { WireError } from '../../../core/wire/reader.ts';

/** What this client can compress with. */
export const ownCompressions = ['none', 'gzip', 'zstd'] as const satisfies readonly Compression[];
export type OwnCompression = (typeof ownCompressions)[number];

/** A batch that says it is larger in the clear is taken for an attack on memory. */
const clearBytesMax = 256 * 1_048_576;

export function compressed(codec: OwnCompression, records: Uint8Array): Uint8Array {
  switch (codec) {
    case 'none':
      return records;
    case 'gzip':
      return gzipSync(records);
    case 'zstd':
      return zstdCompressSync(records);
  }
}

/**
 * A batch's records, whatever they are compressed with.
 *
 * @throws WireError for what cannot be decompressed, or is not what it should be
 */
export function recordsOf(batch: RecordBatch): readonly LogRecord[] {
  if (batch.compression === 'none') return decodeRecords(batch);
  return decodeRecordsIn(batch, clear(batch));
}

function clear(batch: RecordBatch): Uint8Array {
  const limit = { maxOutputLength: clearBytesMax };
  try {
    switch (batch.compression) {
      case 'gzip':
        return gunzipSync(batch.body, limit);
      case 'snappy':
        return snappyDecompress(batch.body, clearBytesMax);
      case 'lz4':
        return lz4Decompress(batch.body, clearBytesMax);
      case 'zstd':
        return zstdDecompressSync(batch.body, limit);
      default:
        throw new WireError(
          `records are compressed with ${batch.compression ?? 'an unknown codec'}, not known here`,
        );
    }
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw new WireError(`records do not decompress: ${(error as Error).message}`);
  }
}
