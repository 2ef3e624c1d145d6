import { crc32c } from '../base/crc32c.ts';
import { assert } from '../base/assert.ts';

/**
 * How a batch lies in a segment file: a header of 44 bytes, little-endian, then the payload.
 *
 * ```
 *  0 magic          4 header CRC      8 payload CRC    12 payload bytes
 * 16 batchSeq (8)                    24 syncedBatchSeq (8)
 * 32 boot          36 file number    40 position
 * ```
 *
 * The header has a checksum of its own (CRC-32C of bytes 8…43), so that its length can be trusted to step over a damaged
 * payload, and so that looking for the next header costs 36 bytes of checksum a candidate, whatever a payload pretends.
 * It names the file and the position it was written for: a copy of a frame inside someone's payload, or one that the
 * disk put elsewhere, is not taken for the real one.
 */
export interface FrameHeader {
  readonly batchSeq: number;
  /** Highest batch that was known durable when this one was framed. Never falls along a log. */
  readonly syncedBatchSeq: number;
  /** Counts the log's starts. Never falls along a log. */
  readonly boot: number;
  readonly fileNumber: number;
  readonly positionBytes: number;
  readonly payloadBytes: number;
  readonly payloadCrc: number;
}

export type FrameOrigin = Omit<FrameHeader, 'payloadBytes' | 'payloadCrc'>;

export const frameHeaderBytes = 44;
/** Positions and lengths have 32 bits; half of that leaves the last batch of a file its room. */
export const segmentBytesLimit = 0x7fff_ffff;

/** 'PLB1': the 1 is the format's version. */
const magic = 0x31_42_4c_50;
const magicFirstByte = 0x50;
const headerCrcFrom = 8;
const twoTo32 = 0x1_0000_0000;

export function encodeFrame(origin: FrameOrigin, payload: Uint8Array): Uint8Array {
  assert(payload.length <= segmentBytesLimit, 'a batch is shorter than 2 GiB');
  assert(origin.positionBytes <= segmentBytesLimit, 'a batch begins below 2 GiB');
  const frame = new Uint8Array(frameHeaderBytes + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(8, crc32c(payload), true);
  view.setUint32(12, payload.length, true);
  setUint64(view, 16, origin.batchSeq);
  setUint64(view, 24, origin.syncedBatchSeq);
  view.setUint32(32, origin.boot, true);
  view.setUint32(36, origin.fileNumber, true);
  view.setUint32(40, origin.positionBytes, true);
  view.setUint32(4, crc32c(frame.subarray(headerCrcFrom, frameHeaderBytes)), true);
  frame.set(payload, frameHeaderBytes);
  return frame;
}

/** The header at `at`, or undefined when none is intact there. Says nothing about the payload. */
export function decodeFrameHeader(bytes: Uint8Array, at: number): FrameHeader | undefined {
  if (at + frameHeaderBytes > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, frameHeaderBytes);
  if (view.getUint32(0, true) !== magic) return undefined;
  const crc = crc32c(bytes.subarray(at + headerCrcFrom, at + frameHeaderBytes));
  if (view.getUint32(4, true) !== crc) return undefined;
  return {
    batchSeq: getUint64(view, 16),
    syncedBatchSeq: getUint64(view, 24),
    boot: view.getUint32(32, true),
    fileNumber: view.getUint32(36, true),
    positionBytes: view.getUint32(40, true),
    payloadBytes: view.getUint32(12, true),
    payloadCrc: view.getUint32(8, true),
  };
}

/** The payload behind the header at `at`, or undefined when it is cut short or damaged. */
export function intactPayload(bytes: Uint8Array, at: number, header: FrameHeader): Uint8Array | undefined {
  const from = at + frameHeaderBytes;
  const end = from + header.payloadBytes;
  if (end > bytes.length) return undefined;
  const payload = bytes.subarray(from, end);
  return crc32c(payload) === header.payloadCrc ? payload : undefined;
}

/** Where the next header could begin, at `from` or behind; the bytes' length when nowhere. */
export function nextMagic(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(magicFirstByte, from); at >= 0; at = bytes.indexOf(magicFirstByte, at + 1)) {
    if (bytes[at + 1] === 0x4c && bytes[at + 2] === 0x42 && bytes[at + 3] === 0x31) return at;
  }
  return bytes.length;
}

function setUint64(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a sequence number is a safe integer');
  view.setUint32(at, value % twoTo32, true);
  view.setUint32(at + 4, Math.floor(value / twoTo32), true);
}

function getUint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * twoTo32;
}
