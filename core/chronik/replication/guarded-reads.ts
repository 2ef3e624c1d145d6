import { UnreadableError } from '../../storage/read-errors.ts';
import { type FileSlice } from '../../storage/segment-files.ts';
import { type FoundOffset } from '../log/outcomes.ts';
import { type ReadRange } from '../log/log-reader.ts';
import { type PartitionLog } from '../log/partition-log.ts';
import { offsetQueryTimes } from './requests.ts';

/*
 * What the disk cannot read is an answer to whoever asks for it, and nobody else's trouble: a broker that stopped for it would be
 * asked again when it is back.
 */

export function readOrFail(log: PartitionLog, range: ReadRange): FileSlice | 'unreadable' | undefined {
  try {
    return log.read(range);
  } catch (failure) {
    return unreadable(failure);
  }
}

/** @param timestampMs a time, or Kafka's number for the newest one */
export function findOrFail(log: PartitionLog, timestampMs: number): FoundOffset | 'unreadable' | undefined {
  try {
    return timestampMs === offsetQueryTimes.maxTimestamp
      ? log.offsetOfMaxTimestamp()
      : log.offsetOfTimestamp(timestampMs);
  } catch (failure) {
    return unreadable(failure);
  }
}

function unreadable(failure: unknown): 'unreadable' {
  if (failure instanceof UnreadableError) return 'unreadable';
  throw failure;
}
