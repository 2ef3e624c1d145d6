import fc from 'fast-check';
import { expect, test } from 'vitest';

import { JsonError } from '../../../adapters/gateway/json-error.ts';
import { JsonNumber, JsonSplitter, parseJson } from '../../../adapters/gateway/json-text.ts';

const bytesMax = 1_000;

/** What comes of a text that arrives in pieces of these lengths, one after the other. */
function split(text: string, lengths: readonly number[], max = bytesMax): readonly string[] {
  const bytes = Buffer.from(text);
  const splitter = new JsonSplitter(max);
  const values: string[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    values.push(...splitter.push(bytes.subarray(at, at + length)));
    at += length;
  }
  const rest = splitter.end();
  return rest === undefined ? values : [...values, rest];
}

test('values come out as they went in, wherever the stream is cut', () => {
  const value = fc.json({ maxDepth: 4 });
  const space = fc.constantFrom(' ', '\n', '\r\n\t', '  ');
  const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(value, { maxLength: 5 }), space, lengths, (values, between, sizes) => {
      expect(split(values.join(between), sizes, 1_000_000)).toEqual(values.map((each) => each.trim()));
    }),
  );
});

test('objects need nothing between them; what is cut short comes at the end', () => {
  expect(split('{"a":"}{"}[1]"x"{}', [1])).toEqual(['{"a":"}{"}', '[1]', '"x"', '{}']);
  expect(split('{} {"a":', [3])).toEqual(['{}', '{"a":']);
  expect(split(' \n ', [1])).toEqual([]);
  expect(split('xx{"a":1}', [2])).toEqual(['xx', '{"a":1}']);
  expect(split('}}', [1])).toEqual(['}', '}']);
});

test('a value that is longer than allowed is refused, however it comes', () => {
  const text = JSON.stringify({ value: 'x'.repeat(bytesMax) });
  for (const length of [1, 7, text.length]) expect(() => split(text, [length])).toThrow(JsonError);
  const short = JSON.stringify({ value: 'x'.repeat(bytesMax - 20) });
  expect(split(`${short}${short}`, [11])).toEqual([short, short]);
});

test('numbers keep what they were written as', () => {
  expect(parseJson('{"a":[9223372036854775807,1.50,-0,1e2]}')).toEqual({
    a: ['9223372036854775807', '1.50', '-0', '1e2'].map((source) => new JsonNumber(source)),
  });
  expect(() => parseJson('{"a":')).toThrow(JsonError);
});

test('JSON that is nested beyond every measure is refused, not fatal', () => {
  const depth = 200_000;
  expect(() => parseJson(`${'['.repeat(depth)}${']'.repeat(depth)}`)).toThrow(JsonError);
});
