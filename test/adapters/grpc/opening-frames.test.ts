import { describe, expect, test } from 'vitest';

import { OpeningFrames } from '../../../adapters/grpc/opening-frames.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const settings = Buffer.from('000000040000000000', 'hex');
const acknowledgement = Buffer.from('000000040100000000', 'hex');
const ping = Buffer.from('0000080600000000000000000000000000', 'hex');

function headers(block: Buffer, options: { flags?: number; before?: Buffer; after?: Buffer } = {}): Buffer {
  const { flags = 0x4, before = Buffer.alloc(0), after = Buffer.alloc(0) } = options;
  const payload = Buffer.concat([before, block, after]);
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = 1;
  head[4] = flags;
  head[8] = 1;
  return Buffer.concat([head, payload]);
}

/** As etcdctl 3.4 sends them: POST, http, a path, `:authority` http://127.0.0.1:21999, a content type. */
const fromGo = Buffer.from(
  '8386459760a924882d9dcb6571afa066a925a87510ac6e48d36a3f41909d29aee30c044eae05c0b86e082fbeff5f8b1d75d0620d263d4c4d6564',
  'hex',
);
const mended = Buffer.from(fromGo);
mended.fill('a', fromGo.indexOf('41909d29', 0, 'hex') + 2, fromGo.indexOf('5f8b1d', 0, 'hex'));
mended[fromGo.indexOf('41909d29', 0, 'hex') + 1] = 0x10;

/** A literal in plain text under `:authority`, with incremental indexing. */
const plain = (value: string): Buffer =>
  Buffer.concat([Buffer.from([0x41, value.length]), Buffer.from(value, 'latin1')]);

/** What is left when the opening has come in pieces of a size. */
function passed(opening: Buffer, pieceBytes: number = opening.length): Buffer {
  const frames = new OpeningFrames(opening.subarray(0, pieceBytes));
  for (let at = pieceBytes; at < opening.length; at += pieceBytes) {
    frames.push(opening.subarray(at, at + pieceBytes));
  }
  return frames.bytes;
}

describe('an authority that is a URL becomes a name of as many bytes, and nothing else changes', () => {
  const cases: readonly (readonly [string, Buffer, Buffer])[] = [
    ['in Huffman code', fromGo, mended],
    ['in plain text', plain('http://[::1]:2379'), plain('a'.repeat(17))],
    ['of TLS', plain('https://etcd:2379'), plain('a'.repeat(17))],
    [
      'behind a change of the table',
      Buffer.concat([Buffer.of(0x3f, 0xe1, 0x1f), fromGo]),
      Buffer.concat([Buffer.of(0x3f, 0xe1, 0x1f), mended]),
    ],
    [
      'behind a header with a name of its own',
      Buffer.concat([Buffer.from('40012d0178', 'hex'), plain('http://a:1')]),
      Buffer.concat([Buffer.from('40012d0178', 'hex'), plain('aaaaaaaaaa')]),
    ],
    ['never where it is an authority', plain('127.0.0.1:2379'), plain('127.0.0.1:2379')],
    [
      'never where another header holds one',
      Buffer.from('448a687474703a2f2f783a31', 'hex'),
      Buffer.from('448a687474703a2f2f783a31', 'hex'),
    ],
  ];
  test.each(cases)('%s', (_, block, expected) => {
    const opening = (given: Buffer): Buffer => Buffer.concat([preface, settings, headers(given), ping]);
    for (const pieceBytes of [1, 7, 40, 10_000]) {
      expect(passed(opening(block), pieceBytes).toString('hex')).toBe(opening(expected).toString('hex'));
    }
  });

  test('between padding and priority', () => {
    const options = { flags: 0x4 | 0x8 | 0x20, before: Buffer.of(3, 0, 0, 0, 0, 15), after: Buffer.alloc(3) };
    const opening = (block: Buffer): Buffer => Buffer.concat([preface, settings, headers(block, options)]);
    expect(passed(opening(fromGo))).toEqual(opening(mended));
  });
});

test('a client that waits for the settings is seen to; their acknowledgement alone is taken out, whenever it comes', () => {
  for (const rest of [
    Buffer.concat([acknowledgement, headers(fromGo)]),
    Buffer.concat([headers(fromGo), acknowledgement]),
  ]) {
    const frames = new OpeningFrames(preface);
    expect(frames.waits).toBe(false);
    frames.push(settings);
    expect([frames.waits, frames.asks, frames.isAcknowledged]).toEqual([true, false, true]);
    frames.settingsSent();
    expect(frames.isAcknowledged).toBe(false);
    frames.push(Buffer.concat([rest, acknowledgement]));
    expect([frames.waits, frames.asks, frames.isAcknowledged]).toEqual([false, true, true]);
    // The second one answers what the library behind has sent.
    expect(frames.bytes).toEqual(Buffer.concat([preface, settings, headers(mended), acknowledgement]));
  }
});

test('whatever is no opening goes on at once as it is', () => {
  const frames = new OpeningFrames(Buffer.concat([preface, settings, ping]));
  expect([frames.asks, frames.bytes]).toEqual([true, Buffer.concat([preface, settings, ping])]);
  const endless = new OpeningFrames(Buffer.concat([preface, Buffer.from('ffffff010400000001', 'hex')]));
  expect(endless.asks).toBe(true);
});

test('headers that break off in the midst of themselves are left to the library', () => {
  for (let length = 0; length < fromGo.length; length += 1) {
    const opening = Buffer.concat([preface, settings, headers(fromGo.subarray(0, length))]);
    expect(passed(opening)).toHaveLength(opening.length);
  }
});
