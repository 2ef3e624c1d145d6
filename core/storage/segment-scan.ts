import { decodeFrameHeader, type FrameHeader, frameHeaderBytes, intactPayload, nextMagic } from './frame.ts';

/** A segment file as its name describes it: `{prefix}{number}-{first batch}`, both zero-padded. */
export interface Segment {
  readonly file: string;
  /** 1, 2, 3 … in the order of creation. */
  readonly number: number;
  /** The batch that the file was opened for. */
  readonly firstBatchSeq: number;
}

export interface ScannedFrame {
  readonly segment: Segment;
  readonly header: FrameHeader;
  /** Undefined when the payload is cut short or damaged. */
  readonly payload: Uint8Array | undefined;
}

const numberDigits = 10;
const batchDigits = 16;

export function segmentFile(prefix: string, number: number, firstBatchSeq: number): string {
  return `${prefix}${String(number).padStart(numberDigits, '0')}-${String(firstBatchSeq).padStart(batchDigits, '0')}`;
}

/** Undefined when no log under this prefix made the file. */
export function parseSegmentFile(prefix: string, file: string): Segment | undefined {
  const number = Number(file.slice(prefix.length, prefix.length + numberDigits));
  const firstBatchSeq = Number(file.slice(prefix.length + numberDigits + 1));
  if (!Number.isSafeInteger(number) || !Number.isSafeInteger(firstBatchSeq)) return undefined;
  if (number < 1 || firstBatchSeq < 1 || segmentFile(prefix, number, firstBatchSeq) !== file)
    return undefined;
  return { file, number, firstBatchSeq };
}

/**
 * Every frame of a file whose header is intact, in the order of the file. After bytes that are no header it looks on for
 * the next one; after a header with a damaged payload it goes on where the header says that the next one begins, so
 * that nothing inside that payload is ever looked at.
 */
export function scanSegment(segment: Segment, bytes: Uint8Array): readonly ScannedFrame[] {
  const frames: ScannedFrame[] = [];
  let at = 0;
  while (at + frameHeaderBytes <= bytes.length) {
    const header = decodeFrameHeader(bytes, at);
    if (header === undefined || !belongsHere(segment, header, at)) {
      at = nextMagic(bytes, at + 1);
      continue;
    }
    frames.push({ segment, header, payload: intactPayload(bytes, at, header) });
    at += frameHeaderBytes + header.payloadBytes;
  }
  return frames;
}

/** A header is believed only where it was written, with a number that the frames before it can have led up to. */
function belongsHere(segment: Segment, header: FrameHeader, at: number): boolean {
  return (
    header.fileNumber === segment.number &&
    header.positionBytes === at &&
    header.batchSeq >= segment.firstBatchSeq &&
    header.batchSeq <= segment.firstBatchSeq + Math.floor(at / frameHeaderBytes) &&
    header.syncedBatchSeq < header.batchSeq
  );
}
