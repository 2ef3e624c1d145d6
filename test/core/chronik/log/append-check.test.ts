import { expect, test } from 'vitest';

import { type LogConfig } from '../../../../core/chronik/log/config.ts';
import { encodeEndMarker } from '../../../../core/wire/kafka/control-records.ts';
import { RecordBatch } from '../../../../core/wire/kafka/record-batch.ts';
import { encodeBatch, type NewBatch } from '../../../../core/wire/kafka/records.ts';
import { concatBytes } from '../../../../core/base/bytes.ts';
import { batchOf, bytes, memoryRig, record, smallLog, wallMs } from './log-rig.ts';

type Given = Uint8Array | NewBatch;

function refusalOf(
  given: Given,
  options: { config?: LogConfig; origin?: 'client' | 'coordinator' } = {},
): unknown {
  const rig = memoryRig(options.config ?? smallLog);
  const batch = given instanceof Uint8Array ? given : encodeBatch(given);
  const outcome = rig.leadBytes(batch, { leaderEpoch: 0, origin: options.origin ?? 'client' });
  expect(rig.log.logEndOffset).toBe(outcome.kind === 'appended' ? outcome.endOffset : 0);
  expect(rig.fileNames()).toHaveLength(outcome.kind === 'appended' ? 1 : 0);
  return outcome.kind === 'refused' ? [outcome.error, outcome.message] : outcome.kind;
}

/** Changes bytes of a batch and makes its checksum fit again. */
function altered(change: (batch: Uint8Array) => void, batch: NewBatch = batchOf(2)): Uint8Array {
  const encoded = encodeBatch(batch);
  change(encoded);
  new RecordBatch(encoded).seal();
  return encoded;
}

test('a batch that does not fit its checksum is refused, whichever bit is wrong', () => {
  const whole = encodeBatch(batchOf(2));
  for (let at = 17; at < whole.length; at += 1) {
    const damaged = whole.slice();
    damaged[at] = (damaged[at] as number) ^ 0x10;
    // A length that is wrong leaves no whole batch; all else is found by the checksum.
    expect(refusalOf(damaged)).toMatchObject(['CORRUPT_MESSAGE', expect.any(String)]);
  }
});

test('what is no batch is refused: cut short, of an old format, or nothing at all', () => {
  const whole = encodeBatch(batchOf(2));
  expect(refusalOf(new Uint8Array(0))).toEqual(['INVALID_RECORD', 'there is no record batch']);
  for (let length = 1; length < whole.length; length += 1) {
    expect(refusalOf(whole.subarray(0, length))).toMatchObject(['CORRUPT_MESSAGE', expect.any(String)]);
  }
  expect(refusalOf(altered((batch) => (batch[16] = 1)))).toEqual([
    'UNSUPPORTED_FOR_MESSAGE_FORMAT',
    'a message has magic 1',
  ]);
});

test('a batch has the size that the topic allows', () => {
  const size = encodeBatch(batchOf(2)).length;
  expect(refusalOf(batchOf(2), { config: { ...smallLog, messageBytesMax: size } })).toBe('appended');
  expect(refusalOf(batchOf(2), { config: { ...smallLog, messageBytesMax: size - 1 } })).toEqual([
    'MESSAGE_TOO_LARGE',
    `a batch has ${size} bytes, at most ${size - 1} are allowed`,
  ]);
  expect(refusalOf(batchOf(2), { config: { ...smallLog, segmentBytesMax: size - 1 } })).toEqual([
    'RECORD_LIST_TOO_LARGE',
    `a batch has ${size} bytes, a segment ${size - 1}`,
  ]);
});

test('a producer gives one batch at a time, a coordinator as many as it likes', () => {
  const two = concatBytes([encodeBatch(batchOf(1)), encodeBatch(batchOf(1))]);
  expect(refusalOf(two)).toEqual(['INVALID_RECORD', 'there are 2 record batches, one is allowed']);
  expect(refusalOf(two, { origin: 'coordinator' })).toBe('appended');
});

test('counts and offsets of a producer’s records agree', () => {
  expect(refusalOf({ ...batchOf(2), lastOffsetDelta: 2 })).toEqual([
    'INVALID_RECORD',
    'a batch has 2 records and last offset delta 2',
  ]);
});

