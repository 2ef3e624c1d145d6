import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../../../core/base/bytes.ts';
import { utf8FromText } from '../../../../core/base/utf8.ts';
import { type NbdOutput, NbdServerConnection } from '../../../../core/wire/nbd/server-connection.ts';
import { flags, go, handle, option, optionReply, reply, request, uint32 } from './nbd-client.ts';

const name = 'red/data@vm-1.7';
const sizeBytes = 1_048_576;
const exports = {
  find: (asked: string) => (asked === name ? { name, sizeBytes } : undefined),
  names: () => [name],
};
const chosen: NbdOutput = { kind: 'chosen', export: { name, sizeBytes } };
const [EINVAL, ENOSPC, EOVERFLOW] = [22, 28, 75];

function said(...pieces: readonly Uint8Array[]): readonly NbdOutput[] {
  const connection = new NbdServerConnection(exports);
  return pieces.flatMap((piece) => [...connection.receive(piece)]);
}

/** What is sent, put together, and everything else in its order. */
function told(outputs: readonly NbdOutput[]): {
  readonly sent: Uint8Array;
  readonly others: readonly NbdOutput[];
} {
  return {
    sent: concatBytes(outputs.flatMap((output) => (output.kind === 'send' ? [output.bytes] : []))),
    others: outputs.filter(({ kind }) => kind !== 'send'),
  };
}

/** Behind the handshake. */
function asked(...pieces: readonly Uint8Array[]): ReturnType<typeof told> {
  const connection = new NbdServerConnection(exports);
  connection.receive(concatBytes([flags(), go(name)]));
  return told(pieces.flatMap((piece) => [...connection.receive(piece)]));
}

describe('the handshake', () => {
  test('a server greets with fixed newstyle and without padding', () => {
    expect(NbdServerConnection.greeting()).toEqual(
      concatBytes([utf8FromText('NBDMAGICIHAVEOPT'), new Uint8Array([0, 3])]),
    );
  });

  test('NBD_OPT_GO tells size, flags and block sizes, and begins the transmission', () => {
    const { sent, others } = told(said(flags(), go(name)));
    const facts = [0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0x01, 0x6d];
    const sizes = [0, 3, 0, 0, 0, 1, 0, 0, 0x10, 0, 2, 0, 0, 0];
    expect(sent).toEqual(
      concatBytes([
        optionReply(7, 3, new Uint8Array(facts)),
        optionReply(7, 3, new Uint8Array(sizes)),
        optionReply(7, 1),
      ]),
    );
    expect(others).toEqual([chosen]);
  });

  test('NBD_OPT_INFO tells the same and chooses nothing', () => {
    expect(told(said(flags(), go(name, 6))).others).toEqual([]);
    expect(told(said(flags(), go(name, 6), go(name))).others).toEqual([chosen]);
  });

  test('NBD_OPT_EXPORT_NAME answers with size and flags, and 124 zeros where they are wanted', () => {
    const facts = new Uint8Array([0, 0, 0, 0, 0, 0x10, 0, 0, 0x01, 0x6d]);
    expect(told(said(flags(3), option(1, utf8FromText(name))))).toEqual({ sent: facts, others: [chosen] });
    expect(told(said(flags(1), option(1, utf8FromText(name)))).sent).toEqual(
      concatBytes([facts, new Uint8Array(124)]),
    );
  });

  test('NBD_OPT_LIST names what there is, NBD_OPT_ABORT ends it', () => {
    const text = utf8FromText(name);
    expect(told(said(flags(), option(3)))).toEqual({
      sent: concatBytes([optionReply(3, 2, concatBytes([uint32(text.length), text])), optionReply(3, 1)]),
      others: [],
    });
    expect(told(said(flags(), option(2)))).toEqual({
      sent: optionReply(2, 1),
      others: [{ kind: 'end', reason: 'the client has gone' }],
    });
  });

  test('structured replies, TLS and what nobody knows are not supported; another option may follow', () => {
    for (const number of [5, 8, 10, 99]) {
      const { sent, others } = told(said(flags(), option(number), go(name)));
      expect(sent.subarray(0, 20)).toEqual(optionReply(number, 0x8000_0001));
      expect(others).toEqual([chosen]);
    }
  });

  test('a name that is not there may be followed by another one; the oldest way knows no refusal', () => {
    const { sent, others } = told(said(flags(), go('other'), go(name)));
    expect(sent.subarray(12, 16)).toEqual(uint32(0x8000_0006));
    expect(others).toEqual([chosen]);
    expect(told(said(flags(), option(1, utf8FromText('other'))))).toMatchObject({
      others: [{ kind: 'end' }],
    });
  });
});

describe('what is malformed in the handshake', () => {
  const lengthsLie = concatBytes([uint32(0xffff_ffff), new Uint8Array([1, 0, 0])]);
  test.each([
    ['unknown flags', [flags(4)], 'unknown flags 4'],
    ['no option', [flags(), new Uint8Array(16)], 'no option begins so'],
    ['a long option', [flags(), option(7, undefined, 65_537)], 'an option of 65537 bytes'],
    [
      'too many options',
      [flags(), ...Array.from({ length: 257 }, () => option(99))],
      'more than 256 options',
    ],
  ])('%s ends the connection', (_, pieces, reason) => {
    expect(told(said(...pieces)).others).toEqual([{ kind: 'end', reason }]);
  });

  test('lengths that lie, and a list with data, are refused as invalid', () => {
    for (const wrong of [option(7, lengthsLie), option(6, new Uint8Array(3)), option(3, new Uint8Array(1))]) {
      const { sent, others } = told(said(flags(), wrong));
      expect(sent.subarray(12, 16)).toEqual(uint32(0x8000_0003));
      expect(others).toEqual([]);
    }
  });
});

