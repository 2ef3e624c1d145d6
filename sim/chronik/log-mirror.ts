import { type SimulatedSegments } from '../disk/segments.ts';
import { Violation } from '../types.ts';
import { type BatchHeader, readHeaders } from './batch.ts';
import { type BrokerEffect } from './broker-process.ts';

/** A batch, and where it lies. */
export interface MirroredBatch extends BatchHeader {
  readonly file: string;
  readonly positionBytes: number;
}

/** What became of a batch in a replica's log. */
export interface LogEvent {
  readonly kind: 'appended' | 'cut';
  readonly directory: string;
  readonly batch: MirroredBatch;
}

const segmentPattern = /^(partitions\/[^/]+)\/segment_\d{20}(\.\d+)?\.wal$/;

/**
 * Every batch in the logs of one broker's replicas, by what it has written: read from its files when a log is first touched
 * in a life of the broker, and from then on from its effects alone. Of a log that is compacted nothing is known, since
 * batches in it become others.
 */
export class LogMirror {
  readonly #segments: SimulatedSegments;
  /** By directory, ascending by offset. */
  readonly #logs = new Map<string, MirroredBatch[]>();
  readonly #compacted = new Set<string>();

  constructor(segments: SimulatedSegments) {
    this.#segments = segments;
  }

  /** The broker has started: what it finds is read when it has opened it. */
  recovered(): void {
    this.#logs.clear();
    this.#compacted.clear();
  }

  /** The broker has opened this log; its recovery has cut what it does not trust. */
  open(directory: string): void {
    if (this.#logs.has(directory)) return;
    this.#logs.set(directory, []);
    for (const { file, lengthBytes } of this.#segments.list(`${directory}/`)) {
      if (lengthBytes > 0) this.#append(file, this.#segments.peek(file, 0, lengthBytes), 0, undefined);
    }
  }

  /** The broker has made a step, of which its files show nothing yet. @returns what happens to batches by it, in order */
  stepped(effects: readonly BrokerEffect[]): readonly LogEvent[] {
    const events: LogEvent[] = [];
    for (const effect of effects) {
      switch (effect.kind) {
        case 'persist':
          for (const { file, bytes } of effect.appends) {
            this.#openOf(file);
            this.#append(file, bytes, this.#lengthOf(file), events);
          }
          break;
        case 'cutSegments':
          for (const { file, lengthBytes } of effect.cuts) {
            this.#openOf(file);
            this.#cut(file, lengthBytes, events);
          }
          break;
        case 'removeSegments':
          for (const file of effect.files) this.#cut(file, 0, undefined);
          break;
        default:
      }
    }
    return events;
  }

  /** Undefined for a log that is compacted; empty where there is none. */
  batches(directory: string): readonly MirroredBatch[] | undefined {
    return this.#compacted.has(directory) ? undefined : (this.#logs.get(directory) ?? []);
  }

  /** The batch that holds this offset. */
  batchAt(directory: string, offset: number): MirroredBatch | undefined {
    const batches = this.batches(directory);
    if (batches === undefined) return undefined;
    const batch = batches[firstEndingAt(batches, offset)];
    return batch !== undefined && batch.baseOffset <= offset ? batch : undefined;
  }

  /** Batches that end in this range, ascending; undefined for a log that is compacted. */
  between(directory: string, fromOffset: number, toOffset: number): readonly MirroredBatch[] | undefined {
    const batches = this.batches(directory);
    if (batches === undefined) return undefined;
    return batches.slice(firstEndingAt(batches, fromOffset), firstEndingAt(batches, toOffset));
  }

  #openOf(file: string): void {
    const directory = segmentPattern.exec(file)?.[1];
    if (directory !== undefined) this.open(directory);
  }

  #lengthOf(file: string): number {
    const directory = segmentPattern.exec(file)?.[1];
    const log = directory === undefined ? undefined : this.#logs.get(directory);
    const last = log?.findLast((batch) => batch.file === file);
    return last === undefined ? 0 : last.positionBytes + last.lengthBytes;
  }

  #append(file: string, bytes: Uint8Array, positionBytes: number, events: LogEvent[] | undefined): void {
    const found = segmentPattern.exec(file);
    const directory = found?.[1];
    if (directory === undefined) return;
    if (found?.[2] !== undefined) this.#compacted.add(directory);
    if (this.#compacted.has(directory)) return;
    const log = this.#logs.get(directory) ?? [];
    this.#logs.set(directory, log);
    let readBytes = 0;
    for (const header of soundHeaders(file, bytes)) {
      const batch = { ...header, file, positionBytes: positionBytes + header.positionBytes };
      readBytes += header.lengthBytes;
      log.push(batch);
      events?.push({ kind: 'appended', directory, batch });
    }
    if (readBytes !== bytes.length) {
      throw new Violation('torn-batch', `${bytes.length - readBytes} bytes of ${file} are no whole batch`);
    }
  }

  #cut(file: string, lengthBytes: number, events: LogEvent[] | undefined): void {
    const directory = segmentPattern.exec(file)?.[1];
    const log = directory === undefined ? undefined : this.#logs.get(directory);
    if (directory === undefined || log === undefined) return;
    const kept: MirroredBatch[] = [];
    for (const batch of log) {
      if (batch.file !== file || batch.positionBytes + batch.lengthBytes <= lengthBytes) kept.push(batch);
      else events?.push({ kind: 'cut', directory, batch });
    }
    this.#logs.set(directory, kept);
  }
}

/** Position of the first batch whose last offset is this or behind it. */
function firstEndingAt(batches: readonly MirroredBatch[], offset: number): number {
  let from = 0;
  let to = batches.length;
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if ((batches[middle]?.lastOffset ?? Infinity) < offset) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** @throws Violation where there is something else than sound batches */
function soundHeaders(file: string, bytes: Uint8Array): ReturnType<typeof readHeaders> {
  try {
    return readHeaders(bytes);
  } catch (failure) {
    if (!(failure instanceof RangeError)) throw failure;
    throw new Violation('torn-batch', `${file}: ${failure.message}`);
  }
}
