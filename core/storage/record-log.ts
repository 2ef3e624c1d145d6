import { assert, present } from '../base/assert.ts';
import { passArray, type StateForm } from '../base/capture.ts';
import { type SegmentAppend } from '../base/effects.ts';
import {
  decodeFrameHeader,
  encodeFrame,
  frameHeaderBytes,
  intactPayload,
  segmentBytesLimit,
} from './frame.ts';
import { type JudgedFile, judgeLog, type LogVerdict } from './log-verdict.ts';
import { DamagedBatchError, UnreadableError } from './read-errors.ts';
import { salvage, type UnreadablePart } from './salvage.ts';
import { type SegmentRepair } from './segment-files.ts';
import {
  parseSegmentFile,
  scanSegment,
  segmentFile,
  type ScannedFrame,
  type Segment,
} from './segment-scan.ts';

/** Where a batch lies: the whole frame, header included. */
export interface BatchLocation {
  readonly batchSeq: number;
  readonly file: string;
  readonly positionBytes: number;
  readonly lengthBytes: number;
}

export interface RecoveredBatch {
  readonly location: BatchLocation;
  readonly payload: Uint8Array;
}

/**
 * Why the log's content cannot be trusted to be whole: batches that were durable are not there. `fromBatchSeq` is the
 * first that is missing, `toBatchSeq` the last; some in between may be intact (those are returned).
 */
export interface LogDamage {
  readonly fromBatchSeq: number;
  readonly toBatchSeq: number;
}

export interface RecordLogOptions {
  /** Begins the names of the log's files; what else lies below it is left alone. */
  readonly prefix: string;
  /** A file that has reached this size, and whose first batch is durable, takes no further batch. */
  readonly segmentBytesMax: number;
  /** This start's number, above every earlier one; by default the highest found plus one. */
  readonly boot?: number;
}

export interface AppendedBatch {
  readonly location: BatchLocation;
  /** What the caller's `persist` effect carries. */
  readonly append: SegmentAppend;
  /** The batch opens a file: the caller restates its state in it or in the next, so that older files can go. */
  readonly newSegment: boolean;
}

/**
 * Batches of bytes, numbered 1, 2, 3 … for the log's life, framed into append-only files that roll at a size.
 *
 * What recovery can tell, and what it cannot. Every header says which batch was the highest known durable when it was
 * framed. A batch at or below the highest such number in any intact header was durable: if it is not there now, that is
 * damage, and is reported for as long as the log's files bear witness to it. A batch above it may never have reached
 * the disk: the first one that is not intact ends the log, and it and everything behind it is cut. Hence damage
 * to the newest batches, those that no later intact header vouches for, looks like a torn tail and is cut in silence;
 * the last batch is always among them. Nor can a log tell whether its oldest files were removed rightly, or that all
 * of them are gone: its owner knows from its store where the log must begin.
 *
 * A file is opened only when the first batch of the one before is known durable. So only the newest file can have missed
 * the disk altogether; any other that is not there was removed, or is lost.
 *
 * What the disk cannot read is damage as well, and where it lies at the end, unlike a torn tail, it counts as if it had been
 * acknowledged. Where nothing at all can be read the disk is out, and that says nothing of the log: nobody starts.
 *
 * A log with damage is never cut: its files are left as they are, and the next batch opens a new one. What a cut tail
 * held can not come back: the cut is durable before the next append, and a later batch of the same number carries a
 * higher `boot`, which supersedes the old one wherever that should turn up again.
 */
export class RecordLog {
  readonly #segments: SegmentRepair;
  readonly #prefix: string;
  readonly #segmentBytesMax: number;
  #boot: number;
  /** Oldest first. Batches of the file at i are below the first batch of the file at i + 1. */
  readonly #files: Segment[] = [];
  /** Bytes of the last file, and where the next batch goes. */
  #lengthBytes = 0;
  /** The next batch must open a file: there is none yet, or the last one is damaged. */
  #startsAnew = true;
  #nextFileNumber: number;
  #nextBatchSeq: number;
  /** Highest batch known durable. Invariant: below #nextBatchSeq. */
  #syncedBatchSeq: number;

  /**
   * Scans every file under the prefix, cuts a torn tail, and tells damage apart from it. Every batch that is returned
   * is durable, also one that had only reached the system's cache before the process ended.
   *
   * @throws UnreadableError when no part of the log can be read
   */
  static recover(
    segments: SegmentRepair,
    options: RecordLogOptions,
  ): { log: RecordLog; batches: readonly RecoveredBatch[]; damage: LogDamage | undefined } {
    const { files, frames } = scanLog(segments, options.prefix);
    const verdict = judgeLog(files, frames);
    const boot = options.boot ?? verdict.bootMax + 1;
    assert(boot > verdict.bootMax, 'every start of a log has a higher number than those before');

    const log = new RecordLog(segments, options, { boot, nextBatchSeq: verdict.nextBatchSeq });
    log.#settle(verdict, files);
    return { log, batches: verdict.kept.map(recoveredBatch), damage: verdict.damage };
  }

