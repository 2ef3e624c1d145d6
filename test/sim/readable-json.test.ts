import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { readableJson } from '../../sim/readable-json.ts';

test('what it writes is JSON of the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(readableJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('what fits is on one line, what does not has a line for each part', () => {
  expect(readableJson({ a: 1, b: [1, 2], c: {} })).toBe('{ "a": 1, "b": [1, 2], "c": {} }\n');
  const long = 'x'.repeat(60);
  expect(readableJson({ a: { b: long }, c: [long, long] })).toBe(
    `{\n  "a": { "b": "${long}" },\n  "c": [\n    "${long}",\n    "${long}"\n  ]\n}\n`,
  );
});

test('a field that is undefined is there all the same', () => {
  expect(readableJson({ a: undefined })).toBe('{ "a": null }\n');
});

test('what JSON has no number for is refused', () => {
  expect(() => readableJson({ a: [NaN] })).toThrow('NaN cannot be written as JSON');
  expect(() => readableJson(-Infinity)).toThrow('-Infinity cannot be written');
});
