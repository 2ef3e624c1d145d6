import '../../../property-seed.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  decodeReplicationMessages,
  encodeReplicationMessages,
  replicationMessageBytes,
  replicationMessageChunks,
} from '../../../../core/chronik/replication/message-codec.ts';
import { fetchErrors, type ReplicationMessage } from '../../../../core/chronik/replication/messages.ts';
import { MemorySegments } from '../../../../core/storage/memory-segments.ts';
import { WireError } from '../../../../core/wire/reader.ts';

const offset = fc.oneof(fc.nat(1_000), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }));
const epoch = fc.integer({ min: -1, max: 2_000_000_000 });
const key = fc.record({ created: offset, partition: fc.nat(100_000) });
const message: fc.Arbitrary<ReplicationMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('replicaFetch' as const),
    fetchSeq: offset,
    brokerEpoch: epoch,
    positions: fc.array(
      fc.record({
        key,
        leaderEpoch: epoch,
        fetchOffset: offset,
        lastFetchedEpoch: epoch,
        syncedOffset: offset,
        logStartOffset: offset,
      }),
    ),
  }),
  fc.record({
    kind: fc.constant('replicaFetchAnswered' as const),
    answers: fc.array(
      fc.record({
        key,
        fetchSeq: offset,
        error: fc.constantFrom('NONE' as const, ...fetchErrors),
        leaderEpoch: epoch,
        highWatermark: offset,
        logStartOffset: offset,
        divergence: fc.option(fc.record({ epoch, endOffset: offset }), { nil: undefined }),
        records: fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 }), { nil: undefined }),
      }),
    ),
  }),
  fc.record({
    kind: fc.constant('replicaSynced' as const),
    brokerEpoch: epoch,
    marks: fc.array(fc.record({ key, leaderEpoch: epoch, syncedOffset: offset })),
  }),
);
const noFiles = new MemorySegments();

test('messages between replicas are read as they were written', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
      expect(decodeReplicationMessages(encodeReplicationMessages(messages, noFiles))).toEqual(messages);
    }),
  );
});

test('input that is cut short anywhere, or has a byte changed, is refused or read, and nothing else', () => {
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 3 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (messages, at, bits) => {
        const bytes = encodeReplicationMessages(messages, noFiles);
        for (let length = 0; length < bytes.length; length += 1) {
          expect(() => decodeReplicationMessages(bytes.subarray(0, length))).toThrow(WireError);
        }
        const hurt = bytes.slice();
        hurt[at % hurt.length] = (hurt[at % hurt.length] as number) ^ bits;
        try {
          decodeReplicationMessages(hurt);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      },
    ),
  );
});

test('records that a message names are read from their file, and stand for themselves among its chunks', () => {
  const files = new MemorySegments();
  files.append('a_1.wal', Uint8Array.of(1, 2, 3, 4, 5));
  const slice = { file: 'a_1.wal', positionBytes: 1, lengthBytes: 3 };
  const answer = {
    key: { created: 7, partition: 1 },
    fetchSeq: 3,
    error: 'NONE',
    leaderEpoch: 2,
    highWatermark: 5,
    logStartOffset: 0,
    divergence: undefined,
  } as const;
  const named: ReplicationMessage = {
    kind: 'replicaFetchAnswered',
    answers: [
      { ...answer, records: slice },
      { ...answer, records: undefined },
    ],
  };
  expect(replicationMessageChunks([named])[1]).toBe(slice);
  expect(replicationMessageBytes(named)).toBe(16 + 48 + 3 + 48);
  expect(decodeReplicationMessages(encodeReplicationMessages([named], files))).toEqual([
    {
      kind: 'replicaFetchAnswered',
      answers: [
        { ...answer, records: Uint8Array.of(2, 3, 4) },
        { ...answer, records: undefined },
      ],
    },
  ]);
});

test('records that are no longer all there when a message is written become something that no log takes', () => {
  const files = new MemorySegments();
  files.append('a_1.wal', Uint8Array.of(1, 2));
  const message: ReplicationMessage = {
    kind: 'replicaFetchAnswered',
    answers: [
      {
        key: { created: 7, partition: 1 },
        fetchSeq: 3,
        error: 'NONE',
        leaderEpoch: 2,
        highWatermark: 5,
        logStartOffset: 0,
        divergence: undefined,
        records: { file: 'a_1.wal', positionBytes: 0, lengthBytes: 4 },
      },
    ],
  };
  const [decoded] = decodeReplicationMessages(encodeReplicationMessages([message], files));
  expect(decoded).toMatchObject({ answers: [{ records: Uint8Array.of(1, 2, 0, 0) }] });
});
