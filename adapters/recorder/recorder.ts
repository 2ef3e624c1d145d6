import { join } from 'node:path';

import { assert } from '../../core/base/assert.ts';
import { type Captured } from '../../core/base/capture.ts';
import { RollingHash } from '../../core/base/rolling-hash.ts';
import { bytesPerKib, bytesPerMib, usPerMs } from '../../core/base/units.ts';
import { writeCaptured } from '../../core/wire/captured-codec.ts';
import { WireWriter } from '../../core/wire/writer.ts';
import { AnswerRecords } from './answer-records.ts';
import { type AnswerLog } from './answers.ts';
import { AppendQueue } from './append-queue.ts';
import {
  blockHead,
  type Checkpoint,
  formatMark,
  type RecordedIdentity,
  type RecordedState,
  records,
  type SegmentHeader,
  segmentName,
  type Software,
} from './format.ts';
import { listSegments, makeRecordingDirectory, makeRoom } from './ring.ts';
import { assertOwn } from './own-recording.ts';

export interface EventWriter<Event> {
  write(writer: WireWriter, event: Event): void;
}

export interface RecorderOptions<Event> {
  readonly dir: string;
  readonly identity: RecordedIdentity;
  readonly bootId: string;
  readonly software: Software;
  readonly config: Captured;
  /** Of the machine's randomness. */
  readonly seed: string;
  readonly codec: EventWriter<Event>;
  /** A segment that has this much is closed, and the next begins; later where its checkpoint alone is a large part of that. */
  readonly segmentBytesMax?: number;
  /** The directory holds at most so many times `segmentBytesMax`, but for what a recovery reads, which is kept whole. */
  readonly segmentsMax?: number;
  /** Bytes that wait for the disk; at the bound events are left out until it has caught up. */
  readonly bufferBytesMax?: number;
  /** Steps between two checkpoints of the hash. */
  readonly checkpointSteps?: number;
  /** CPU time for which a checkpoint may hold the machine up: one that takes longer is the last. */
  readonly checkpointCpuUsMax?: number;
  /** Called once when the recording ends before its time; the machine goes on. */
  readonly onFailed?: (reason: Error) => void;
  /** Called when events begin to be left out, and when they are recorded again: then with how many were. */
  readonly onGap?: (stepsMissed: number | undefined) => void;
}

export const defaultRecorderOptions = {
  segmentBytesMax: 64 * bytesPerMib,
  segmentsMax: 4,
  bufferBytesMax: 16 * bytesPerMib,
  checkpointSteps: 256,
  checkpointCpuUsMax: 500 * usPerMs,
} as const;

/**
 * A block is closed at this size. With one step more, unless that is a very large one, its writer's buffer is still one that is
 * kept: growing it anew for every block costs several times the block in memory.
 */
const blockBytes = 32 * bytesPerKib;
/** And at this age: what a process that is killed takes with it. */
export const blockAgeMsMax = 100;

/** A segment has at least this many times the bytes of its checkpoint, so that to take it down costs little beside the steps, */
const segmentPerCheckpoint = 5;
/** but never more than half of the ring. A checkpoint of more than this share of the ring leaves no room for steps. */
const checkpointsPerRingMin = 4;

/**
 * `recovering`, then `recording`; `skipping` while the disk is behind and steps are left out; `off` after a failure or the end.
 */
type RecorderState = 'recovering' | 'recording' | 'skipping' | 'off';

/**
 * Writes down what one machine is given, from its recovery on. It never waits, never throws, and never stops the machine: a
 * disk that is slow costs a gap, one that fails the rest of the recording.
 */
export class Recorder<Event extends { readonly kind: string }> {
  readonly #options: Required<RecorderOptions<Event>>;
  readonly #queue: AppendQueue;
  readonly #boot: number;
  readonly #writer = new WireWriter();
  readonly #answers = new AnswerRecords(this.#writer, () => this.#closeLargeBlock());
  #state: RecorderState = 'recovering';
  #segment = 0;
  /** Of the segment that is open. */
  #segmentBytesMax = 0;
  #path = '';
  /** Of this boot's closed segments: the last ones may not be on the disk yet. */
  readonly #sizes = new Map<string, number>();
  #hash = new RollingHash();
  /** Steps of the boot, recorded or not. */
  #steps = 0;
  #segmentSteps = 0;
  #stepsMissed = 0;
  #lastUs = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Begins the recording of a boot: what the machine asks while it recovers is written down at once.
   *
   * @throws RecorderError when the directory holds the recording of another node
   * @throws Error when the disk does not take it
   */
  static open<Event extends { readonly kind: string }>(
    options: RecorderOptions<Event>,
    nowUs: number,
  ): Recorder<Event> {
    makeRecordingDirectory(options.dir);
    const places = listSegments(options.dir);
    assertOwn(options.dir, places, options.identity);
    const recorder = new Recorder(options, (places.at(-1)?.boot ?? 0) + 1);
    recorder.#beginSegment({ kind: 'recovery', seed: options.seed, nowUs });
    recorder.#answers.isOpen = true;
    return recorder;
  }

