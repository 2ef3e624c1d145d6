import { type SegmentCut } from '../../base/effects.ts';
import { UnreadableError } from '../../storage/read-errors.ts';
import { type SegmentRepair } from '../../storage/segment-files.ts';
import { type Offset } from '../types.ts';
import { markerIn } from './batches-in-file.ts';
import { encodeCheckpoint, imageOf, type ProducersImage, readCheckpoints } from './checkpoint.ts';
import { type DueCheckpoint } from './checkpoint-writer.ts';
import { type LogConfig } from './config.ts';
import { journalFile, type LogFileName, parseLogFile } from './file-names.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import { type LogDamage } from './outcomes.ts';
import { Producers } from './producers.ts';
import { LogSegment } from './segment.ts';
import { StartJournal } from './start-journal.ts';
import { scanTail } from './tail-scan.ts';

/** What lies in a log's directory, put together. */
export interface RecoveredLog {
  /** Oldest first; none is empty. */
  readonly segments: LogSegment[];
  readonly epochs: LeaderEpochs;
  readonly producers: Producers;
  readonly journal: StartJournal;
  readonly logStartOffset: Offset;
  readonly logEndOffset: Offset;
  readonly damage: LogDamage | undefined;
  /** What giving up the damaged part takes: as `cutSegments`, in order. */
  readonly discards: readonly SegmentCut[];
  /** Of segments that were closed and have none yet. */
  readonly dueCheckpoints: readonly DueCheckpoint[];
}

interface Candidate {
  readonly segment: LogSegment;
  readonly lengthBytes: number;
  readonly checkpoints: ReturnType<typeof readCheckpoints>;
  readonly indexBytes: number;
}

type FoundFiles = ReadonlyMap<string, { readonly name: LogFileName; readonly lengthBytes: number }>;

/** Where the log stops being what it was. */
interface Break {
  readonly offset: Offset;
  readonly reason: string;
  /** It is certain that there was more on the disk. */
  readonly certain: boolean;
}

/**
 * Reads a log's directory. What recovery can tell apart, and what it cannot: a checkpoint is written only when its segment is on
 * the disk up to there; so whatever is missing below the highest intact one was lost by the disk, and is damage. Behind it, the
 * first batch that is not intact ends the log as a torn tail: it may never have reached the disk. Damage to what was synced
 * behind the newest checkpoint therefore looks like a torn tail, at most about `checkpointBytes` of a log; what the disk
 * refuses to read is always damage.
 */
export function recoverLog(segments: SegmentRepair, directory: string, config: LogConfig): RecoveredLog {
  return new Recovery(segments, directory, config).run();
}

class Recovery {
  readonly #files: SegmentRepair;
  readonly #directory: string;
  readonly #config: LogConfig;
  readonly #epochs = new LeaderEpochs();
  readonly #producers = new Producers();
  readonly #journal: StartJournal;
  /** Of the newest checkpoint in front of what is being looked at; it is put in place only where it is needed. */
  #image: { readonly image: ProducersImage; readonly endOffset: Offset } | undefined;
  readonly #due: DueCheckpoint[] = [];

  constructor(files: SegmentRepair, directory: string, config: LogConfig) {
    this.#files = files;
    this.#directory = directory;
    this.#config = config;
    this.#journal = new StartJournal(directory);
  }

  run(): RecoveredLog {
    const found = this.#list();
    // A log begins at 0 until something else is written down; every other start is, before anything goes.
    const startOffset = this.#recoverJournal(found) ?? 0;
    const candidates = this.#settleGenerations(this.#candidates(found));
    const proven = provenEnd(candidates);
    // Nobody has seen what was sent to a log before it began there.
    if (startOffset > 0) this.#producers.clear(true);

    const kept: Candidate[] = [];
    let broken: Break | undefined;
    for (const candidate of candidates) {
      const expected = kept.at(-1)?.segment.endOffset ?? Math.min(candidate.segment.baseOffset, startOffset);
      broken = this.#load(candidate, expected, proven, candidate === candidates.at(-1));
      if (broken === undefined || candidate.segment.endOffset > candidate.segment.baseOffset)
        kept.push(candidate);
      if (broken !== undefined) break;
    }
    this.#putImage();

    const damage = damageOf(broken, proven, candidates);
    // Records may be deleted before they are durable here: what is left in front of the start is nothing that anybody may see.
    if ((kept.at(-1)?.segment.endOffset ?? startOffset) < startOffset) kept.length = 0;
    const logEndOffset = kept.at(-1)?.segment.endOffset ?? startOffset;
    const discards = cutsBehind(candidates, kept);
    if (damage === undefined) this.#cut(candidates, kept, { proven, startOffset });
    this.#epochs.forgetBelow(startOffset);
    this.#producers.transactions.forgetBelow(startOffset);
    return {
      segments: kept.map(({ segment }) => segment),
      epochs: this.#epochs,
      producers: this.#producers,
      journal: this.#journal,
      logStartOffset: startOffset,
      logEndOffset,
      damage,
      discards,
      dueCheckpoints: this.#due,
    };
  }

