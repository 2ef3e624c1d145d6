import { assert, unreachable } from '../../base/assert.ts';
import { type SegmentAppend, type SegmentCut } from '../../base/effects.ts';
import { bytesPerMib } from '../../base/units.ts';
import { DamagedBatchError, UnreadableError } from '../../storage/read-errors.ts';
import { type SegmentReader } from '../../storage/segment-files.ts';
import { batchHeaderBytes, RecordBatch } from '../../wire/kafka/record-batch.ts';
import { encodeBatch } from '../../wire/kafka/records.ts';
import { type Offset } from '../types.ts';
import { batchBytes } from './batches-in-file.ts';
import { checkpointIn, encodeCheckpoint, frameCheckpoint } from './checkpoint.ts';
import { CompactionFilter, keyText, readableRecords } from './compaction-filter.ts';
import { type LogConfig } from './config.ts';
import { type Durability } from './durability.ts';
import { type Producers } from './producers.ts';
import { LogSegment } from './segment.ts';

/** Read in one turn. */
const turnBytes = bytesPerMib;
/** What the keys of one round may take; where there are more, a round goes only so far. */
const keyCharsMax = 64 * bytesPerMib;
/** Segments that become one, at most. */
const groupSegmentsMax = 64;
const lastOffsetDeltaMax = 0x7fff_ffff;

export interface CompactionTurn {
  readonly cuts: readonly SegmentCut[];
  readonly appends: readonly SegmentAppend[];
  /** These segments are replaced by this one, which is durable; the cuts remove them. */
  readonly swap: Swap | undefined;
}

export interface Swap {
  readonly inputs: readonly LogSegment[];
  readonly output: LogSegment;
  /** Offsets of the markers that are left. */
  readonly markers: ReadonlySet<Offset>;
}

const nothing: CompactionTurn = { cuts: [], appends: [], swap: undefined };

/** A round: the keys of what was never compacted, then all of the log up to there, group by group. */
interface Round {
  phase: 'mapping' | 'rewriting';
  /** Never compacted, oldest first, as far as the keys fit. */
  readonly dirty: LogSegment[];
  readonly latest: Map<string, Offset>;
  keyChars: number;
  /** Oldest first. */
  groups: (readonly LogSegment[])[];
  filter: CompactionFilter | undefined;
  /** Where reading goes on. */
  at: number;
  positionBytes: number;
}

interface Output {
  readonly segment: LogSegment;
  readonly inputs: readonly LogSegment[];
  /** Offsets of which nothing is left, not yet written. */
  hole: { readonly baseOffset: Offset; endOffset: Offset; readonly leaderEpoch: number } | undefined;
  /** Offsets of the markers that stay: an aborted transaction is known as long as its marker is there. */
  readonly markers: Set<Offset>;
  state: 'open' | 'settling' | 'sealing';
  /** Of what has to be durable before it goes on. */
  write: number;
}

/**
 * Compacts a log in bounded turns: of the records of a key the last one stays, at its offset. What is left of a few segments is
 * written into a new one, whose checkpoint, once durable, puts it in their place. Never the segment that is written to, nor
 * what is not below the high watermark, or of a transaction that is open.
 *
 * Source: Kafka documentation, "Log Compaction"; KIP-534.
 */
export class Compaction {
  readonly #files: SegmentReader;
  readonly #directory: string;
  /** The log's own list. */
  readonly #segments: readonly LogSegment[];
  readonly #producers: Producers;
  readonly #durability: Durability;
  #round: Round | undefined;
  #output: Output | undefined;
  /** What it read was not what was written: nothing more is rewritten from it. */
  #isBarred = false;

  constructor(given: {
    readonly files: SegmentReader;
    readonly directory: string;
    readonly segments: readonly LogSegment[];
    readonly producers: Producers;
    readonly durability: Durability;
  }) {
    this.#files = given.files;
    this.#directory = given.directory;
    this.#segments = given.segments;
    this.#producers = given.producers;
    this.#durability = given.durability;
  }

