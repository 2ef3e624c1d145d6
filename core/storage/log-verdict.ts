import { frameHeaderBytes } from './frame.ts';
import { type UnreadablePart } from './salvage.ts';
import { type ScannedFrame, type Segment } from './segment-scan.ts';

/** A file of the log, and what of it the disk does not give out. */
export interface JudgedFile {
  readonly segment: Segment;
  readonly unreadable: readonly UnreadablePart[];
}

/** What a scan of a log's files means. */
export interface LogVerdict {
  /** Intact batches, ascending. With a hole where there is damage, never behind a batch that may be lost rightly. */
  readonly kept: readonly ScannedFrame[];
  readonly nextBatchSeq: number;
  /** Highest batch that some header, or the removal of the files before it, proves to have been durable. */
  readonly syncedBatchSeq: number;
  /**
   * First and last batch that were durable and are not intact, or, at the end, may have been: how many there were that cannot
   * be read, nobody can tell.
   */
  readonly damage: { readonly fromBatchSeq: number; readonly toBatchSeq: number } | undefined;
  /** Highest number of a start that is found anywhere; 0 for a new log. */
  readonly bootMax: number;
}

/**
 * Decides what of a log counts: see `RecordLog` for the rule.
 *
 * @param files the log's files in order of age
 * @param frames every frame with an intact header, in the order of files and positions
 */
export function judgeLog(files: readonly JudgedFile[], frames: readonly ScannedFrame[]): LogVerdict {
  const syncedBatchSeq = provenDurable(files, frames);
  let bootMax = 0;
  for (const { header } of frames) bootMax = Math.max(bootMax, header.boot);

  const kept: ScannedFrame[] = [];
  let nextBatchSeq = files[0]?.segment.firstBatchSeq ?? 1;
  for (const { segment } of files) nextBatchSeq = Math.min(nextBatchSeq, segment.firstBatchSeq);
  const firstBatchSeq = nextBatchSeq;
  let damageFrom = 0;
  let damageTo = 0;
  /** Batches from nextBatchSeq up to `end` exclusive are missing; those that were durable are damage. */
  const miss = (end: number): void => {
    const missedEnd = Math.min(end, syncedBatchSeq + 1);
    if (nextBatchSeq >= missedEnd) return;
    if (damageFrom === 0) damageFrom = nextBatchSeq;
    damageTo = missedEnd - 1;
    nextBatchSeq = missedEnd;
  };
  for (const frame of succession(frames)) {
    if (frame.payload === undefined) continue;
    miss(frame.header.batchSeq);
    if (frame.header.batchSeq !== nextBatchSeq) break; // The one before is torn: neither was ever acknowledged.
    kept.push(frame);
    nextBatchSeq += 1;
  }
  miss(Infinity);
  if (endsUnread(files, kept.at(-1))) {
    // Something lies there, and whether it was acknowledged nobody can say: it counts as if it had been. What is above the
    // last batch that is proven cannot be made durable in a file that cannot be read.
    const bad = files.filter(({ unreadable }) => unreadable.length > 0).map(({ segment }) => segment);
    for (
      let last = kept.at(-1);
      last !== undefined && last.header.batchSeq > syncedBatchSeq;
      last = kept.at(-1)
    ) {
      if (!bad.includes(last.segment)) break;
      kept.pop();
    }
    const missingFrom = (kept.at(-1)?.header.batchSeq ?? firstBatchSeq - 1) + 1;
    damageFrom = damageFrom === 0 ? missingFrom : Math.min(damageFrom, missingFrom);
    damageTo = nextBatchSeq;
    nextBatchSeq += 1;
  }

  const damage = damageFrom === 0 ? undefined : { fromBatchSeq: damageFrom, toBatchSeq: damageTo };
  return { kept, nextBatchSeq, syncedBatchSeq, damage, bootMax };
}

/** True when something behind the last batch that counts cannot be read. */
function endsUnread(files: readonly JudgedFile[], last: ScannedFrame | undefined): boolean {
  const from = files.findIndex((file) => file.segment === last?.segment);
  const endBytes =
    last === undefined ? 0 : last.header.positionBytes + frameHeaderBytes + last.header.payloadBytes;
  return files.some(
    ({ unreadable }, at) => at >= from && unreadable.some(({ toBytes }) => at > from || toBytes > endBytes),
  );
}

function provenDurable(files: readonly JudgedFile[], frames: readonly ScannedFrame[]): number {
  let synced = 0;
  for (const { header } of frames) synced = Math.max(synced, header.syncedBatchSeq);
  // Older files are removed only when everything appended before is durable: with them gone, so is the batch that
  // opened the first file that is left. Unless that file was given up for damage, and a later one begins anew.
  const [first, ...later] = files;
  if (first === undefined || first.segment.number === 1) return synced;
  const { firstBatchSeq } = first.segment;
  return later.every(({ segment }) => segment.firstBatchSeq > firstBatchSeq)
    ? Math.max(synced, firstBatchSeq)
    : synced;
}

/**
 * The frames that count, with ascending batch numbers. A batch whose number is not above its predecessor's comes from a
 * later start, which had cut that predecessor; otherwise it is stale and does not count.
 */
function succession(frames: readonly ScannedFrame[]): readonly ScannedFrame[] {
  const line: ScannedFrame[] = [];
  for (const frame of frames) {
    const previous = line.at(-1)?.header;
    if (previous !== undefined) {
      if (frame.header.boot < previous.boot) continue;
      if (frame.header.batchSeq <= previous.batchSeq && frame.header.boot === previous.boot) continue;
    }
    while ((line.at(-1)?.header.batchSeq ?? 0) >= frame.header.batchSeq) line.pop();
    line.push(frame);
  }
  return line;
}