  #list(): FoundFiles {
    const found = new Map<string, { name: LogFileName; lengthBytes: number }>();
    for (const { file, lengthBytes } of this.#files.list(`${this.#directory}/`)) {
      const name = parseLogFile(this.#directory, file);
      if (name !== undefined) found.set(file, { name, lengthBytes });
    }
    return found;
  }

  #recoverJournal(found: FoundFiles): Offset | undefined {
    const files: { number: number; bytes: Uint8Array }[] = [];
    for (const [file, { name, lengthBytes }] of found) {
      if (name.kind === 'journal')
        files.push({ number: name.number, bytes: this.#readAll(file, lengthBytes) });
    }
    const { startOffset, tornFrom } = this.#journal.recover(files);
    const last = files.at(-1);
    if (last === undefined) return undefined;
    const file = journalFile(this.#directory, last.number);
    if (tornFrom === 0) {
      this.#files.remove(file);
      return startOffset;
    }
    // Segments are removed on its word: it must be on the disk.
    this.#files.truncate(file, tornFrom, 0);
    for (const { number } of files.slice(0, -1)) this.#files.remove(journalFile(this.#directory, number));
    return startOffset;
  }

  /** Empty where the disk does not give it out: then what it held is found otherwise, or not at all. */
  #readAll(file: string, lengthBytes: number): Uint8Array {
    try {
      return this.#files.read(file, 0, lengthBytes);
    } catch (failure) {
      if (failure instanceof UnreadableError) return new Uint8Array(0);
      throw failure;
    }
  }

  #candidates(found: FoundFiles): Candidate[] {
    const candidates: Candidate[] = [];
    for (const { name, lengthBytes } of found.values()) {
      if (name.kind !== 'segment') continue;
      const segment = new LogSegment(this.#directory, name, this.#config.indexIntervalBytes);
      const indexBytes = found.get(segment.indexFile)?.lengthBytes ?? 0;
      const checkpoints = readCheckpoints(segment, this.#readAll(segment.indexFile, indexBytes));
      candidates.push({ segment, lengthBytes, checkpoints, indexBytes });
    }
    // An index without its segment: a segment goes after it, and comes before it.
    const indexes = new Set(candidates.map(({ segment }) => segment.indexFile));
    for (const [file, { name }] of found) {
      if (name.kind === 'index' && !indexes.has(file)) this.#files.remove(file);
    }
    return candidates.sort(
      ({ segment: { name: left } }, { segment: { name: right } }) =>
        left.baseOffset - right.baseOffset || left.generation - right.generation,
    );
  }

  /**
   * A compacted segment counts once it is sealed, and then stands for all that it was made of; until then what it is made of
   * does. Where that is gone it has come to its end, whatever has become of its checkpoint.
   */
  #settleGenerations(all: readonly Candidate[]): readonly Candidate[] {
    const gone = new Set<Candidate>();
    for (const compacted of all) {
      const { baseOffset, generation } = compacted.segment.name;
      if (generation === 0) continue;
      const seal = compacted.checkpoints.find(({ location }) => location.sealed)?.location;
      const isWhole = seal !== undefined && seal.segmentBytes <= compacted.lengthBytes;
      const older = all.filter((other) => other.segment.name.generation < generation);
      if (isWhole) {
        for (const other of older) {
          const { baseOffset: from } = other.segment;
          if (from >= baseOffset && from < seal.endOffset) gone.add(other);
        }
      } else if (older.some((other) => other.segment.baseOffset === baseOffset && !gone.has(other))) {
        gone.add(compacted);
      }
    }
    for (const { segment } of gone) {
      this.#files.remove(segment.indexFile);
      this.#files.remove(segment.file);
    }
    return all.filter((candidate) => !gone.has(candidate));
  }

  /** Takes up a segment as far as it goes. @returns why the log cannot go on behind it */
  #load(candidate: Candidate, expected: Offset, proven: Offset, isLast: boolean): Break | undefined {
    const { segment, lengthBytes } = candidate;
    if (segment.baseOffset !== expected)
      return { offset: expected, certain: false, reason: `${segment.file} does not follow` };
    let lost: Break | undefined;
    for (const { checkpoint, location } of candidate.checkpoints) {
      if (checkpoint.segmentBytes > lengthBytes) {
        lost = {
          offset: segment.endOffset,
          certain: true,
          reason: `${segment.file} has ${lengthBytes} bytes`,
        };
        break;
      }
      segment.restore(checkpoint, location);
      for (const { epoch, startOffset } of checkpoint.epochs) this.#epochs.begin(epoch, startOffset);
      this.#producers.transactions.addAborted(checkpoint.aborted);
      this.#image = { image: checkpoint.producers, endOffset: checkpoint.endOffset };
    }
    if (candidate.checkpoints.length === 0) this.#beginCheckpoint(segment);
    if (segment.lengthBytes < lengthBytes) {
      this.#putImage();
      const ended = scanTail(
        this.#files,
        { file: segment.file, lengthBytes },
        { positionBytes: segment.lengthBytes, offset: segment.endOffset, epoch: this.#epochs.last },
        (batch, sizeBytes) => {
          segment.note(batch, sizeBytes);
          this.#epochs.begin(batch.leaderEpoch, batch.baseOffset);
          this.#producers.note(batch, markerIn(batch));
        },
      );
      if (ended !== 'whole') {
        const certain = ended === 'unreadable' || lost !== undefined || segment.endOffset < proven;
        return {
          offset: segment.endOffset,
          certain,
          reason: `${segment.file} at ${segment.lengthBytes}: ${ended}`,
        };
      }
    }
    if (lost !== undefined) return lost;
    if (segment.isEmpty)
      return { offset: segment.endOffset, certain: false, reason: `${segment.file} is empty` };
    if (!isLast) segment.isClosed = true;
    if (!isLast && segment.checkpoints.at(-1)?.sealed !== true) {
      this.#putImage();
      const payload = this.#checkpointOf(segment, true);
      this.#due.push({
        segment,
        endOffset: segment.endOffset,
        segmentBytes: segment.lengthBytes,
        sealed: true,
        payload,
      });
    }
    return undefined;
  }

  /** It stands by itself when those before are gone. */
  #beginCheckpoint(segment: LogSegment): void {
    this.#putImage();
    if (this.#producers.entries.size === 0 && !this.#producers.hasForgotten) return;
    const payload = this.#checkpointOf(segment, false);
    this.#due.push({ segment, endOffset: segment.endOffset, segmentBytes: 0, sealed: false, payload });
  }

  #checkpointOf(segment: LogSegment, sealed: boolean): Uint8Array {
    return encodeCheckpoint(segment, {
      producers: imageOf(this.#producers),
      aborted: this.#producers.transactions.aborted,
      sealed,
      before: segment.checkpoints.at(-1),
    });
  }

  #putImage(): void {
    if (this.#image === undefined) return;
    const { image, endOffset } = this.#image;
    this.#image = undefined;
    this.#producers.restore(image.entries, image.hasForgotten);
    this.#producers.transactions.restore(endOffset, image.open, image.unsettled);
  }

  /** Removes and cuts what does not count, newest first, and makes durable what may not be so yet. */
  #cut(
    candidates: readonly Candidate[],
    kept: readonly Candidate[],
    { proven, startOffset }: { readonly proven: Offset; readonly startOffset: Offset },
  ): void {
    // Segments go that lie in front of the start, and then the index of the next is all that is known of producers before it:
    // it must be on the disk, whatever the cache says.
    const mayLead = (kept[0]?.segment.endOffset ?? Infinity) <= startOffset;
    for (const { segment } of candidates.slice(kept.length).reverse()) {
      this.#files.remove(segment.indexFile);
      this.#files.remove(segment.file);
    }
    for (const { segment, lengthBytes, indexBytes } of [...kept].reverse()) {
      if (segment.indexBytes > 0) {
        if (indexBytes > segment.indexBytes || mayLead)
          this.#files.truncate(segment.indexFile, segment.indexBytes, mayLead ? 0 : segment.indexBytes);
      } else if (indexBytes > 0) {
        this.#files.remove(segment.indexFile);
      }
      if (lengthBytes === segment.lengthBytes && segment.endOffset <= proven) continue;
      const doubtfulFrom = segment.checkpoints.at(-1)?.segmentBytes ?? 0;
      this.#files.truncate(segment.file, segment.lengthBytes, doubtfulFrom);
    }
  }
}

