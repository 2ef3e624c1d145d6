import { expect, test } from 'vitest';

import { encodeEndMarker } from '../../../../core/wire/kafka/control-records.ts';
import { encodeBatch } from '../../../../core/wire/kafka/records.ts';
import { batchOf, type LogRig, memoryRig, wallMs } from './log-rig.ts';

interface Sent {
  readonly id?: number;
  readonly epoch?: number;
  readonly sequence: number;
  readonly count?: number;
  readonly transactional?: boolean;
}

/** What the log says of a producer's batch: its first offset, or why not. */
function send(rig: LogRig, sent: Sent): unknown {
  const { id = 7, epoch = 0, sequence, count = 1, transactional = false } = sent;
  const outcome = rig.lead({
    ...batchOf(count),
    producerId: id,
    producerEpoch: epoch,
    baseSequence: sequence,
    isTransactional: transactional,
  });
  if (outcome.kind === 'refused') return outcome.error;
  return outcome.kind === 'duplicate' ? `duplicate of ${outcome.firstOffset}` : outcome.firstOffset;
}

function mark(
  rig: LogRig,
  outcome: 'commit' | 'abort',
  {
    id = 7,
    epoch = 0,
    coordinatorEpoch = 0,
  }: { id?: number; epoch?: number; coordinatorEpoch?: number } = {},
): unknown {
  const marker = { outcome, coordinatorEpoch, producerId: id, producerEpoch: epoch, timestampMs: wallMs };
  const appended = rig.leadBytes(encodeEndMarker(marker), { leaderEpoch: 0, origin: 'coordinator' });
  return appended.kind === 'refused' ? appended.error : appended.kind;
}

