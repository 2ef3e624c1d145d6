import { InvariantError } from '../core/base/assert.ts';
import { groupId } from '../core/base/ids.ts';
import { DataLossError } from '../core/raft/data-loss.ts';
import { GroupLog } from '../core/raft/group-log.ts';
import { type HardState, type LogIndex, type Term } from '../core/raft/types.ts';
import { frameHeaderBytes, segmentBytesLimit } from '../core/storage/frame.ts';
import { UnreadableError } from '../core/storage/read-errors.ts';
import { RecordLog } from '../core/storage/record-log.ts';
import { type SegmentRepair } from '../core/storage/segment-files.ts';
import { type SectorDamage } from './disk/damage.ts';
import { type SimulatedSegments } from './disk/segments.ts';

/** The end of a member's durable log. */
export interface LogEnd {
  readonly index: LogIndex;
  readonly term: Term;
}

/** What a start from some files would find. */
export type FoundStart =
  | {
      readonly kind: 'goesOn';
      readonly hardState: HardState;
      /** It knows that it lacks something, and votes for nobody until it has it again. */
      readonly repairing: boolean;
      readonly holds: (end: LogEnd) => boolean;
    }
  /** It says so itself: its newest term and vote cannot be established, or nothing can be read. */
  | { readonly kind: 'refuses' }
  /** Recovery breaks, which is for the member to show. */
  | { readonly kind: 'breaks' };

const logPrefix = 'log/';
const group = groupId(1);

/**
 * Tries it out: give it a copy.
 *
 * @param applied what the store durably reflects; what the log lacks below it is missed by nobody
 */
export function findStart(segments: SegmentRepair, applied?: LogEnd): FoundStart {
  try {
    const log = GroupLog.recover(segments, {
      prefix: logPrefix,
      segmentBytesMax: 1,
      groups: [group],
      applied: new Map(applied === undefined ? [] : [[group, applied]]),
    });
    const { hardState, repairing, base, spans, foundLast } = log.journal(group);
    return {
      kind: 'goesOn',
      hardState,
      repairing,
      holds: ({ index, term }) => {
        if (repairing || foundLast.index < index) return false;
        if (index < base.index) return true;
        const own = index === base.index ? base.term : spans.termAt(index);
        return own === term;
      },
    };
  } catch (failure) {
    if (failure instanceof DataLossError || failure instanceof UnreadableError) return { kind: 'refuses' };
    if (failure instanceof InvariantError) return { kind: 'breaks' };
    throw failure;
  }
}

/**
 * What a start would find that comes later than this damage: the member has run on, and a crash has torn the next batch that
 * it wrote. All that is left of that one is its header, which vouches for everything before it.
 */
export function findLaterStart(segments: SimulatedSegments, damages: readonly SectorDamage[]): FoundStart {
  const { log } = RecordLog.recover(segments.platter(), {
    prefix: logPrefix,
    segmentBytesMax: segmentBytesLimit,
  });
  const { append, location } = log.append(new Uint8Array(1));
  const found = segments.platter(damages);
  if (location.positionBytes > 0) found.truncate(location.file, location.positionBytes);
  found.append(append.file, append.bytes.subarray(0, frameHeaderBytes));
  return findStart(found);
}

/** True when a start from the second would know the same of its term, vote and starts as one from the first. */
export function keepsHardState(before: FoundStart, after: FoundStart): boolean {
  if (before.kind === 'refuses' || after.kind === 'refuses') return false;
  if (before.kind === 'breaks' || after.kind === 'breaks') return true;
  const kept = before.hardState;
  const found = after.hardState;
  return kept.term === found.term && kept.vote === found.vote && kept.boot === found.boot;
}
