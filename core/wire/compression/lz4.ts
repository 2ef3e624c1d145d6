import { concatBytes } from '../../base/bytes.ts';
import { WireError } from '../reader.ts';
import { copyWithin } from './copy-within.ts';

/**
 * LZ4 frames, decompressed. Checksums are stepped over: a record batch has its own.
 *
 * Source: LZ4 frame format description 1.6; LZ4 block format description.
 */
export function lz4Decompress(input: Uint8Array, clearBytesMax: number): Uint8Array {
  const frame = headerOf(input);
  const blocks: Uint8Array[] = [];
  let clearBytes = 0;
  let at = frame.at;
  // What a block may refer back to: the end of those before it, where blocks are linked.
  let history: Uint8Array = new Uint8Array(0);
  for (;;) {
    const word = uint32(input, at);
    at += 4;
    if (word === 0) break;
    const size = word & 0x7fffffff;
    const isClear = word >>> 31 === 1;
    if (size > input.length - at) throw new WireError('lz4: a block is cut short');
    const body = input.subarray(at, at + size);
    at += size + (frame.hasBlockChecksums ? checksumBytes : 0);
    const blockBytesMax = Math.min(frame.blockBytesMax, clearBytesMax - clearBytes);
    if (isClear && size > blockBytesMax) throw tooLong(blockBytesMax);
    const block = isClear ? body : decompressBlock(body, history, blockBytesMax);
    clearBytes += block.length;
    blocks.push(block);
    if (frame.isLinked) history = historyOf(history, block);
  }
  if (at + (frame.hasContentChecksum ? checksumBytes : 0) > input.length) {
    throw new WireError('lz4: the frame is cut short');
  }
  return concatBytes(blocks);
}

const magic = 0x184d2204;
const checksumBytes = 4;
/** How far back a match reaches. */
const windowBytes = 65_536;
const matchBytesMin = 4;

interface FrameHeader {
  /** Behind it. */
  readonly at: number;
  readonly isLinked: boolean;
  readonly hasBlockChecksums: boolean;
  readonly hasContentChecksum: boolean;
  readonly blockBytesMax: number;
}

function headerOf(input: Uint8Array): FrameHeader {
  if (uint32(input, 0) !== magic) throw new WireError('lz4: this is no frame');
  const flags = byteAt(input, 4);
  if (flags >> 6 !== 1) throw new WireError(`lz4: frames of version ${flags >> 6} are not known here`);
  if ((flags & 1) !== 0) throw new WireError('lz4: frames with dictionaries are not known here');
  const blockSize = (byteAt(input, 5) >> 4) & 7;
  if (blockSize < 4) throw new WireError(`lz4: ${blockSize} is no size of blocks`);
  const contentSizeBytes = (flags & 8) === 0 ? 0 : 8;
  return {
    // Magic, flags, block size, content size, a byte of checksum.
    at: 7 + contentSizeBytes,
    isLinked: (flags & 0x20) === 0,
    hasBlockChecksums: (flags & 0x10) !== 0,
    hasContentChecksum: (flags & 4) !== 0,
    // 64 KiB, 256 KiB, 1 MiB, 4 MiB.
    blockBytesMax: 2 ** (8 + 2 * blockSize),
  };
}

/** What blocks behind this one may refer to. */
function historyOf(before: Uint8Array, block: Uint8Array): Uint8Array {
  if (block.length >= windowBytes) return block.subarray(block.length - windowBytes);
  const kept = before.subarray(Math.max(0, before.length + block.length - windowBytes));
  return concatBytes([kept, block]);
}

/** Sequences: a token, literals, where a match lies and how long it is. The last has literals alone. */
function decompressBlock(input: Uint8Array, history: Uint8Array, clearBytesMax: number): Uint8Array {
  let output: Uint8Array = new Uint8Array(
    history.length + Math.min(clearBytesMax, Math.max(1_024, input.length * 3)),
  );
  output.set(history);
  const limit = history.length + clearBytesMax;
  let end = history.length;
  let at = 0;
  // Room grows with what is really there, never by what is claimed.
  const reserve = (length: number) => {
    if (end + length > limit) throw tooLong(clearBytesMax);
    if (end + length <= output.length) return;
    const grown = new Uint8Array(Math.min(limit, Math.max(end + length, output.length * 2)));
    grown.set(output.subarray(0, end));
    output = grown;
  };
  while (at < input.length) {
    const token = byteAt(input, at);
    const literals = lengthAt(input, at + 1, token >> 4);
    at = literals.at + literals.length;
    if (at > input.length) throw new WireError('lz4: literals are cut short');
    reserve(literals.length);
    output.set(input.subarray(literals.at, at), end);
    end += literals.length;
    if (at === input.length) return output.subarray(history.length, end);
    const distance = byteAt(input, at) | (byteAt(input, at + 1) << 8);
    const match = lengthAt(input, at + 2, token & 15);
    at = match.at;
    const length = match.length + matchBytesMin;
    if (distance === 0 || distance > end) throw new WireError('lz4: a match reaches out of the output');
    reserve(length);
    copyWithin(output, end, distance, length);
    end += length;
  }
  throw new WireError('lz4: a block ends in a match');
}

/** Four bits, and where they are all set as many bytes more as it takes, the last below 255. */
function lengthAt(
  input: Uint8Array,
  start: number,
  bits: number,
): { readonly length: number; readonly at: number } {
  let length = bits;
  let at = start;
  if (bits < 15) return { length, at };
  for (;;) {
    const byte = byteAt(input, at);
    at += 1;
    length += byte;
    if (byte < 255) return { length, at };
  }
}

function byteAt(input: Uint8Array, at: number): number {
  const byte = input[at];
  if (byte === undefined) throw new WireError('lz4: the input ends inside a sequence');
  return byte;
}

function uint32(input: Uint8Array, at: number): number {
  return (
    (byteAt(input, at) |
      (byteAt(input, at + 1) << 8) |
      (byteAt(input, at + 2) << 16) |
      (byteAt(input, at + 3) << 24)) >>>
    0
  );
}

function tooLong(bytesMax: number): WireError {
  return new WireError(`lz4: a block is longer than ${bytesMax} bytes in the clear`);
}
