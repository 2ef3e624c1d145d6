import { type Capturable, type Captured } from '../../core/base/capture.ts';
import { type Machine } from '../../core/base/machine.ts';
import { RollingHash } from '../../core/base/rolling-hash.ts';
import { type StorageBackend } from '../../core/storage/backend.ts';
import { type SegmentRepair } from '../../core/storage/segment-files.ts';
import { WireError, type WireReader } from '../../core/wire/reader.ts';
import { recordName, records } from './format.ts';
import { RecordedFailure, RecordingEnd, ReplayDifference } from './replay-error.ts';
import { ReplayedAnswers } from './replayed-answers.ts';
import { ReplayedSegments } from './replayed-segments.ts';
import { ReplayedStore } from './replayed-store.ts';
import { RestoredStore } from './restored-store.ts';
import { type Segment } from './segment.ts';

export interface ReplayPorts {
  readonly store: StorageBackend;
  readonly segments: SegmentRepair;
}

export type ReplayedMachine<Event, Effect> = Machine<Event, Effect> & Capturable;

/** How machines of a system are put up again. */
export interface ReplayKit<
  Event,
  Effect,
  M extends ReplayedMachine<Event, Effect> = ReplayedMachine<Event, Effect>,
> {
  readonly codec: { read(reader: WireReader): Event };
  readonly tables: readonly string[];
  recover(
    ports: ReplayPorts,
    start: { readonly config: Captured; readonly seed: string; readonly nowUs: number },
  ): M;
  restore(
    ports: ReplayPorts,
    start: { readonly config: Captured; readonly state: Captured; readonly nowUs: number },
  ): M;
}

/** One step, as it was replayed. */
export interface ReplayedStep<Event, Effect, M> {
  /** Of its boot, from 1. */
  readonly number: number;
  readonly atUs: number;
  readonly event: Event;
  readonly effects: readonly Effect[];
  readonly machine: M;
}

/** Where a replay parted from what was recorded. */
export interface Difference<Event> {
  readonly what: string;
  /** The step that differs; undefined: the recovery, or what follows the last step. */
  readonly step: { readonly number: number; readonly atUs: number; readonly event: Event } | undefined;
  /** The last step whose hash was compared and equal; the number of the segment's first step, less 1, where none was. */
  readonly equalUpTo: number;
}

export interface SegmentOutcome<Event, M> {
  readonly steps: number;
  /** Hashes that were compared and equal. */
  readonly checkpoints: number;
  /** Rolling hash over times, kinds and effects of these steps, as 16 hex digits. */
  readonly hash: string;
  /**
   * `continued`, `gap`, `ended`: as the recorder wrote. `threw`: the machine failed, and did so again. `cut`: the process
   * was killed, or goes on. `damaged`: there was more. `stopped`: further than was asked for. `differed`: see `difference`.
   */
  readonly ending: 'continued' | 'gap' | 'ended' | 'threw' | 'cut' | 'damaged' | 'stopped' | 'differed';
  /** What the machine threw, or where the damage is. */
  readonly detail: string | undefined;
  readonly difference: Difference<Event> | undefined;
  /** At the end; undefined when it was never up. */
  readonly machine: M | undefined;
}

export interface ReplayWatch<Event, Effect, M> {
  /** Steps behind this one are not replayed. */
  readonly untilStep?: number;
  readonly onStep?: (step: ReplayedStep<Event, Effect, M>) => void;
}

/** Puts a segment's machine up from its checkpoint, and steps it through all that was recorded. */
export function replaySegment<
  Event extends { readonly kind: string },
  Effect,
  M extends ReplayedMachine<Event, Effect>,
>(
  segment: Segment,
  kit: ReplayKit<Event, Effect, M>,
  watch: ReplayWatch<Event, Effect, M> = {},
): SegmentOutcome<Event, M> {
  return new SegmentRun(segment, kit, watch).run();
}

type Ending = Pick<SegmentOutcome<never, never>, 'ending' | 'detail'>;

class SegmentRun<Event extends { readonly kind: string }, Effect, M extends ReplayedMachine<Event, Effect>> {
  readonly #segment: Segment;
  readonly #kit: ReplayKit<Event, Effect, M>;
  readonly #watch: ReplayWatch<Event, Effect, M>;
  readonly #hash = new RollingHash();
  readonly #answers: ReplayedAnswers;
  #machine: M | undefined;
  #nowUs: number;
  #steps = 0;
  #checkpoints = 0;
  #equalUpTo: number;
  #step: Difference<Event>['step'];

  constructor(segment: Segment, kit: ReplayKit<Event, Effect, M>, watch: ReplayWatch<Event, Effect, M>) {
    this.#segment = segment;
    this.#kit = kit;
    this.#watch = watch;
    this.#answers = new ReplayedAnswers(segment);
    this.#nowUs = segment.checkpoint.nowUs;
    this.#equalUpTo = segment.header.stepsBefore;
  }

  run(): SegmentOutcome<Event, M> {
    try {
      this.#begin();
      for (;;) {
        const ending = this.#next();
        if (ending !== undefined) return this.#outcome(ending);
      }
    } catch (cause) {
      return this.#failed(cause);
    }
  }

