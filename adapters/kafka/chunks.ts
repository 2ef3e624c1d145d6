import { type SegmentReader } from '../../core/storage/segment-files.ts';
import { type Encoded } from '../../core/wire/kafka/writer.ts';

/**
 * What an answer names is read now: what is retained or cut later has no part in it.
 *
 * @throws Error when a file does not hold what was named, or the disk cannot read it
 */
export function resolveChunks(
  { chunks }: Encoded,
  segments: Pick<SegmentReader, 'read'>,
): readonly Uint8Array[] {
  return chunks.map((chunk) => {
    if (chunk instanceof Uint8Array) return chunk;
    const { file, positionBytes, lengthBytes } = chunk;
    const bytes = segments.read(file, positionBytes, lengthBytes);
    if (bytes.length === lengthBytes) return bytes;
    throw new Error(
      `${file} was to hold ${lengthBytes} bytes at ${positionBytes}, and has ${bytes.length} of them`,
    );
  });
}
