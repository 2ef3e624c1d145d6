import { type PartitionLog } from '../log/partition-log.ts';
import { noEpoch, type LeaderEpoch, type Offset } from '../types.ts';
import { type Divergence } from './messages.ts';

/**
 * Where the leader's log and that of somebody part who has fetched up to an offset, the last batch being of this epoch (KIP-595's
 * form of KIP-101 and KIP-279). Undefined: they do not, or it cannot be told, for want of an epoch.
 */
export function divergenceOf(
  log: Pick<PartitionLog, 'endOffsetOfEpoch' | 'logStartOffset'>,
  fetchOffset: Offset,
  lastFetchedEpoch: LeaderEpoch,
): Divergence | undefined {
  if (lastFetchedEpoch < 0) return undefined;
  const found = log.endOffsetOfEpoch(lastFetchedEpoch);
  if (found === undefined) {
    // Batches of that age are gone here: what the other has from the log's start on are others.
    const endOffset = log.logStartOffset;
    return fetchOffset > endOffset ? { epoch: noEpoch, endOffset } : undefined;
  }
  return found.epoch < lastFetchedEpoch || found.endOffset < fetchOffset ? found : undefined;
}

/**
 * To where a follower cuts its log that parts from its leader's (KIP-279): it keeps what both logs say of the newest epoch that
 * both know, and asks again. Repeated, this ends at the last record that they share, since either the end or the last epoch
 * falls each time.
 */
export function truncationOf(
  log: Pick<PartitionLog, 'endOffsetOfEpoch' | 'logStartOffset' | 'logEndOffset'>,
  divergence: Divergence,
): Offset {
  const { epoch, endOffset } = divergence;
  if (epoch === noEpoch) return Math.min(endOffset, log.logEndOffset);
  const own = log.endOffsetOfEpoch(epoch);
  // All that is here is of later epochs, of which the leader has none.
  if (own === undefined) return Math.min(endOffset, log.logStartOffset);
  return own.epoch === epoch ? Math.min(own.endOffset, endOffset) : own.endOffset;
}
