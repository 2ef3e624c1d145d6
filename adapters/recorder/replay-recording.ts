import { equalBytes } from '../../core/base/bytes.ts';
import { type Captured } from '../../core/base/capture.ts';
import { writeCaptured } from '../../core/wire/captured-codec.ts';
import { WireError } from '../../core/wire/reader.ts';
import { WireWriter } from '../../core/wire/writer.ts';
import { TornStart } from './blocks.ts';
import {
  type Difference,
  type ReplayedMachine,
  type ReplayKit,
  replaySegment,
  type ReplayWatch,
  type SegmentOutcome,
} from './replay-segment.ts';
import { type SegmentPlace } from './ring.ts';
import { Segment } from './segment.ts';

/** What became of one segment. */
export interface SegmentReport<Event> {
  readonly path: string;
  readonly boot: number;
  readonly segment: number;
  /** Steps of its boot before it. */
  readonly stepsBefore: number;
  readonly steps: number;
  readonly checkpoints: number;
  /** Of its steps; empty where none was replayed. */
  readonly hash: string;
  /** `unreadable`: it does not begin as a segment does. `refused`: other code recorded it. */
  readonly ending: SegmentOutcome<Event, never>['ending'] | 'unreadable' | 'refused';
  readonly detail: string | undefined;
  readonly difference: Difference<Event> | undefined;
  /** Whether the machine at its end was captured as the next segment's checkpoint has it; undefined: not compared. */
  readonly stateEqual: boolean | undefined;
}

export interface RecordingReport<Event> {
  readonly segments: readonly SegmentReport<Event>[];
  /** What a person should know and that is no difference: what is missing, cut, left out. */
  readonly notes: readonly string[];
  /** What is wrong; none: everything that was recorded happened again, bit for bit. */
  readonly problems: readonly string[];
}

export interface ReplayRecordingOptions<Event, Effect, M> extends ReplayWatch<Event, Effect, M> {
  /** Only this start. */
  readonly boot?: number | undefined;
  /** @returns why a segment of these is not to be replayed; undefined: it is */
  readonly refuse?: (segment: Segment) => string | undefined;
  readonly onSegment?: (segment: Segment) => void;
}

/** Replays every segment of a directory, or of one boot, and holds each against what was recorded. */
export function replayRecording<
  Event extends { readonly kind: string },
  Effect,
  M extends ReplayedMachine<Event, Effect>,
>(
  places: readonly SegmentPlace[],
  kit: ReplayKit<Event, Effect, M>,
  options: ReplayRecordingOptions<Event, Effect, M> = {},
): RecordingReport<Event> {
  return new RecordingRun(places, kit, options).run();
}

class RecordingRun<
  Event extends { readonly kind: string },
  Effect,
  M extends ReplayedMachine<Event, Effect>,
