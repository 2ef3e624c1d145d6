import { type CutSegmentsEffect } from '../../../../core/base/effects.ts';
import { defaultLogConfig, type LogConfig } from '../../../../core/chronik/log/config.ts';
import { type LeaderAppend, type Upkeep } from '../../../../core/chronik/log/outcomes.ts';
import { PartitionLog } from '../../../../core/chronik/log/partition-log.ts';
import { type FileSlice } from '../../../../core/storage/segment-files.ts';
import { MemorySegments } from '../../../../core/storage/memory-segments.ts';
import { type SegmentFiles } from '../../../../core/storage/segment-files.ts';
import { type RecordBatch, scanBatches } from '../../../../core/wire/kafka/record-batch.ts';
import {
  decodeRecords,
  encodeBatch,
  type NewBatch,
  type NewRecord,
} from '../../../../core/wire/kafka/records.ts';

export const directory = 'partitions/orders-0.7';
export const wallMs = 1_700_000_000_000;

/** Small enough that a handful of records rolls segments and takes checkpoints. */
export const smallLog: LogConfig = {
  ...defaultLogConfig,
  segmentBytesMax: 1_500,
  indexIntervalBytes: 200,
  checkpointBytes: 400,
};

/** A log with its files, and with a runner that carries out at once what it returns. */
export class LogRig<Files extends SegmentFiles = MemorySegments> {
  readonly files: Files;
  config: LogConfig;
  log: PartitionLog;
  #syncSeq = 0;

  constructor(files: Files, config: LogConfig = smallLog) {
    this.files = files;
    this.config = config;
    this.log = PartitionLog.recover(files, { directory, config });
  }

  /** Of what was carried out last. */
  get syncSeq(): number {
    return this.#syncSeq;
  }

  recover(): PartitionLog {
    this.log = PartitionLog.recover(this.files, { directory, config: this.config });
    return this.log;
  }

  /** Appends as a leader; the appends are carried out, a sync is not. */
  lead(
    batch: NewBatch,
    given: { readonly leaderEpoch?: number; readonly origin?: 'client' | 'coordinator' } = {},
  ): LeaderAppend {
    const { leaderEpoch = Math.max(0, this.log.lastEpoch), origin = 'client' } = given;
    return this.leadBytes(encodeBatch(batch), { leaderEpoch, origin });
  }

  leadBytes(
    bytes: Uint8Array,
    given: { readonly leaderEpoch: number; readonly origin: 'client' | 'coordinator' },
  ): LeaderAppend {
    const outcome = this.log.appendAsLeader(bytes, { ...given, wallMs });
    if (outcome.kind === 'appended') this.carryOut({ cuts: [], appends: outcome.appends });
    return outcome;
  }

  follow(bytes: Uint8Array): ReturnType<PartitionLog['appendAsFollower']> {
    const outcome = this.log.appendAsFollower(bytes);
    if (outcome.kind === 'appended') this.carryOut({ cuts: [], appends: outcome.appends });
    return outcome;
  }

  carryOut({ cuts, appends }: Upkeep): void {
    this.cut(cuts);
    for (const { file, bytes } of appends) this.files.append(file, bytes);
    this.#syncSeq += 1;
    this.log.written(this.#syncSeq);
  }

  cut(cuts: CutSegmentsEffect['cuts']): void {
    for (const { file, lengthBytes } of cuts) this.files.cut(file, lengthBytes);
  }

  truncateTo(offset: number): void {
    this.cut(this.log.truncateTo(offset));
  }

  /** For files whose syncs end at once. */
  sync(): void {
    this.files.sync(() => undefined);
    this.log.synced(this.#syncSeq);
  }

  upkeep(given: { readonly wallMs?: number; readonly highWatermark?: number } = {}): void {
    this.carryOut(this.log.upkeep({ wallMs, highWatermark: this.log.syncedEndOffset, ...given }));
  }

  bytesOf({ file, positionBytes, lengthBytes }: FileSlice): Uint8Array {
    return this.files.read(file, positionBytes, lengthBytes);
  }

  /** Everything from an offset on, read as a follower would, in pieces of so many bytes. */
  batches(fromOffset = this.log.logStartOffset, bytesMax = 1_000_000): readonly RecordBatch[] {
    const found: RecordBatch[] = [];
    let offset = fromOffset;
    for (;;) {
      const slice = this.log.read({
        fromOffset: offset,
        toOffset: this.log.logEndOffset,
        bytesMax,
        minOneBatch: true,
      });
      if (slice === undefined) return found;
      const { batches, problem } = scanBatches(this.bytesOf(slice));
      if (problem !== undefined) throw new Error(problem.message);
      found.push(...batches);
      offset = (batches.at(-1)?.lastOffset ?? offset) + 1;
    }
  }

  /** The values of all records that can be read, with their offsets. */
  records(): readonly (readonly [offset: number, value: string])[] {
    return this.batches().flatMap((batch) =>
      batch.isControl ? [] : decodeRecords(batch).map(({ offset, value }) => [offset, text(value)] as const),
    );
  }

  fileNames(): readonly string[] {
    return this.files.list(`${directory}/`).map(({ file }) => file.slice(directory.length + 1));
  }
}

export function memoryRig(config?: LogConfig): LogRig {
  return new LogRig(new MemorySegments(), config);
}

export function record(value: string, timestampMs = wallMs, key?: string): NewRecord {
  return { timestampMs, value: bytes(value), key: key === undefined ? undefined : bytes(key) };
}

/** A batch of one producer: `count` records. */
export function batchOf(count: number, value = 'v', more: Partial<NewBatch> = {}): NewBatch {
  return { records: Array.from({ length: count }, (_, at) => record(`${value}${at}`)), ...more };
}

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function text(value: Uint8Array | undefined): string {
  return value === undefined ? '(none)' : new TextDecoder().decode(value);
}
