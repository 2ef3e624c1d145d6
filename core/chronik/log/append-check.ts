import { decodeRecords } from '../../wire/kafka/records.ts';
import { type BatchProblem, type RecordBatch, scanBatches } from '../../wire/kafka/record-batch.ts';
import { WireError } from '../../wire/reader.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';
import { markerIn } from './batches-in-file.ts';
import { type LogConfig } from './config.ts';
import { type AppendError, type AppendOrigin, type RefusedAppend } from './outcomes.ts';

export type CheckedBatches =
  { readonly kind: 'checked'; readonly batches: readonly RecordBatch[] } | RefusedAppend;

/** Everything about a leader's batches that does not depend on what the log holds. */
export function checkLeaderBatches(
  bytes: Uint8Array,
  config: LogConfig,
  origin: AppendOrigin,
): CheckedBatches {
  const { batches, problem } = scanBatches(bytes);
  if (problem !== undefined) return refused(errorOf(problem), problem.message);
  if (batches.length === 0) return refused('INVALID_RECORD', 'there is no record batch');
  if (batches.length > 1 && origin === 'client')
    return refused('INVALID_RECORD', `there are ${batches.length} record batches, one is allowed`);
  for (const batch of batches) {
    const refusal = checkBatch(batch, config, origin);
    if (refusal !== undefined) return refusal;
  }
  return { kind: 'checked', batches };
}

/** Batches as a leader gave them out: whole, and following what the log holds. */
export function checkFollowerBatches(
  bytes: Uint8Array,
  log: { readonly endOffset: Offset; readonly lastBatchEpoch: LeaderEpoch },
): CheckedBatches {
  const { batches, problem } = scanBatches(bytes);
  if (problem !== undefined) return refused('CORRUPT_MESSAGE', problem.message);
  if (batches.length === 0) return refused('CORRUPT_MESSAGE', 'there is no record batch');
  let { endOffset, lastBatchEpoch } = log;
  for (const batch of batches) {
    const { baseOffset, lastOffset, leaderEpoch } = batch;
    if (baseOffset !== endOffset || lastOffset < baseOffset) {
      return refused(
        'INVALID_RECORD',
        `a batch has offsets ${baseOffset} to ${lastOffset}, the log ends at ${endOffset}`,
      );
    }
    if (leaderEpoch < lastBatchEpoch) {
      return refused(
        'INVALID_RECORD',
        `a batch has leader epoch ${leaderEpoch} behind one of ${lastBatchEpoch}`,
      );
    }
    if (!batch.isIntact())
      return refused('CORRUPT_MESSAGE', `the batch at ${baseOffset} does not fit its checksum`);
    endOffset = lastOffset + 1;
    lastBatchEpoch = leaderEpoch;
  }
  return { kind: 'checked', batches };
}

export function refused(error: AppendError, message: string): RefusedAppend {
  return { kind: 'refused', error, message };
}

function errorOf({ kind }: BatchProblem): AppendError {
  return kind === 'oldFormat' ? 'UNSUPPORTED_FOR_MESSAGE_FORMAT' : 'CORRUPT_MESSAGE';
}

function checkBatch(batch: RecordBatch, config: LogConfig, origin: AppendOrigin): RefusedAppend | undefined {
  const { sizeBytes, recordCount, lastOffsetDelta } = batch;
  if (sizeBytes > config.messageBytesMax)
    return refused(
      'MESSAGE_TOO_LARGE',
      `a batch has ${sizeBytes} bytes, at most ${config.messageBytesMax} are allowed`,
    );
  if (sizeBytes > config.segmentBytesMax)
    return refused(
      'RECORD_LIST_TOO_LARGE',
      `a batch has ${sizeBytes} bytes, a segment ${config.segmentBytesMax}`,
    );
  if (!batch.isIntact()) return refused('CORRUPT_MESSAGE', 'a batch does not fit its checksum');
  if (batch.compression === undefined)
    return refused(
      'UNSUPPORTED_COMPRESSION_TYPE',
      `a batch has codec ${batch.attributes & 7}, known are 0 to 4`,
    );
  if (recordCount !== lastOffsetDelta + 1)
    return refused(
      'INVALID_RECORD',
      `a batch has ${recordCount} records and last offset delta ${lastOffsetDelta}`,
    );
  return checkProducer(batch) ?? checkContent(batch, config, origin);
}

function checkProducer(batch: RecordBatch): RefusedAppend | undefined {
  const { producerId, producerEpoch, baseSequence, isTransactional, isControl } = batch;
  if (producerId < 0) {
    return isTransactional || isControl
      ? refused('INVALID_RECORD', 'a batch of a transaction has a producer id')
      : undefined;
  }
  if (producerEpoch < 0) return refused('INVALID_RECORD', `producer epoch ${producerEpoch} is none`);
  // A marker has no sequence; offsets that a group commits in a transaction have none either.
  if (!isControl && !isTransactional && baseSequence < 0)
    return refused('INVALID_RECORD', `producer ${producerId} gives base sequence ${baseSequence}`);
  return undefined;
}

function checkContent(
  batch: RecordBatch,
  config: LogConfig,
  origin: AppendOrigin,
): RefusedAppend | undefined {
  if (origin === 'client') {
    if (batch.isControl)
      return refused('INVALID_RECORD', 'control records are written by coordinators alone');
    if (batch.timestampType === 'logAppendTime')
      return refused('INVALID_TIMESTAMP', 'a producer does not say when its records were appended');
    if (batch.producerId >= 0 && batch.baseSequence < 0)
      return refused(
        'INVALID_RECORD',
        `producer ${batch.producerId} gives base sequence ${batch.baseSequence}`,
      );
  } else if (batch.isControl && markerIn(batch) === undefined) {
    return refused('INVALID_RECORD', 'a control batch ends no transaction');
  }
  // Without keys a compacted log could keep nothing apart. What is compressed nobody unpacks to look.
  if (!config.compacts || batch.isControl || batch.compression !== 'none') return undefined;
  try {
    const keyless = decodeRecords(batch).some(({ key }) => key === undefined);
    return keyless ? refused('INVALID_RECORD', 'a record of a compacted topic has a key') : undefined;
  } catch (error) {
    if (error instanceof WireError) return refused('CORRUPT_MESSAGE', error.message);
    throw error;
  }
}