> {
  readonly #places: readonly SegmentPlace[];
  readonly #kit: ReplayKit<Event, Effect, M>;
  readonly #options: ReplayRecordingOptions<Event, Effect, M>;
  readonly #reports: SegmentReport<Event>[] = [];
  readonly #notes: string[] = [];
  readonly #problems: string[] = [];

  constructor(
    places: readonly SegmentPlace[],
    kit: ReplayKit<Event, Effect, M>,
    options: ReplayRecordingOptions<Event, Effect, M>,
  ) {
    this.#places = places.filter(({ boot }) => options.boot === undefined || boot === options.boot);
    this.#kit = kit;
    this.#options = options;
  }

  run(): RecordingReport<Event> {
    for (const boot of new Set(this.#places.map((place) => place.boot))) {
      this.#replayBoot(
        boot,
        this.#places.filter((place) => place.boot === boot),
      );
    }
    return { segments: this.#reports, notes: this.#notes, problems: this.#problems };
  }

  #replayBoot(boot: number, places: readonly SegmentPlace[]): void {
    const first = places[0]?.segment ?? 1;
    if (first > 1) this.#notes.push(`boot ${boot}: segments 1 to ${first - 1} have made way for newer ones`);
    let machine: M | undefined;
    const refused = new Set<string>();
    for (const [position, place] of places.entries()) {
      const before = places[position - 1];
      if (before !== undefined && place.segment !== before.segment + 1) {
        this.#problems.push(
          `boot ${boot}: segments ${before.segment + 1} to ${place.segment - 1} are missing`,
        );
        machine = undefined;
      }
      const segment = this.#open(place, position === places.length - 1, refused);
      if (segment === undefined) {
        machine = undefined;
        continue;
      }
      if (machine !== undefined) this.#compareState(machine, segment);
      machine = this.#replay(place, segment, position === places.length - 1);
    }
  }

  #open(place: SegmentPlace, isLast: boolean, refused: Set<string>): Segment | undefined {
    const { boot, segment: number, path } = place;
    let segment: Segment;
    try {
      segment = Segment.open(path);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const text = `boot ${boot}, segment ${number}: ${error.message}`;
      // The process was killed when it had just been begun.
      (isLast && error instanceof TornStart ? this.#notes : this.#problems).push(text);
      this.#report(place, { ending: 'unreadable', detail: error.message });
      return undefined;
    }
    const { stepsMissed } = segment.header;
    if (stepsMissed > 0)
      this.#notes.push(`boot ${boot}: ${stepsMissed} steps before segment ${number} were not recorded`);
    const refusal = this.#options.refuse?.(segment);
    if (refusal === undefined) return segment;
    // Of all segments of a boot, nearly always, and for the same reason.
    if (!refused.has(refusal)) this.#problems.push(`boot ${boot}, segment ${number}: ${refusal}`);
    refused.add(refusal);
    this.#report(place, { ending: 'refused', detail: refusal, stepsBefore: segment.header.stepsBefore });
    return undefined;
  }

  /** @returns the machine, when the next segment goes on from where it is */
  #replay(place: SegmentPlace, segment: Segment, isLast: boolean): M | undefined {
    this.#options.onSegment?.(segment);
    const outcome = replaySegment(segment, this.#kit, this.#options);
    const { steps, checkpoints, hash, ending, detail, difference, machine } = outcome;
    const { stepsBefore } = segment.header;
    this.#report(place, { stepsBefore, steps, checkpoints, hash, ending, detail, difference });
    const where = `boot ${place.boot}, segment ${place.segment}`;
    if (difference !== undefined) this.#problems.push(`${where}: ${difference.what}`);
    else if (ending === 'damaged') this.#problems.push(`${where}: ${detail ?? 'damaged'}`);
    else if (ending === 'threw')
      this.#notes.push(`${where}: the machine failed, and does so again: ${detail ?? ''}`);
    else if (ending === 'cut') {
      const text = `${where}: ends without a word after step ${stepsBefore + steps}${detail === undefined ? '' : `; ${detail}`}`;
      (isLast ? this.#notes : this.#problems).push(text);
    }
    return ending === 'continued' ? machine : undefined;
  }

  #compareState(machine: M, next: Segment): void {
    const last = this.#reports.length - 1;
    const report = this.#reports[last];
    if (report === undefined || next.checkpoint.kind !== 'state') return;
    const stateEqual = equalBytes(encoded(machine.capture()), encoded(next.checkpoint.state));
    this.#reports[last] = { ...report, stateEqual };
    if (stateEqual) return;
    this.#problems.push(
      `boot ${report.boot}: the state behind segment ${report.segment} is not the one that segment ${next.header.segment} begins with`,
    );
  }

  #report(
    { path, boot, segment }: SegmentPlace,
    found: Pick<SegmentReport<Event>, 'ending' | 'detail'> & Partial<SegmentReport<Event>>,
  ): void {
    const nothing = {
      stepsBefore: 0,
      steps: 0,
      checkpoints: 0,
      hash: '',
      difference: undefined,
      stateEqual: undefined,
    };
    this.#reports.push({ path, boot, segment, ...nothing, ...found });
  }
}

function encoded(value: Captured): Uint8Array {
  const writer = new WireWriter();
  writeCaptured(writer, value);
  return writer.finish();
}