  /** Another turn would do something at once. */
  get canGoOn(): boolean {
    if (this.#round === undefined) return false;
    const output = this.#output;
    return output === undefined || output.state === 'open' || this.#durability.isDurable(output.write);
  }

  turn(given: {
    readonly config: LogConfig;
    readonly wallMs: number;
    readonly stableOffset: Offset;
  }): CompactionTurn {
    const round = this.#round ?? this.#begin(given);
    if (round === undefined) return nothing;
    try {
      if (round.phase === 'rewriting') return this.#rewrite(round, given.config);
      this.#map(round, given);
      return nothing;
    } catch (error) {
      if (!(error instanceof UnreadableError) && !(error instanceof DamagedBatchError)) throw error;
      // Whoever reads it will find out; here nothing must be made of it.
      this.#isBarred = true;
      return { ...nothing, cuts: this.abort() };
    }
  }

  /** Gives up what is under way. @returns what of it is on the disk */
  abort(): readonly SegmentCut[] {
    const output = this.#output;
    this.#round = undefined;
    this.#output = undefined;
    if (output === undefined) return [];
    const { file, indexFile } = output.segment;
    return [
      { file: indexFile, lengthBytes: 0 },
      { file, lengthBytes: 0 },
    ];
  }

  #begin(given: {
    readonly config: LogConfig;
    readonly wallMs: number;
    readonly stableOffset: Offset;
  }): Round | undefined {
    const { config, wallMs, stableOffset } = given;
    if (!config.compacts || this.#isBarred) return undefined;
    const dirty: LogSegment[] = [];
    let cleanBytes = 0;
    let dirtyBytes = 0;
    for (const segment of this.#segments) {
      if (!mayCompact(segment, stableOffset)) break;
      if (wallMs - segment.maxTimestampMs < config.minCompactionLagMs) break;
      if (dirty.length === 0 && segment.name.generation > 0) {
        cleanBytes += segment.lengthBytes;
        continue;
      }
      dirty.push(segment);
      dirtyBytes += segment.lengthBytes;
    }
    const [oldest] = dirty;
    if (oldest === undefined) return undefined;
    const isDue = dirtyBytes * 100 >= config.minCleanableDirtyPercent * (cleanBytes + dirtyBytes);
    const isOverdue = wallMs - oldest.firstTimestampMs > config.maxCompactionLagMs;
    if (!isDue && !isOverdue) return undefined;
    this.#round = {
      phase: 'mapping',
      dirty,
      latest: new Map(),
      keyChars: 0,
      groups: [],
      filter: undefined,
      at: 0,
      positionBytes: 0,
    };
    return this.#round;
  }

  /** Takes down the keys of a part of what was never compacted. */
  #map(round: Round, given: { readonly config: LogConfig; readonly wallMs: number }): void {
    const segment = round.dirty[round.at];
    if (segment !== undefined) {
      this.#readPart(round, segment, (batch) => {
        if (batch.isControl) return;
        for (const { key, offset } of readableRecords(batch) ?? []) {
          if (key === undefined || this.#isAborted(batch)) continue;
          const text = keyText(key);
          if (!round.latest.has(text)) round.keyChars += text.length;
          round.latest.set(text, offset);
        }
      });
    }
    const isFull = round.keyChars > keyCharsMax;
    // A segment of which only a part was mapped counts as compacted all the same: what its other keys hide stays, for once.
    if (isFull) round.dirty.length = Math.max(1, round.positionBytes === 0 ? round.at : round.at + 1);
    if (!isFull && round.at < round.dirty.length) return;
    const last = round.dirty.at(-1);
    assert(last !== undefined, 'a round has segments');
    round.phase = 'rewriting';
    round.at = 0;
    round.positionBytes = 0;
    round.groups = groupsUpTo(this.#segments, last, given.config.segmentBytesMax);
    round.filter = new CompactionFilter({
      latest: round.latest,
      producers: this.#producers,
      wallMs: given.wallMs,
      deleteRetentionMs: given.config.deleteRetentionMs,
    });
  }

  #isAborted(batch: RecordBatch): boolean {
    if (!batch.isTransactional) return false;
    const { producerId, baseOffset } = batch;
    return this.#producers.transactions.aborted.some(
      (each) =>
        each.producerId === producerId && baseOffset >= each.firstOffset && baseOffset < each.markerOffset,
    );
  }

  #rewrite(round: Round, config: LogConfig): CompactionTurn {
    const output = this.#output ?? this.#openOutput(round, config);
    if (output === undefined) {
      this.#round = undefined;
      return nothing;
    }
    switch (output.state) {
      case 'open':
        return { ...nothing, appends: this.#rewritePart(round, output) };
      case 'settling':
        if (!this.#durability.isDurable(output.write)) return nothing;
        return { ...nothing, appends: [this.#seal(output)] };
      case 'sealing':
        if (!this.#durability.isDurable(output.write)) return nothing;
        this.#output = undefined;
        return swapped(output);
      default:
        return unreachable(output.state);
    }
  }

  #openOutput(round: Round, config: LogConfig): Output | undefined {
    const inputs = round.groups.shift();
    const first = inputs?.[0];
    if (inputs === undefined || first === undefined) return undefined;
    const generation = 1 + Math.max(...inputs.map(({ name }) => name.generation));
    const name = { baseOffset: first.baseOffset, generation };
    const segment = new LogSegment(this.#directory, name, config.indexIntervalBytes);
    round.at = 0;
    round.positionBytes = 0;
    this.#output = { segment, inputs, hole: undefined, markers: new Set(), state: 'open', write: 0 };
    return this.#output;
  }

  #rewritePart(round: Round, output: Output): readonly SegmentAppend[] {
    const parts: Uint8Array[] = [];
    const put = (bytes: Uint8Array): void => {
      const batch = new RecordBatch(bytes);
      parts.push(bytes);
      output.segment.note(batch, bytes.length);
      if (batch.isControl) output.markers.add(batch.baseOffset);
    };
    const input = output.inputs[round.at];
    if (input !== undefined) {
      this.#readPart(round, input, (batch) => {
        const filtered = round.filter?.filter(batch);
        assert(filtered !== undefined, 'a round that rewrites has a filter');
        if (filtered.kind === 'gone') {
          widenHole(output, batch, put);
          return;
        }
        fillHole(output, put);
        put(filtered.kind === 'whole' ? batch.bytes : filtered.bytes);
      });
    }
    if (round.at >= output.inputs.length) {
      fillHole(output, put);
      output.state = 'settling';
    }
    if (parts.length > 0) output.write = this.#durability.gaveOut();
    return parts.map((bytes) => ({ file: output.segment.file, bytes }));
  }

  /** What the last input knew at its end is what the output knows at the same offset. */
  #seal(output: Output): SegmentAppend {
    const { segment, inputs } = output;
    const last = inputs.at(-1);
    const location = last?.checkpoints.at(-1);
    assert(last !== undefined && location !== undefined, 'what is compacted has been sealed');
    const image = checkpointIn(
      this.#files.read(last.indexFile, location.positionBytes, location.lengthBytes),
    );
    if (image === undefined) throw new DamagedBatchError(`${last.indexFile} is not what was written`);
    const payload = encodeCheckpoint(segment, {
      producers: image.producers,
      aborted: this.#producers.transactions.aborted.filter((each) => output.markers.has(each.markerOffset)),
      sealed: true,
      before: undefined,
    });
    const bytes = frameCheckpoint(segment, { number: 1, positionBytes: 0 }, payload);
    const { endOffset, lengthBytes: segmentBytes } = segment;
    segment.checkpoints.push({
      endOffset,
      segmentBytes,
      sealed: true,
      positionBytes: 0,
      lengthBytes: bytes.length,
    });
    segment.isClosed = true;
    output.state = 'sealing';
    output.write = this.#durability.gaveOut();
    return { file: segment.indexFile, bytes };
  }

  /** Goes through a part of a segment; at its end the next one is up. */
  #readPart(round: Round, segment: LogSegment, visit: (batch: RecordBatch) => void): void {
    const { file, lengthBytes } = segment;
    let chunk = this.#files.read(
      file,
      round.positionBytes,
      Math.min(turnBytes, lengthBytes - round.positionBytes),
    );
    const size = chunk.length < batchHeaderBytes ? 0 : batchBytes(chunk, 0);
    if (size > chunk.length) chunk = this.#files.read(file, round.positionBytes, size);
    let at = 0;
    while (at + batchHeaderBytes <= chunk.length) {
      const sizeBytes = batchBytes(chunk, at);
      if (sizeBytes < batchHeaderBytes) break;
      if (at + sizeBytes > chunk.length) break;
      const batch = new RecordBatch(chunk.subarray(at, at + sizeBytes));
      if (!batch.isIntact()) break;
      visit(batch);
      at += sizeBytes;
    }
    if (at === 0) throw new DamagedBatchError(`${file} at ${round.positionBytes} is not what was written`);
    round.positionBytes += at;
    if (round.positionBytes < lengthBytes) return;
    round.at += 1;
    round.positionBytes = 0;
  }
}

