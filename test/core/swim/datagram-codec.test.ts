import fc from 'fast-check';
import { expect, test } from 'vitest';

import { clusterBytesMax, incarnationMax } from '../../../core/swim/config.ts';
import {
  decodeDatagram,
  encodeDatagram,
  encodedRecordLength,
  encodeMessage,
  envelopeLength,
} from '../../../core/swim/datagram-codec.ts';
import { type MemberRecord, memberStates, type SwimMessage } from '../../../core/swim/types.ts';
import { WireError } from '../../../core/wire/reader.ts';
import { recordOf, rumorOf } from './subject.ts';

/** What a grapheme takes in bytes has no bound of its own. */
const name = fc
  .string({ minLength: 1, maxLength: 32, unit: 'grapheme' })
  .filter((text) => Buffer.byteLength(text) <= clusterBytesMax);
const record: fc.Arbitrary<MemberRecord> = fc.record({
  name,
  state: fc.constantFrom(...memberStates),
  incarnation: fc.integer({ min: 0, max: incarnationMax }),
  gossipAddress: name,
  clientAddress: fc.oneof(fc.constant(''), name),
  peerAddress: fc.oneof(fc.constant(''), name),
  note: fc.oneof(fc.constant(''), name),
});
const seq = fc.nat();
const message: fc.Arbitrary<SwimMessage> = fc.oneof(
  fc.record({ kind: fc.constant('ping' as const), seq, from: name, target: name }),
  fc.record({ kind: fc.constantFrom('ack' as const, 'nack' as const), seq, from: name }),
  fc.record({
    kind: fc.constant('pingRequest' as const),
    seq,
    from: name,
    target: name,
    targetAddress: name,
  }),
  fc.record({
    kind: fc.constant('sync' as const),
    from: name,
    wantsAnswer: fc.boolean(),
    records: fc.array(record, { maxLength: 5 }),
  }),
  fc.record({
    kind: fc.constant('rumor' as const),
    rumor: fc.tuple(record, name).map(([known, from]) => ({ ...known, from })),
  }),
) as fc.Arbitrary<SwimMessage>;

const ping: SwimMessage = { kind: 'ping', seq: 7, from: 'a', target: 'b' };

test('what is encoded is what is decoded', () => {
  fc.assert(
    fc.property(name, fc.array(message, { maxLength: 6 }), (cluster, messages) => {
      const encoded = messages.map(encodeMessage);
      const datagram = encodeDatagram(cluster, encoded);
      expect(decodeDatagram(datagram)).toEqual({ cluster, messages });
      const length = encoded.reduce((bytes, part) => bytes + part.length, envelopeLength(cluster));
      expect(datagram.length).toBe(length);
    }),
  );
});

test('a sync is as long as its records and what stands around them', () => {
  const sync = (records: readonly MemberRecord[]): SwimMessage => {
    return { kind: 'sync', from: 'a', wantsAnswer: true, records };
  };
  const records = [recordOf('b'), recordOf('c', { incarnation: 1_000_000 })];
  const around = encodeMessage(sync([])).length;
  const parts = records.reduce((bytes, part) => bytes + encodedRecordLength(part), around);
  expect(encodeMessage(sync(records)).length).toBe(parts);
});

test('one bit that has changed anywhere is noticed', () => {
  const datagram = encodeDatagram('test', [encodeMessage(ping)]);
  for (let bit = 0; bit < 8 * datagram.length; bit += 1) {
    const damaged = datagram.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(() => decodeDatagram(damaged)).toThrow(WireError);
  }
});

test('whatever arrives, nothing but a WireError comes of it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(() => decodeDatagram(bytes)).toThrow(WireError);
      // With a head and a checksum that are right, so that what is behind them is read.
      const datagram = encodeDatagram('test', [bytes]);
      try {
        decodeDatagram(datagram);
      } catch (failure) {
        expect(failure).toBeInstanceOf(WireError);
      }
    }),
  );
});

test('texts, incarnations and states have bounds', () => {
  const decoded = (changes: Partial<MemberRecord>) => () =>
    decodeDatagram(encodeDatagram('test', [encodeMessage({ kind: 'rumor', rumor: rumorOf('b', changes) })]));
  expect(decoded({ clientAddress: 'x'.repeat(128) })).not.toThrow();
  expect(decoded({ clientAddress: 'x'.repeat(129) })).toThrow('a text is longer than 128 bytes');
  expect(decoded({ gossipAddress: '' })).toThrow('a name or an address is empty');
  expect(decoded({ incarnation: incarnationMax + 1 })).toThrow('an incarnation is out of range');
});

test('a datagram of another version, or with flags that are not known, is refused', () => {
  const datagram = encodeDatagram('test', [encodeMessage(ping)]);
  expect(() => decodeDatagram(datagram.with(2, 2))).toThrow('another version');
  expect(() => decodeDatagram(datagram.with(3, 1))).toThrow('flags that are not known');
});