  private constructor(options: RecorderOptions<Event>, boot: number) {
    this.#options = {
      ...defaultRecorderOptions,
      onFailed: () => undefined,
      onGap: () => undefined,
      ...options,
    };
    this.#boot = boot;
    this.#queue = new AppendQueue((reason) => this.#fail(reason));
  }

  /** Counts the starts that were recorded into the directory. */
  get boot(): number {
    return this.#boot;
  }

  /** Handed to the disk and not yet taken. */
  get pendingBytes(): number {
    return this.#queue.pendingBytes;
  }

  /** What the ports that are lent to the machine answer to. */
  get answers(): AnswerLog {
    return this.#answers;
  }

  /** Between two steps, before the event is stepped. */
  stepBegins(event: Event, nowUs: number, capture: () => RecordedState): void {
    if (this.#state === 'off') return;
    try {
      this.#steps += 1;
      if (!this.#mayRecord(nowUs, capture)) return;
      const writer = this.#writer;
      writer.byte(records.event);
      writer.varint(nowUs - this.#lastUs);
      this.#lastUs = nowUs;
      this.#options.codec.write(writer, event);
      this.#answers.isOpen = true;
    } catch (cause) {
      this.#fail(cause);
    }
  }

  stepEnded(event: Event, nowUs: number, effects: readonly unknown[]): void {
    if (!this.#answers.isOpen) return;
    this.#answers.isOpen = false;
    try {
      this.#segmentSteps += 1;
      const hash = this.#hash;
      hash.number(nowUs);
      hash.text(event.kind);
      hash.value(effects);
      const mark = hash.mark();
      const writer = this.#writer;
      writer.byte(records.stepped);
      writer.byte(mark & 0xff);
      writer.byte(mark >>> 8);
      if (this.#segmentSteps % this.#options.checkpointSteps === 0) this.#writeCheckpoint(records.checkpoint);
      this.#closeFullBlock();
      this.#timer ??= setTimeout(this.#onTimer, blockAgeMsMax).unref();
    } catch (cause) {
      this.#fail(cause);
    }
  }

  /** The machine has failed, in a step or while it recovered. Nothing is recorded any more. */
  threw(cause: unknown): void {
    if (!this.#answers.isOpen) return;
    this.#answers.isOpen = false;
    try {
      this.#writer.byte(records.threw);
      this.#writer.text(messageOf(cause));
      this.#end();
    } catch (failure) {
      this.#fail(failure);
    }
  }

  recovered(): void {
    if (!this.#answers.isOpen) return;
    this.#answers.isOpen = false;
    try {
      this.#writer.byte(records.recovered);
      this.#closeBlock();
      this.#state = 'recording';
    } catch (cause) {
      this.#fail(cause);
    }
  }

  /** Ends the recording in order, and resolves when all of it is the system's. */
  async close(): Promise<void> {
    if (this.#state === 'recording') {
      try {
        this.#writeCheckpoint(records.ended);
        this.#end();
      } catch (cause) {
        this.#fail(cause);
      }
    }
    this.#state = 'off';
    clearTimeout(this.#timer);
    await this.#queue.close();
  }

  /** Makes way for a new segment where it is time for one, and says whether the step is to be recorded. */
  #mayRecord(nowUs: number, capture: () => RecordedState): boolean {
    if (this.#state === 'skipping') {
      if (this.#queue.pendingBytes > 0) {
        this.#stepsMissed += 1;
        return false;
      }
      this.#state = 'recording';
      this.#options.onGap(this.#stepsMissed);
      this.#nextSegment(nowUs, capture);
    } else if (this.#queue.pendingBytes >= this.#options.bufferBytesMax) {
      this.#state = 'skipping';
      this.#writeCheckpoint(records.gap);
      this.#closeBlock();
      this.#queue.flush();
      this.#stepsMissed = 1;
      this.#options.onGap(undefined);
      return false;
    } else if (this.#queue.fileBytes >= this.#segmentBytesMax) {
      this.#writeCheckpoint(records.continued);
      this.#closeBlock();
      this.#nextSegment(nowUs, capture);
    }
    return true;
  }

  #nextSegment(nowUs: number, capture: () => RecordedState): void {
    const before = process.threadCpuUsage();
    this.#beginSegment({ kind: 'state', nowUs, ...capture() });
    this.#stepsMissed = 0;
    const { user, system } = process.threadCpuUsage(before);
    if (user + system < this.#options.checkpointCpuUsMax) return;
    // It has held the member up once; it must not do so again.
    const tookMs = Math.round((user + system) / usPerMs);
    throw new Error(
      `to take the state down took ${tookMs} ms, more than ${this.#options.checkpointCpuUsMax / usPerMs}`,
    );
  }

  #beginSegment(checkpoint: Checkpoint): void {
    const { dir, identity, bootId, software, config, segmentBytesMax, segmentsMax } = this.#options;
    this.#segment += 1;
    const bytesMax = segmentBytesMax * segmentsMax;
    const body = capturedBytes({ ...checkpoint });
    if (body.length > bytesMax / checkpointsPerRingMin) {
      throw new Error(
        `the state alone takes ${body.length} bytes, more than a quarter of the ${bytesMax} that may be kept`,
      );
    }
    this.#segmentBytesMax = Math.max(
      segmentBytesMax,
      Math.min(segmentPerCheckpoint * body.length, Math.floor(bytesMax / 2)),
    );
    this.#hash = new RollingHash();
    this.#segmentSteps = 0;
    this.#lastUs = checkpoint.nowUs;
    if (this.#path !== '') this.#sizes.set(this.#path, this.#queue.fileBytes);
    const removed = makeRoom(dir, { roomBytes: this.#segmentBytesMax, bytesMax }, this.#sizes);
    for (const path of removed) this.#sizes.delete(path);
    this.#path = join(dir, segmentName(this.#boot, this.#segment));
    this.#queue.open(this.#path);
    // The step that is about to be recorded is not before the segment.
    const stepsBefore = this.#state === 'recovering' ? 0 : this.#steps - 1;
    const header: SegmentHeader = {
      software,
      identity,
      boot: this.#boot,
      bootId,
      segment: this.#segment,
      begunAt: new Date().toISOString(),
      config,
      stepsBefore,
      stepsMissed: this.#stepsMissed,
    };
    this.#append(formatMark());
    // Interfaces of plain data, which the type does not know to be without behaviour.
    this.#appendBlock(capturedBytes({ ...header, software: { ...software }, identity: { ...identity } }));
    this.#appendBlock(body);
  }

  #writeCheckpoint(kind: number): void {
    this.#writer.byte(kind);
    this.#writer.varint(this.#segmentSteps);
    this.#writer.latin1(this.#hash.digest());
  }

  /** In the middle of a step, in which nothing may be thrown into the machine. */
  #closeLargeBlock(): void {
    try {
      this.#closeFullBlock();
    } catch (cause) {
      this.#fail(cause);
    }
  }

  #closeFullBlock(): void {
    if (this.#writer.length >= blockBytes) this.#closeBlock();
  }

  #closeBlock(): void {
    if (this.#writer.length === 0) return;
    const payload = this.#writer.finish();
    this.#writer.reset();
    this.#appendBlock(payload);
  }

  #appendBlock(payload: Uint8Array): void {
    this.#append(blockHead(payload));
    this.#append(payload);
  }

  /** Nobody is served while a machine recovers: what it reads then, all of its log, is not held in memory. */
  #append(bytes: Uint8Array): void {
    if (this.#state === 'recovering') this.#queue.appendNow(bytes);
    else this.#queue.append(bytes);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#state !== 'recording') return;
    assert(!this.#answers.isOpen, 'timers run between steps');
    this.#closeBlock();
    this.#queue.flush();
  };

  #end(): void {
    this.#closeBlock();
    this.#queue.flush();
    this.#state = 'off';
  }

  #fail(cause: unknown): void {
    if (this.#state === 'off') return;
    this.#state = 'off';
    this.#answers.isOpen = false;
    // What is whole is kept.
    this.#queue.flush();
    this.#options.onFailed(cause instanceof Error ? cause : new Error(messageOf(cause)));
  }
}

function capturedBytes(value: Captured): Uint8Array {
  const writer = new WireWriter();
  writeCaptured(writer, value);
  return writer.finish();
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