/** Everything below was on the disk: a checkpoint says so, and each is written only when that is true. */
function provenEnd(candidates: readonly Candidate[]): Offset {
  let proven = 0;
  for (const { checkpoints } of candidates) {
    for (const { checkpoint } of checkpoints) {
      // One that a segment begins with may be older than the segment, and the log's start.
      if (checkpoint.segmentBytes > 0) proven = Math.max(proven, checkpoint.endOffset);
    }
  }
  return proven;
}

function damageOf(
  broken: Break | undefined,
  proven: Offset,
  candidates: readonly Candidate[],
): LogDamage | undefined {
  if (broken === undefined || (!broken.certain && broken.offset >= proven)) return undefined;
  const bases = candidates.map(({ segment }) => segment.baseOffset);
  const toOffset = Math.max(broken.offset + 1, proven, ...bases);
  return { fromOffset: broken.offset, toOffset, reason: broken.reason };
}

/** What lies behind the part that counts, newest first. */
function cutsBehind(candidates: readonly Candidate[], kept: readonly Candidate[]): readonly SegmentCut[] {
  const cuts: SegmentCut[] = [];
  for (const { segment } of candidates.slice(kept.length).reverse()) {
    cuts.push({ file: segment.indexFile, lengthBytes: 0 }, { file: segment.file, lengthBytes: 0 });
  }
  const last = kept.at(-1);
  if (last !== undefined) {
    const { segment, lengthBytes, indexBytes } = last;
    if (indexBytes > segment.indexBytes)
      cuts.push({ file: segment.indexFile, lengthBytes: segment.indexBytes });
    if (lengthBytes > segment.lengthBytes)
      cuts.push({ file: segment.file, lengthBytes: segment.lengthBytes });
  }
  return cuts;
}