test('sequences follow each other: a gap is refused, and changes nothing (KIP-98)', () => {
  const rig = memoryRig();
  expect(send(rig, { sequence: 1 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  expect(send(rig, { sequence: 0, count: 3 })).toBe(0);
  expect(send(rig, { sequence: 4 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  expect(send(rig, { sequence: 2 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  expect(send(rig, { sequence: 3 })).toBe(3);
  expect(rig.log.logEndOffset).toBe(4);
});

test('any of the last five batches may be sent again and is answered with its offset; an older one is out of order', () => {
  const rig = memoryRig();
  for (let sequence = 0; sequence < 12; sequence += 2)
    expect(send(rig, { sequence, count: 2 })).toBe(sequence);
  for (let sequence = 2; sequence < 12; sequence += 2) {
    expect(send(rig, { sequence, count: 2 })).toBe(`duplicate of ${sequence}`);
  }
  expect(send(rig, { sequence: 0, count: 2 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  expect(send(rig, { sequence: 10, count: 1 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  expect(rig.log.logEndOffset).toBe(12);
});

test('sequences begin at 0 again behind 2^31 − 1', () => {
  const rig = memoryRig();
  const last = 2_147_483_647;
  rig.follow(followed({ baseSequence: last - 2, count: 2 }));
  expect(send(rig, { sequence: last, count: 3 })).toBe(2);
  expect(send(rig, { sequence: last, count: 3 })).toBe('duplicate of 2');
  expect(send(rig, { sequence: 2 })).toBe(5);
});

test('a newer epoch begins at 0, an older one is fenced', () => {
  const rig = memoryRig();
  expect(send(rig, { sequence: 0, count: 5 })).toBe(0);
  expect(send(rig, { sequence: 5, epoch: 1 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  expect(send(rig, { sequence: 0, epoch: 1 })).toBe(5);
  expect(send(rig, { sequence: 5 })).toBe('INVALID_PRODUCER_EPOCH');
  expect(send(rig, { sequence: 1, epoch: 1 })).toBe(6);
});

test('what is known of producers survives a restart, with and without checkpoints, and a cut', () => {
  for (const checkpointBytes of [1, 1_000_000]) {
    const rig = memoryRig({ ...memoryRig().config, checkpointBytes });
    for (let sequence = 0; sequence < 30; sequence += 1) send(rig, { sequence });
    rig.sync();
    rig.upkeep();
    rig.recover();
    expect(send(rig, { sequence: 27 })).toBe('duplicate of 27');
    expect(send(rig, { sequence: 31 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(send(rig, { sequence: 30 })).toBe(30);
    rig.truncateTo(20);
    expect(send(rig, { sequence: 19 })).toBe('duplicate of 19');
    expect(send(rig, { sequence: 21 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(send(rig, { sequence: 20 })).toBe(20);
  }
});

test('a silent producer is forgotten, and may go on with any sequence; one with an open transaction is not', () => {
  const rig = memoryRig({ ...memoryRig().config, producerIdExpirationMs: 1_000 });
  send(rig, { sequence: 0 });
  send(rig, { id: 8, sequence: 0, transactional: true });
  rig.upkeep({ wallMs: wallMs + 500 });
  rig.upkeep({ wallMs: wallMs + 1_500 });
  expect(rig.log.activeProducers().map(({ producerId }) => producerId)).toEqual([7, 8]);
  rig.upkeep({ wallMs: wallMs + 1_501 });
  expect(rig.log.activeProducers().map(({ producerId }) => producerId)).toEqual([8]);
  expect(send(rig, { sequence: 5 })).toBe(2);
});

test('an open transaction holds the last stable offset; its marker lets it go on once it is replicated', () => {
  const rig = memoryRig();
  rig.lead(batchOf(2));
  expect(send(rig, { sequence: 0, transactional: true })).toBe(2);
  rig.lead(batchOf(2));
  expect(send(rig, { id: 8, sequence: 0, transactional: true })).toBe(5);
  expect(rig.log.firstUnstableOffset).toBe(2);
  expect(rig.log.lastStableOffset(6)).toBe(2);
  expect(send(rig, { sequence: 1 })).toBe('INVALID_TXN_STATE');
  expect(mark(rig, 'abort')).toBe('appended');
  expect(rig.log.firstUnstableOffset).toBe(5);
  expect(rig.log.lastStableOffset(6)).toBe(2);
  expect(rig.log.lastStableOffset(7)).toBe(5);
  expect(mark(rig, 'commit', { id: 8 })).toBe('appended');
  expect(rig.log.lastStableOffset(8)).toBe(8);
  expect(rig.log.abortedTransactions(0, 8)).toEqual([{ producerId: 7, firstOffset: 2 }]);
  expect(rig.log.abortedTransactions(0, 2)).toEqual([]);
  expect(rig.log.abortedTransactions(7, 8)).toEqual([]);
  rig.recover();
  expect(rig.log.abortedTransactions(0, 8)).toEqual([{ producerId: 7, firstOffset: 2 }]);
  expect(rig.log.lastStableOffset(8)).toBe(8);
});

test('a marker of a newer epoch fences the producer; one of an older coordinator is refused', () => {
  const rig = memoryRig();
  send(rig, { sequence: 0, transactional: true });
  expect(mark(rig, 'abort', { epoch: 1, coordinatorEpoch: 4 })).toBe('appended');
  expect(send(rig, { sequence: 1, transactional: true })).toBe('INVALID_PRODUCER_EPOCH');
  expect(mark(rig, 'commit', { epoch: 0, coordinatorEpoch: 4 })).toBe('INVALID_PRODUCER_EPOCH');
  expect(mark(rig, 'commit', { epoch: 1, coordinatorEpoch: 3 })).toBe('TRANSACTION_COORDINATOR_FENCED');
  expect(rig.log.activeProducers()).toEqual([
    {
      producerId: 7,
      producerEpoch: 1,
      lastSequence: -1,
      lastTimestampMs: wallMs,
      coordinatorEpoch: 4,
      currentTransactionStartOffset: -1,
    },
  ]);
});

function followed({ baseSequence, count }: { baseSequence: number; count: number }): Uint8Array {
  return encodeBatch({ ...batchOf(count), producerId: 7, producerEpoch: 0, baseSequence, leaderEpoch: 0 });
}
