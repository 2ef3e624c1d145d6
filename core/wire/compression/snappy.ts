import { assert } from '../../base/assert.ts';
import { concatBytes } from '../../base/bytes.ts';
import { WireError } from '../reader.ts';
import { copyWithin } from './copy-within.ts';

/**
 * Snappy, decompressed: the raw format, and the framing that Java clients put around it.
 *
 * Source: Snappy compressed format description; the framing of xerial's snappy-java (a magic, two versions, then blocks with
 * their sizes).
 */
export function snappyDecompress(input: Uint8Array, clearBytesMax: number): Uint8Array {
  return isFramed(input) ? unframe(input, clearBytesMax) : decompressBlock(input, clearBytesMax);
}

const framingMagic = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
/** The magic and two versions. */
const framingHeadBytes = 16;
/** No element of the format makes more of its bytes: 64 of three. */
const expansionMax = 22;

function isFramed(input: Uint8Array): boolean {
  return framingMagic.every((byte, at) => input[at] === byte);
}

function unframe(input: Uint8Array, clearBytesMax: number): Uint8Array {
  const blocks: Uint8Array[] = [];
  let left = clearBytesMax;
  let at = framingHeadBytes;
  if (input.length < at) throw new WireError('snappy: the framing is cut short');
  while (at < input.length) {
    if (at + 4 > input.length) throw new WireError('snappy: the size of a block is cut short');
    const size =
      (((input[at] as number) << 24) |
        ((input[at + 1] as number) << 16) |
        ((input[at + 2] as number) << 8) |
        (input[at + 3] as number)) >>>
      0;
    at += 4;
    if (size > input.length - at) throw new WireError('snappy: a block is cut short');
    const block = decompressBlock(input.subarray(at, at + size), left);
    left -= block.length;
    blocks.push(block);
    at += size;
  }
  return concatBytes(blocks);
}

function decompressBlock(input: Uint8Array, clearBytesMax: number): Uint8Array {
  const { value: length, at: start } = readLength(input);
  if (length > clearBytesMax) {
    throw new WireError(`snappy: ${length} bytes in the clear are more than ${clearBytesMax}`);
  }
  if (length > input.length * expansionMax) {
    throw new WireError(`snappy: ${input.length} bytes cannot hold ${length}`);
  }
  const output = new Uint8Array(length);
  let at = start;
  let end = 0;
  while (at < input.length) {
    const tag = input[at] as number;
    at += 1;
    if ((tag & 3) === 0) {
      const literal = literalAt(input, at, tag);
      at = literal.at + literal.length;
      if (at > input.length || end + literal.length > length)
        throw new WireError('snappy: a literal is too long');
      output.set(input.subarray(literal.at, at), end);
      end += literal.length;
      continue;
    }
    const copy = copyAt(input, at, tag);
    at = copy.at;
    if (copy.distance === 0 || copy.distance > end || end + copy.length > length) {
      throw new WireError('snappy: a copy reaches out of the output');
    }
    copyWithin(output, end, copy.distance, copy.length);
    end += copy.length;
  }
  if (end !== length) throw new WireError(`snappy: ${end} bytes where ${length} were told`);
  return output;
}

/** A varint of 32 bits. */
function readLength(input: Uint8Array): { readonly value: number; readonly at: number } {
  let value = 0;
  for (let at = 0; at < 5; at += 1) {
    const byte = input[at];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { value, at: at + 1 };
  }
  throw new WireError('snappy: there is no length');
}

/** Lengths up to 60 are in the tag, longer ones in one to four bytes behind it. */
function literalAt(
  input: Uint8Array,
  at: number,
  tag: number,
): { readonly at: number; readonly length: number } {
  const short = tag >> 2;
  if (short < 60) return { at, length: short + 1 };
  const bytes = short - 59;
  assert(bytes >= 1 && bytes <= 4, 'a tag has six bits for a length');
  return { at: at + bytes, length: littleEndian(input, at, bytes) + 1 };
}

function copyAt(
  input: Uint8Array,
  at: number,
  tag: number,
): { readonly at: number; readonly length: number; readonly distance: number } {
  if ((tag & 3) === 1) {
    const distance = ((tag >> 5) << 8) | littleEndian(input, at, 1);
    return { at: at + 1, length: ((tag >> 2) & 7) + 4, distance };
  }
  const bytes = (tag & 3) === 2 ? 2 : 4;
  return { at: at + bytes, length: (tag >> 2) + 1, distance: littleEndian(input, at, bytes) };
}

function littleEndian(input: Uint8Array, at: number, bytes: number): number {
  if (at + bytes > input.length) throw new WireError('snappy: the input ends inside an element');
  let value = 0;
  for (let byte = bytes - 1; byte >= 0; byte -= 1) value = value * 256 + (input[at + byte] as number);
  return value;
}
