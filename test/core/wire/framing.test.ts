import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { FrameReader, framingBytes, writeFraming } from '../../../core/wire/framing.ts';
import { WireError } from '../../../core/wire/reader.ts';

function frameOf(kind: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(framingBytes + payload.length);
  writeFraming(frame, kind, payload);
  frame.set(payload, framingBytes);
  return frame;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Pushes pieces of the given sizes, the last one being the rest. */
function readAll(reader: FrameReader, stream: Uint8Array, sizes: readonly number[]) {
  const frames: { kind: number; payload: number[] }[] = [];
  let at = 0;
  for (const size of [...sizes, stream.length]) {
    reader.push(stream.subarray(at, Math.min(stream.length, at + size)));
    at = Math.min(stream.length, at + size);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      frames.push({ kind: frame.kind, payload: [...frame.payload] });
    }
  }
  return frames;
}

const frame = fc.record({
  kind: fc.integer({ min: 0, max: 255 }),
  payload: fc.uint8Array({ maxLength: 60 }),
});

describe('frames', () => {
  test('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.integer({ min: 0, max: 30 })), (frames, sizes) => {
        const stream = joined(frames.map(({ kind, payload }) => frameOf(kind, payload)));
        const expected = frames.map(({ kind, payload }) => ({ kind, payload: [...payload] }));
        expect(readAll(new FrameReader(60), stream, sizes)).toEqual(expected);
      }),
    );
  });

  test('with any one bit turned over are refused, or wait for bytes that never come', () => {
    fc.assert(
      fc.property(frame, fc.nat(), (given, draw) => {
        const stream = frameOf(given.kind, given.payload);
        const bit = draw % (stream.length * 8);
        stream[bit >> 3] = (stream[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        let frames: unknown[] = [];
        try {
          frames = readAll(new FrameReader(100), stream, []);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
        expect(frames).toEqual([]);
      }),
    );
  });

  test('longer than allowed are refused by their head, before they have come', () => {
    const reader = new FrameReader(10);
    reader.push(frameOf(1, new Uint8Array(11)).subarray(0, framingBytes));
    expect(() => reader.next()).toThrow('a frame of 11 bytes is longer than 10');
    const patient = new FrameReader(10);
    patient.payloadBytesMax = 11;
    patient.push(frameOf(1, new Uint8Array(11)));
    expect(patient.next()?.payload.length).toBe(11);
  });

  test('have the layout that is documented', () => {
    expect([...frameOf(7, Uint8Array.of(1, 2))]).toEqual([2, 0, 0, 0, 7, 20, 191, 81, 237, 1, 2]);
  });
});