test('a codec that there is none of is refused, the others are stored as they come', () => {
  expect(refusalOf(altered((batch) => (batch[22] = 5)))).toEqual([
    'UNSUPPORTED_COMPRESSION_TYPE',
    'a batch has codec 5, known are 0 to 4',
  ]);
  const zstd = { codec: 'zstd', compress: (records: Uint8Array) => records } as const;
  expect(refusalOf({ ...batchOf(2), compression: zstd })).toBe('appended');
});

test('what only coordinators write is refused from a producer', () => {
  const marker = encodeEndMarker({
    outcome: 'commit',
    coordinatorEpoch: 0,
    producerId: 1,
    producerEpoch: 0,
    timestampMs: wallMs,
  });
  expect(refusalOf(marker)).toEqual(['INVALID_RECORD', 'control records are written by coordinators alone']);
  expect(refusalOf(marker, { origin: 'coordinator' })).toBe('appended');
  expect(refusalOf({ ...batchOf(1), timestampType: 'logAppendTime' })).toEqual([
    'INVALID_TIMESTAMP',
    'a producer does not say when its records were appended',
  ]);
  const noMarker = { ...batchOf(1), producerId: 1, producerEpoch: 0, isControl: true, isTransactional: true };
  expect(refusalOf(noMarker, { origin: 'coordinator' })).toEqual([
    'INVALID_RECORD',
    'a control batch ends no transaction',
  ]);
});

test('who gives a producer id gives its epoch and a sequence, and a transaction has a producer', () => {
  expect(refusalOf({ ...batchOf(1), producerId: 1 })).toEqual([
    'INVALID_RECORD',
    'producer epoch -1 is none',
  ]);
  expect(refusalOf({ ...batchOf(1), producerId: 1, producerEpoch: 0 })).toEqual([
    'INVALID_RECORD',
    'producer 1 gives base sequence -1',
  ]);
  expect(refusalOf({ ...batchOf(1), isTransactional: true })).toEqual([
    'INVALID_RECORD',
    'a batch of a transaction has a producer id',
  ]);
});

test('records of a compacted topic have keys', () => {
  const config = { ...smallLog, compacts: true };
  expect(refusalOf({ records: [record('v', wallMs, 'k')] }, { config })).toBe('appended');
  expect(refusalOf(batchOf(1), { config })).toEqual([
    'INVALID_RECORD',
    'a record of a compacted topic has a key',
  ]);
  const broken = altered((batch) => (batch[61] = 0x70), { records: [{ timestampMs: 0, key: bytes('k') }] });
  expect(refusalOf(broken, { config })).toMatchObject(['CORRUPT_MESSAGE', expect.any(String)]);
});

test('a follower takes only what follows: whole, intact, at the log’s end, of no older epoch', () => {
  const rig = memoryRig();
  const follow = (batch: NewBatch | Uint8Array): unknown => {
    const outcome = rig.follow(batch instanceof Uint8Array ? batch : encodeBatch(batch));
    return outcome.kind === 'refused'
      ? [outcome.error, outcome.message]
      : [outcome.firstOffset, outcome.endOffset];
  };
  expect(follow({ ...batchOf(2), leaderEpoch: 3 })).toEqual([0, 2]);
  expect(follow({ ...batchOf(1), leaderEpoch: 3 })).toEqual([
    'INVALID_RECORD',
    'a batch has offsets 0 to 0, the log ends at 2',
  ]);
  expect(follow({ ...batchOf(1), baseOffset: 3, leaderEpoch: 3 })).toEqual([
    'INVALID_RECORD',
    'a batch has offsets 3 to 3, the log ends at 2',
  ]);
  expect(follow({ ...batchOf(1), baseOffset: 2, leaderEpoch: 2 })).toEqual([
    'INVALID_RECORD',
    'a batch has leader epoch 2 behind one of 3',
  ]);
  const damaged = encodeBatch({ ...batchOf(1), baseOffset: 2, leaderEpoch: 4 });
  damaged[65] = (damaged[65] as number) ^ 1;
  expect(follow(damaged)).toEqual(['CORRUPT_MESSAGE', 'the batch at 2 does not fit its checksum']);
  const whole = encodeBatch({ ...batchOf(1), baseOffset: 2, leaderEpoch: 4 });
  expect(follow(whole.subarray(0, 40))).toMatchObject(['CORRUPT_MESSAGE', expect.any(String)]);
  expect(rig.log).toMatchObject({ logEndOffset: 2, lastEpoch: 3 });
  expect(follow(whole)).toEqual([2, 3]);
});
