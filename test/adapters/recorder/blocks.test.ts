import { expect, test } from 'vitest';

import { Blocks } from '../../../adapters/recorder/blocks.ts';
import { blockHead, formatMark } from '../../../adapters/recorder/format.ts';
import { concatBytes } from '../../../core/base/bytes.ts';

const payloads = [new Uint8Array([1]), new Uint8Array(1_000).fill(7), new Uint8Array([2, 3])];
const whole = concatBytes([formatMark(), ...payloads.flatMap((payload) => [blockHead(payload), payload])]);

function read(bytes: Uint8Array): { readonly payloads: readonly Uint8Array[]; readonly end: Blocks['end'] } {
  const blocks = new Blocks(bytes);
  const found: Uint8Array[] = [];
  for (let block = blocks.next(); block !== undefined; block = blocks.next()) found.push(block);
  return { payloads: found, end: blocks.end };
}

test('blocks come back as they were', () => {
  expect(read(whole)).toEqual({ payloads, end: undefined });
});

test('a file that ends inside of a block is torn there', () => {
  const second = 8 + 12 + 1;
  for (let length = second + 1; length < second + 12 + 1_000; length += 97) {
    expect(read(whole.subarray(0, length))).toEqual({
      payloads: payloads.slice(0, 1),
      end: { kind: 'torn', atBytes: second },
    });
  }
});

test('lengths that the bytes have not followed are a torn tail', () => {
  const { payloads: found, end } = read(concatBytes([whole, new Uint8Array(5_000)]));
  expect(found).toEqual(payloads);
  expect(end).toEqual({ kind: 'torn', atBytes: whole.length });
});

test('a block that is not what was written is damage where others follow it, whichever byte it is, and torn where none does', () => {
  for (const at of [0, 3, 4, 7, 8, 11, 12, 500]) {
    const bytes = whole.slice();
    bytes[8 + 12 + 1 + at] = (bytes[8 + 12 + 1 + at] ?? 0) ^ 0x80;
    expect(read(bytes)).toEqual({ payloads: payloads.slice(0, 1), end: { kind: 'damaged', atBytes: 21 } });
  }
  const last = whole.slice();
  last[last.length - 1] = 9;
  expect(read(last).end?.kind).toBe('torn');
});

test('what is no recording is refused', () => {
  expect(() => new Blocks(new Uint8Array(3))).toThrow('ends before it says what it is');
  expect(() => new Blocks(new Uint8Array(8))).toThrow('this is no recording');
});
