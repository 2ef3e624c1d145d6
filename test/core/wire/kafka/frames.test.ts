import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { concatBytes } from '../../../../core/base/bytes.ts';
import { frameSizeBytes, KafkaFrames } from '../../../../core/wire/kafka/frames.ts';
import { WireError } from '../../../../core/wire/reader.ts';
import { unhex } from './samples.ts';

function frameOf(content: Uint8Array): Uint8Array {
  const frame = new Uint8Array(frameSizeBytes + content.length);
  new DataView(frame.buffer).setInt32(0, content.length);
  frame.set(content, frameSizeBytes);
  return frame;
}

/** Pushes pieces of the given sizes, the last one being the rest. */
function readAll(frames: KafkaFrames, stream: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const read: Uint8Array[] = [];
  let at = 0;
  for (const size of [...sizes, stream.length]) {
    frames.push(stream.subarray(at, Math.min(stream.length, at + size)));
    at = Math.min(stream.length, at + size);
    for (let frame = frames.next(); frame !== undefined; frame = frames.next()) read.push(frame);
  }
  return read;
}

describe('frames of a stream', () => {
  test('are the same however it was cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 30 }),
        (contents, sizes) => {
          const stream = concatBytes(contents.map(frameOf));
          expect(readAll(new KafkaFrames(40), stream, sizes)).toEqual(contents);
        },
      ),
    );
  });

  test('that are longer than the first room arrive whole, byte by byte and in large pieces', () => {
    const content = new Uint8Array(300_000).map((_, at) => at % 251);
    for (const size of [997, 70_000, 299_999]) {
      const sizes = Array.from({ length: Math.ceil(300_000 / size) }, () => size);
      expect(readAll(new KafkaFrames(300_000), frameOf(content), sizes)).toEqual([content]);
    }
  });

  test('are views of the piece that holds all of them', () => {
    const stream = concatBytes([frameOf(unhex('01 02')), frameOf(unhex('03'))]);
    const read = readAll(new KafkaFrames(2), stream, []);
    expect(read).toEqual([unhex('01 02'), unhex('03')]);
    expect(read.every((frame) => frame.buffer === stream.buffer)).toBe(true);
  });

  test.each([
    ['00 00 00 0b', 'a frame of 11 bytes: 0 to 10 are allowed'],
    ['ff ff ff ff', 'a frame of -1 bytes: 0 to 10 are allowed'],
    ['47 45 54 20', 'a frame of 1195725856 bytes: 0 to 10 are allowed'],
  ])('with size %s are refused', (size, message) => {
    const frames = new KafkaFrames(10);
    frames.push(unhex(size));
    expect(() => frames.next()).toThrow(new WireError(message));
  });
});