/** Closed and sealed, and nothing in it can change any more. */
function mayCompact(segment: LogSegment, stableOffset: Offset): boolean {
  const last = segment.checkpoints.at(-1);
  return (
    segment.isClosed &&
    segment.endOffset <= stableOffset &&
    last?.sealed === true &&
    last.endOffset === segment.endOffset
  );
}

/** All segments up to this one, parted into what makes one segment each. */
function groupsUpTo(
  segments: readonly LogSegment[],
  last: LogSegment,
  segmentBytesMax: number,
): (readonly LogSegment[])[] {
  const groups: LogSegment[][] = [];
  let group: LogSegment[] = [];
  let bytes = 0;
  for (const segment of segments.slice(0, segments.indexOf(last) + 1)) {
    if (
      group.length === groupSegmentsMax ||
      (group.length > 0 && bytes + segment.lengthBytes > segmentBytesMax)
    ) {
      groups.push(group);
      group = [];
      bytes = 0;
    }
    group.push(segment);
    bytes += segment.lengthBytes;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

/** Nothing is left of the batch: its offsets join those in front, as long as they are of the same leader. */
function widenHole(output: Output, batch: RecordBatch, put: (bytes: Uint8Array) => void): void {
  const { baseOffset, lastOffset, leaderEpoch } = batch;
  const { hole } = output;
  if (hole?.leaderEpoch === leaderEpoch && lastOffset - hole.baseOffset <= lastOffsetDeltaMax) {
    hole.endOffset = lastOffset + 1;
    return;
  }
  fillHole(output, put);
  output.hole = { baseOffset, endOffset: lastOffset + 1, leaderEpoch };
}

/** An empty batch stands for offsets of which nothing is left: batches lie one behind another without a gap. */
function fillHole(output: Output, put: (bytes: Uint8Array) => void): void {
  const { hole } = output;
  if (hole === undefined) return;
  output.hole = undefined;
  const { baseOffset, endOffset, leaderEpoch } = hole;
  const lastOffsetDelta = endOffset - 1 - baseOffset;
  put(
    encodeBatch({
      records: [],
      baseOffset,
      leaderEpoch,
      lastOffsetDelta,
      baseTimestampMs: -1,
      maxTimestampMs: -1,
    }),
  );
}

/** Oldest first: where the first is gone, the output has no rival, whatever becomes of its checkpoint. */
function swapped({ segment, inputs, markers }: Output): CompactionTurn {
  const cuts = inputs.flatMap((input) => [
    { file: input.indexFile, lengthBytes: 0 },
    { file: input.file, lengthBytes: 0 },
  ]);
  return { cuts, appends: [], swap: { inputs, output: segment, markers } };
}