  #begin(): void {
    const { checkpoint, header } = this.#segment;
    const { config } = header;
    const { nowUs } = checkpoint;
    const replayed = new ReplayedStore(this.#kit.tables, this.#answers);
    const segments = new ReplayedSegments(this.#answers);
    if (checkpoint.kind === 'state') {
      const store = new RestoredStore(checkpoint.base, replayed);
      this.#machine = this.#kit.restore({ store, segments }, { config, state: checkpoint.state, nowUs });
      store.restored();
      return;
    }
    this.#machine = this.#kit.recover(
      { store: replayed, segments },
      { config, seed: checkpoint.seed, nowUs },
    );
    this.#expect(records.recovered, 'recovers');
  }

  /** One step or checkpoint. @returns how the segment ends, if it does here */
  #next(): Ending | undefined {
    const kind = this.#segment.peek();
    switch (kind) {
      case undefined:
        return this.#endOfRecords();
      case records.event:
        return this.#replayStep();
      case records.checkpoint:
        this.#compareCheckpoint();
        return undefined;
      case records.continued:
        this.#compareCheckpoint();
        return { ending: 'continued', detail: undefined };
      case records.gap:
        this.#compareCheckpoint();
        return { ending: 'gap', detail: undefined };
      case records.ended:
        this.#compareCheckpoint();
        return { ending: 'ended', detail: undefined };
      default:
        throw new ReplayDifference(`the recording goes on with ${recordName(kind)}, for which nobody asks`);
    }
  }

  #replayStep(): Ending | undefined {
    const number = this.#segment.header.stepsBefore + this.#steps + 1;
    if (number > (this.#watch.untilStep ?? Infinity)) return { ending: 'stopped', detail: undefined };
    const fields = this.#segment.take();
    this.#nowUs += fields.varint();
    const event = this.#kit.codec.read(fields);
    const atUs = this.#nowUs;
    this.#step = { number, atUs, event };
    const machine = this.#machine as M;
    const effects = machine.step(event, atUs);
    this.#hash.number(atUs);
    this.#hash.text(event.kind);
    this.#hash.value(effects);
    const stepped = this.#expect(records.stepped, 'ends its step');
    const mark = stepped.byte() | (stepped.byte() << 8);
    if (mark !== this.#hash.mark())
      throw new ReplayDifference('its effects are not those that were recorded');
    this.#steps += 1;
    this.#answers.isOpen = false;
    this.#watch.onStep?.({ number, atUs, event, effects, machine });
    this.#answers.isOpen = true;
    this.#step = undefined;
    return undefined;
  }

  #compareCheckpoint(): void {
    const fields = this.#segment.take();
    const steps = fields.varint();
    const digest = fields.latin1();
    if (steps !== this.#steps) {
      throw new ReplayDifference(`${this.#steps} steps were replayed where ${steps} were recorded`);
    }
    if (digest !== this.#hash.digest()) {
      throw new ReplayDifference(`the hash is ${this.#hash.digest()}, and was ${digest}`);
    }
    this.#checkpoints += 1;
    this.#equalUpTo = this.#segment.header.stepsBefore + steps;
  }

  #expect(kind: number, does: string): WireReader {
    const found = this.#segment.peek();
    if (found === undefined) throw new RecordingEnd('the recording ends in the middle of a step');
    if (found === records.threw) {
      throw new ReplayDifference(
        `the machine ${does}; it threw when it was recorded: ${this.#segment.take().text()}`,
      );
    }
    if (found !== kind) {
      throw new ReplayDifference(`the machine ${does} where the recording has ${recordName(found)}`);
    }
    return this.#segment.take();
  }

  #endOfRecords(): Ending {
    const { end } = this.#segment;
    if (end === undefined) return { ending: 'cut', detail: undefined };
    const where = `at byte ${end.atBytes}`;
    if (end.kind === 'torn')
      return { ending: 'cut', detail: `the last block, ${where}, was not written whole` };
    return {
      ending: 'damaged',
      detail: `the block ${where} is not what was written; what follows is not replayed`,
    };
  }

  #failed(cause: unknown): SegmentOutcome<Event, M> {
    if (cause instanceof RecordingEnd) return this.#outcome(this.#endOfRecords());
    if (cause instanceof RecordedFailure) return this.#outcome({ ending: 'threw', detail: cause.message });
    if (cause instanceof ReplayDifference) return this.#differed(cause.message);
    const message = cause instanceof Error ? cause.message : String(cause);
    if (cause instanceof WireError) return this.#differed(`what was recorded cannot be read: ${message}`);
    // The machine's own: as it was recorded, or new.
    if (this.#segment.peek() !== records.threw) {
      if (this.#segment.peek() === undefined)
        return this.#outcome({ ...this.#endOfRecords(), detail: message });
      return this.#differed(`the machine throws, and did not when it was recorded: ${message}`);
    }
    const recorded = this.#segment.take().text();
    if (recorded === message) return this.#outcome({ ending: 'threw', detail: message });
    return this.#differed(
      `the machine throws ${JSON.stringify(message)}, and threw ${JSON.stringify(recorded)}`,
    );
  }

  #differed(what: string): SegmentOutcome<Event, M> {
    const difference = { what, step: this.#step, equalUpTo: this.#equalUpTo };
    return { ...this.#outcome({ ending: 'differed', detail: undefined }), difference };
  }

  #outcome({ ending, detail }: Ending): SegmentOutcome<Event, M> {
    return {
      steps: this.#steps,
      checkpoints: this.#checkpoints,
      hash: this.#hash.digest(),
      ending,
      detail,
      difference: undefined,
      machine: this.#machine,
    };
  }
}
