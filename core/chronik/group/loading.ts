import { usPerMs } from '../../base/units.ts';
import { scanBatches } from '../../wire/kafka/record-batch.ts';
import { type Group } from './group.ts';
import { type LedPartition, type Loading } from './led-partition.ts';
import { readOffsetsBatch } from './offsets-batches.ts';
import { type GroupLog } from './port.ts';

/** How often it is looked whether the high watermark has come as far as the log, should nobody say so. */
export const loadPauseUs = 50 * usPerMs;

export function beginLoading(log: GroupLog, nowUs: number): Loading {
  return {
    log,
    nextOffset: log.logStartOffset,
    endOffset: log.logEndOffset,
    turnUs: nowUs,
    stored: new Map(),
    deletedTopics: new Set(),
  };
}

/** `more`: to be called again, others first. `waits`: for the high watermark. */
export type LoadTurn = 'more' | 'waits' | 'done';

/**
 * Reads on in the log of a partition. Everything up to where the log ended when this broker was elected must be durable before
 * the groups are known: another leader could lose what is not, and clients would have been told of it.
 */
export function loadTurn(led: LedPartition, loading: Loading, bytesMax: number): LoadTurn {
  const { log } = loading;
  if (loading.nextOffset < loading.endOffset) {
    const fromOffset = loading.nextOffset;
    const { batches } = scanBatches(log.read(fromOffset, bytesMax));
    for (const batch of batches) {
      if (batch.lastOffset < fromOffset) continue;
      apply(led, loading, readOffsetsBatch(batch), fromOffset);
      loading.nextOffset = batch.lastOffset + 1;
    }
    if (loading.nextOffset > fromOffset && loading.nextOffset < loading.endOffset) return 'more';
  }
  // Nothing may be left below the high watermark: compaction has taken it.
  return log.highWatermark >= loading.endOffset ? 'done' : 'waits';
}

/** All has been read: groups become what their last record says. @returns those that there are */
export function endLoading(led: LedPartition, loading: Loading): readonly Group[] {
  for (const [groupId, stored] of loading.stored) led.groupOrNew(groupId).restore(stored);
  for (const group of [...led.groups.values()]) led.dropIfVacant(group);
  return [...led.groups.values()];
}

function apply(
  led: LedPartition,
  loading: Loading,
  batch: ReturnType<typeof readOffsetsBatch>,
  fromOffset: number,
): void {
  if (batch.kind === 'marker') return led.endTransaction(batch.producerId, batch.committed);
  for (const { record, offset } of batch.records) {
    if (offset < fromOffset) continue;
    if (record.kind === 'group') {
      if (record.value === undefined) loading.stored.delete(record.group);
      else loading.stored.set(record.group, record.value);
    } else if (batch.kind === 'transactional') led.stage(batch.producerId, record, offset);
    else led.applyOffset(record, offset);
  }
}
