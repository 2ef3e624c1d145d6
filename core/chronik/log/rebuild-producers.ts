import { DamagedBatchError, UnreadableError } from '../../storage/read-errors.ts';
import { type SegmentReader } from '../../storage/segment-files.ts';
import { markerIn, visitBatches } from './batches-in-file.ts';
import { type Checkpoint, checkpointIn } from './checkpoint.ts';
import { type Producers } from './producers.ts';
import { type LogSegment } from './segment.ts';

/** Brings the producers to where the log ends now: from the newest checkpoint that is left, and the headers behind it. */
export function rebuildProducers(
  files: SegmentReader,
  segments: readonly LogSegment[],
  producers: Producers,
): void {
  const from = newestCheckpoint(files, segments);
  let at = 0;
  let fromBytes = 0;
  if (from === undefined) {
    producers.clear((segments[0]?.baseOffset ?? 0) > 0);
  } else {
    const { image, segment } = from;
    producers.restore(image.producers.entries, image.producers.hasForgotten);
    producers.transactions.restore(image.endOffset, image.producers.open, image.producers.unsettled);
    at = segments.indexOf(segment);
    fromBytes = image.segmentBytes;
  }
  for (const segment of segments.slice(at)) {
    visitBatches(files, { file: segment.file, fromBytes, toBytes: segment.lengthBytes }, ({ batch }) => {
      producers.note(batch, markerIn(batch));
      return false;
    });
    fromBytes = 0;
  }
}

function newestCheckpoint(
  files: SegmentReader,
  segments: readonly LogSegment[],
): { readonly image: Checkpoint; readonly segment: LogSegment } | undefined {
  for (let at = segments.length - 1; at >= 0; at -= 1) {
    const segment = segments[at] as LogSegment;
    for (let number = segment.checkpoints.length - 1; number >= 0; number -= 1) {
      const location = segment.checkpoints[number];
      if (location === undefined) continue;
      try {
        const image = checkpointIn(
          files.read(segment.indexFile, location.positionBytes, location.lengthBytes),
        );
        if (image !== undefined) return { image, segment };
      } catch (error) {
        // An older one does as well, with more to look at behind it.
        if (!(error instanceof UnreadableError) && !(error instanceof DamagedBatchError)) throw error;
      }
    }
  }
  return undefined;
}
