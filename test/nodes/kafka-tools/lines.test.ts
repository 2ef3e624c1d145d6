import { InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { linesOf } from '../../../nodes/kafka-tools/lines.ts';
import { integers, topicAndPartition } from '../../../nodes/kafka-tools/options.ts';
import { placeOf } from '../../../nodes/kafka-tools/places.ts';

async function* streamOf(pieces: readonly string[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield await Promise.resolve(Buffer.from(piece));
}

async function linesIn(pieces: readonly string[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const some of linesOf(streamOf(pieces))) lines.push(...some.map(String));
  return lines;
}

describe('lines', () => {
  test('are the same however the input was cut, and the last need not end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('a', 'bc', '\n', '\n\n', 'd\ne')), async (pieces) => {
        const text = pieces.join('');
        const expected = text.split('\n');
        if (expected.at(-1) === '') expected.pop();
        expect(await linesIn(pieces)).toEqual(expected);
      }),
    );
  });
});

describe('what is typed', () => {
  test('names a topic, or a partition of it', () => {
    expect(topicAndPartition('a.b-c_d')).toEqual({ topic: 'a.b-c_d', partition: undefined });
    expect(topicAndPartition('t:12')).toEqual({ topic: 't', partition: 12 });
    for (const wrong of ['', 't:', 't:x', 'a b', ':1']) {
      expect(() => topicAndPartition(wrong)).toThrow(InvalidArgumentError);
    }
  });

  test('names a place: a word, an offset, a time', () => {
    expect(['beginning', 'end', '17'].map(placeOf)).toEqual(['beginning', 'end', 17]);
    expect(placeOf('2026-01-31T12:00:00Z')).toEqual({ timestampMs: Date.UTC(2026, 0, 31, 12) });
    expect(placeOf('2026-01-31')).toEqual({ timestampMs: Date.UTC(2026, 0, 31) });
    for (const wrong of ['', 'start', '-1', '2026-13-31T12:00:00Z', 'noon']) {
      expect(() => placeOf(wrong)).toThrow(InvalidArgumentError);
    }
  });

  test('names brokers', () => {
    expect(integers('3,1,2')).toEqual([3, 1, 2]);
    expect(() => integers('1,,2')).toThrow(InvalidArgumentError);
    expect(() => integers('1,b')).toThrow(InvalidArgumentError);
  });
});