  /** A log that knows nothing, to be restored; reads nothing and cuts nothing. */
  static blank(segments: SegmentRepair, options: RecordLogOptions): RecordLog {
    return new RecordLog(segments, options, { boot: 0, nextBatchSeq: 1 });
  }

  private constructor(
    segments: SegmentRepair,
    options: RecordLogOptions,
    start: { readonly boot: number; readonly nextBatchSeq: number },
  ) {
    assert(options.segmentBytesMax > 0, 'a segment file has room for a batch');
    assert(options.segmentBytesMax <= segmentBytesLimit, 'a segment file is shorter than 2 GiB');
    this.#segments = segments;
    this.#prefix = options.prefix;
    this.#segmentBytesMax = options.segmentBytesMax;
    this.#boot = start.boot;
    this.#nextFileNumber = 1;
    this.#nextBatchSeq = start.nextBatchSeq;
    this.#syncedBatchSeq = start.nextBatchSeq - 1;
  }

  get boot(): number {
    return this.#boot;
  }

  /** 0: no batch was ever appended, or every one was cut. */
  get lastBatchSeq(): number {
    return this.#nextBatchSeq - 1;
  }

  /** True when the next append opens a new file. */
  get rolls(): boolean {
    if (this.#startsAnew) return true;
    const segment = present(this.#files.at(-1), 'a log that does not start anew has a file');
    return this.#lengthBytes >= this.#segmentBytesMax && segment.firstBatchSeq <= this.#syncedBatchSeq;
  }

  /** Frames a batch: where it will lie and what to append. The payload is copied. */
  append(payload: Uint8Array): AppendedBatch {
    const newSegment = this.rolls;
    if (newSegment) this.#openSegment();
    const segment = present(this.#files.at(-1), 'a log that does not roll has a file');
    const bytes = encodeFrame(
      {
        batchSeq: this.#nextBatchSeq,
        syncedBatchSeq: this.#syncedBatchSeq,
        boot: this.#boot,
        fileNumber: segment.number,
        positionBytes: this.#lengthBytes,
      },
      payload,
    );
    const location: BatchLocation = {
      batchSeq: this.#nextBatchSeq,
      file: segment.file,
      positionBytes: this.#lengthBytes,
      lengthBytes: bytes.length,
    };
    this.#nextBatchSeq += 1;
    this.#lengthBytes += bytes.length;
    return { location, append: { file: segment.file, bytes }, newSegment };
  }

  /** Everything up to this batch is durable; later headers say so. */
  synced(batchSeq: number): void {
    assert(batchSeq < this.#nextBatchSeq, 'only what was appended becomes durable');
    assert(batchSeq >= this.#syncedBatchSeq, 'what is durable stays so');
    this.#syncedBatchSeq = batchSeq;
  }

  /**
   * Reads a batch back.
   *
   * @throws DamagedBatchError when it is not what was written
   * @throws UnreadableError when the disk cannot read it
   */
  read(location: BatchLocation): Uint8Array {
    const { file, positionBytes, lengthBytes, batchSeq } = location;
    const bytes = this.#segments.read(file, positionBytes, lengthBytes);
    const header = decodeFrameHeader(bytes, 0);
    const itself = header?.batchSeq === batchSeq && header.positionBytes === positionBytes;
    const payload = itself ? intactPayload(bytes, 0, header) : undefined;
    if (payload === undefined)
      throw new DamagedBatchError(`batch ${batchSeq} in ${file} at ${positionBytes} is not what was written`);
    return payload;
  }

  /**
   * Files that hold only batches below `batchSeq`, oldest first, never the one that is written to; the log forgets them.
   * The caller emits `removeSegments`, which removes them in this order and only after every earlier append is durable.
   */
  cutBelow(batchSeq: number): readonly string[] {
    assert(batchSeq <= this.#nextBatchSeq, 'only what was appended is cut');
    let count = 0;
    for (
      let next = this.#files[1];
      next !== undefined && next.firstBatchSeq <= batchSeq;
      next = this.#files[count + 1]
    ) {
      count += 1;
    }
    return this.#files.splice(0, count).map((segment) => segment.file);
  }

  passState(form: StateForm): void {
    this.#boot = form.number('boot', this.#boot);
    const blank: Segment = { file: '', number: 0, firstBatchSeq: 0 };
    passArray(form, 'files', this.#files, blank, (row, segment) => ({
      file: row.text('file', segment.file),
      number: row.number('number', segment.number),
      firstBatchSeq: row.number('firstBatchSeq', segment.firstBatchSeq),
    }));
    this.#lengthBytes = form.number('lengthBytes', this.#lengthBytes);
    this.#startsAnew = form.flag('startsAnew', this.#startsAnew);
    this.#nextFileNumber = form.number('nextFileNumber', this.#nextFileNumber);
    this.#nextBatchSeq = form.number('nextBatchSeq', this.#nextBatchSeq);
    this.#syncedBatchSeq = form.number('syncedBatchSeq', this.#syncedBatchSeq);
  }

  #openSegment(): void {
    const number = this.#nextFileNumber;
    const firstBatchSeq = this.#nextBatchSeq;
    this.#files.push({ file: segmentFile(this.#prefix, number, firstBatchSeq), number, firstBatchSeq });
    this.#nextFileNumber += 1;
    this.#lengthBytes = 0;
    this.#startsAnew = false;
  }

  /**
   * Cuts what is not kept, unless there is damage, and makes durable what may not be so yet. With damage that is every
   * file: what bears witness to it must not be lost before a later header does.
   */
  #settle(verdict: LogVerdict, files: readonly FoundSegment[]): void {
    const last = verdict.kept.at(-1);
    const cuts = verdict.damage === undefined;
    const tail = files.findIndex((found) => found.segment === last?.segment);
    const stays = cuts ? files.slice(0, tail + 1) : files;
    // Newest first: at every moment, what is left looks like the torn tail that it is.
    for (const { segment } of files.slice(stays.length).reverse()) this.#segments.remove(segment.file);

    const doubtfulFrom = new Map<Segment, number>();
    for (const { segment, header } of verdict.kept) {
      if (header.batchSeq <= verdict.syncedBatchSeq || doubtfulFrom.has(segment)) continue;
      doubtfulFrom.set(segment, header.positionBytes);
    }
    for (const { segment, lengthBytes } of stays) {
      const end = cuts && segment === last?.segment ? frameEnd(last) : lengthBytes;
      const doubtful = doubtfulFrom.get(segment);
      if (cuts && end === lengthBytes && doubtful === undefined) continue;
      this.#segments.truncate(segment.file, end, doubtful ?? end);
    }

    for (const { segment } of stays) this.#files.push(segment);
    const newest = stays.at(-1)?.segment;
    this.#nextFileNumber = newest === undefined ? (files[0]?.segment.number ?? 1) : newest.number + 1;
    if (cuts && last !== undefined) {
      this.#lengthBytes = frameEnd(last);
      this.#startsAnew = false;
    }
  }
}

interface FoundSegment extends JudgedFile {
  readonly lengthBytes: number;
}

function scanLog(
  segments: SegmentRepair,
  prefix: string,
): { files: readonly FoundSegment[]; frames: readonly ScannedFrame[] } {
  const files: FoundSegment[] = [];
  const frames: ScannedFrame[] = [];
  let foundBytes = 0;
  let unreadBytes = 0;
  for (const { file, lengthBytes } of segments.list(prefix)) {
    const segment = parseSegmentFile(prefix, file);
    if (segment === undefined) continue;
    const { bytes, unreadable } = salvage(segments, file, lengthBytes);
    files.push({ segment, lengthBytes, unreadable });
    foundBytes += lengthBytes;
    for (const { fromBytes, toBytes } of unreadable) unreadBytes += toBytes - fromBytes;
    for (const frame of scanSegment(segment, bytes)) frames.push(withoutUnread(frame, unreadable));
  }
  if (unreadBytes > 0 && unreadBytes === foundBytes)
    throw new UnreadableError(`no part of the log below ${prefix} can be read`);
  return { files, frames };
}

/** Zeros may be just what cannot be read: the checksum is right, and still nobody will ever read the batch again. */
function withoutUnread(frame: ScannedFrame, unreadable: readonly UnreadablePart[]): ScannedFrame {
  const from = frame.header.positionBytes;
  const to = frameEnd(frame);
  const lost = unreadable.some(({ fromBytes, toBytes }) => fromBytes < to && from < toBytes);
  return lost ? { ...frame, payload: undefined } : frame;
}

function frameEnd(frame: ScannedFrame): number {
  return frame.header.positionBytes + frameHeaderBytes + frame.header.payloadBytes;
}

function recoveredBatch(frame: ScannedFrame): RecoveredBatch {
  const { batchSeq, positionBytes, payloadBytes } = frame.header;
  return {
    location: {
      batchSeq,
      file: frame.segment.file,
      positionBytes,
      lengthBytes: frameHeaderBytes + payloadBytes,
    },
    payload: present(frame.payload, 'only intact batches are kept'),
  };
}