describe('requests', () => {
  const at = 4_096;

  test('reads, writes, flushes, trims and zeroings come as they were meant', () => {
    const data = new Uint8Array([1, 2, 3]);
    const common = { handle: handle(1), positionBytes: at };
    expect(
      asked(
        request(0, { at, length: 512 }),
        request(1, { at, data, flags: 1 }),
        request(3),
        request(4, { at, length: 8 }),
        request(6, { at, length: 9, flags: 3 }),
      ),
    ).toEqual({
      sent: new Uint8Array(0),
      others: [
        { kind: 'request', request: { kind: 'read', ...common, lengthBytes: 512 } },
        { kind: 'request', request: { kind: 'write', ...common, bytes: data, durable: true } },
        { kind: 'request', request: { kind: 'flush', handle: handle(1) } },
        {
          kind: 'request',
          request: { kind: 'trim', ...common, lengthBytes: 8, durable: false, noHole: false },
        },
        {
          kind: 'request',
          request: { kind: 'writeZeroes', ...common, lengthBytes: 9, durable: true, noHole: true },
        },
      ],
    });
  });

  test('what lies beyond the end is refused, and a write is read over first', () => {
    const beyond = sizeBytes - 1;
    const huge = Number.MAX_SAFE_INTEGER;
    const { sent, others } = asked(
      request(0, { at: beyond, length: 2 }),
      request(1, { at: beyond, data: new Uint8Array(2), handle: 2 }),
      request(4, { at: huge, length: 1, handle: 3 }),
      request(6, { at: beyond, length: 2, handle: 4 }),
      request(0, { at: 0, length: 33 * 1_048_576, handle: 5 }),
      request(3, { handle: 6 }),
    );
    expect(sent).toEqual(
      concatBytes([
        reply(EINVAL, 1),
        reply(ENOSPC, 2),
        reply(EINVAL, 3),
        reply(ENOSPC, 4),
        reply(EOVERFLOW, 5),
      ]),
    );
    expect(others).toEqual([{ kind: 'request', request: { kind: 'flush', handle: handle(6) } }]);
  });

  test('flags and commands that nobody knows are refused, and the connection goes on', () => {
    const { sent, others } = asked(
      request(0, { length: 1, flags: 4 }),
      request(1, { data: new Uint8Array(5), flags: 2, handle: 2 }),
      request(5, { length: 1, handle: 3 }),
      request(7, { handle: 4 }),
      request(3, { handle: 5 }),
    );
    expect(sent).toEqual(concatBytes([1, 2, 3, 4].map((number) => reply(EINVAL, number))));
    expect(others).toHaveLength(1);
  });

  test('a write that is too long ends the connection: its payload is not waited for', () => {
    const { sent, others } = asked(request(1, { length: 33 * 1_048_576 }));
    expect(sent).toEqual(reply(EINVAL));
    expect(others).toMatchObject([{ kind: 'end' }]);
  });

  test('what is no request ends the connection, and nothing behind it counts', () => {
    expect(asked(new Uint8Array(28), request(3)).others).toEqual([
      { kind: 'end', reason: 'no request begins so' },
    ]);
    expect(asked(request(2), request(3)).others).toEqual([{ kind: 'end', reason: 'the client has gone' }]);
  });
});

test('however the bytes are cut, the same comes of them', () => {
  const whole = concatBytes([
    flags(),
    option(8),
    go(name),
    request(1, { at: 7, data: utf8FromText('some bytes that are written') }),
    request(0, { at: 7, length: 20, handle: 2 }),
    request(1, { at: sizeBytes, data: utf8FromText('beyond the end'), handle: 3 }),
    request(2),
  ]);
  const expected = told(said(whole));
  fc.assert(
    fc.property(fc.array(fc.nat({ max: whole.length }), { maxLength: 30 }), (cuts) => {
      const sorted = [0, ...cuts.sort((left, right) => left - right), whole.length];
      const pieces = sorted.slice(1).map((end, at) => whole.subarray(sorted[at], end));
      expect(told(said(...pieces))).toEqual(expected);
    }),
  );
});

test('whatever comes in is answered or ends the connection, and every request lies on the disk', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.constantFrom(flags(), go(name), go('x'), option(3), option(1, utf8FromText(name)), request(2)),
    fc
      .record({
        type: fc.nat({ max: 8 }),
        at: fc.integer({ min: 0, max: 2 * sizeBytes }),
        length: fc.nat({ max: sizeBytes }),
        flags: fc.nat({ max: 7 }),
      })
      .map(({ type, ...parts }) => request(type, parts)),
  );
  fc.assert(
    fc.property(fc.boolean(), fc.array(piece, { maxLength: 20 }), (begun, pieces) => {
      const outputs = said(...(begun ? [flags(), go(name)] : []), ...pieces);
      const end = outputs.findIndex(({ kind }) => kind === 'end');
      if (end >= 0) expect(end).toBe(outputs.length - 1);
      for (const output of outputs) {
        if (output.kind !== 'request' || output.request.kind === 'flush') continue;
        const { request: wanted } = output;
        const length = wanted.kind === 'write' ? wanted.bytes.length : wanted.lengthBytes;
        expect(wanted.positionBytes + length).toBeLessThanOrEqual(sizeBytes);
      }
    }),
    { numRuns: 500 },
  );
});
