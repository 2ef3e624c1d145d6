import { type GroupId } from '../base/ids.ts';
import { type RecoveredBatch } from '../storage/record-log.ts';
import { DataLossError } from './data-loss.ts';
import {
  decodeBatch,
  type EntryRun,
  type GroupRecord,
  type Position,
  type RecordPlaces,
  type RunPlace,
} from './records.ts';
import { type Span, SpanIndex, termIn, termRuns } from './spans.ts';
import { type Entry, type HardState } from './types.ts';

/**
 * A change of a group's hard state is repeated in every batch that begins within this many bytes of log behind it, so
 * that no damage shorter than that can lose it.
 */
export const restatedForBytes = 65_536;

export interface RecoveredGroup {
  readonly hardState: HardState;
  readonly recordSeq: number;
  /** What an earlier start, or this one, found to be lost has not been fetched again yet. */
  readonly repairing: boolean;
  readonly base: Position;
  readonly spans: SpanIndex;
  /** Configuration entries that the log holds, ascending. */
  readonly configurations: readonly Entry[];
}

/** What the durable store of a group reflects. */
export type AppliedPositions = ReadonlyMap<GroupId, Position>;

/**
 * Builds the groups of a node from the batches of its log.
 *
 * Without damage it is plain replay. With batches missing (a hole), it has to say for every group what is still true:
 *
 * - The **hard state** of a group is the one in its newest record. Every record states it whole, and each change is
 *   repeated in all batches of the next `restatedForBytes`. So, if a group has no record behind a hole that is shorter, its
 *   hard state did not change within the hole. Behind a longer hole, or one with nothing intact behind it, a promise may
 *   be lost (a vote, or a term below which nothing may be acknowledged), and no message from others can tell which. Such
 *   a group must not run: `DataLossError`.
 *   So does one whose entries do not join although nothing seems to be missing: its end was lost as if it had been torn.
 * - The **entries** are followed from the base upwards, or from what the store has applied where the log below has gaps.
 *   A run belongs to what is below it exactly if the term of the entry before it is the one it names (Log Matching, Raft
 *   §5.3). The first that does not belong ends the log. If the newest run behind the hole does belong, the log is whole:
 *   whatever the hole held was replaced, or is below what is known to be right.
 * - Otherwise entries that were acknowledged may be gone: the group is `repairing`.
 */
export class LogReplay {
  readonly #groups = new Map<GroupId, ReplayedGroup>();
  #anyHole = false;
  /** Batches that open a file and state every group, ascending. */
  readonly #restatements: number[] = [];
  #previous: RecoveredBatch | undefined;
  /** A hole behind which no statement shows that it left groups without a record alone. */
  #unboundedHole = false;

  get restatements(): readonly number[] {
    return this.#restatements;
  }

  /** Batches are missing here; `next` is the first behind them, if there is one. */
  hole(next: RecoveredBatch | undefined): void {
    this.#anyHole = true;
    const previous = this.#previous?.location;
    const bounded =
      previous !== undefined &&
      next !== undefined &&
      previous.file === next.location.file &&
      next.location.positionBytes - previous.positionBytes - previous.lengthBytes < restatedForBytes;
    if (!bounded) this.#unboundedHole = true;
    for (const group of this.#groups.values()) group.hole(bounded);
  }

  batch(recovered: RecoveredBatch): void {
    const batch = decodeBatch(recovered.payload);
    if (batch.restates && recovered.location.positionBytes === 0)
      this.#restatements.push(recovered.location.batchSeq);
    batch.records.forEach((record, at) => {
      let group = this.#groups.get(record.group);
      if (group === undefined) {
        group = new ReplayedGroup(this.#anyHole);
        this.#groups.set(record.group, group);
      }
      group.replay(record, batch.places[at] as RecordPlaces, recovered);
    });
    // A batch that states every group says of the groups that it does not name that they did not exist.
    if (batch.restates) this.#unboundedHole = false;
    this.#previous = recovered;
  }

  /** @throws DataLossError when the group's hard state may be lost */
  finish(id: GroupId, applied: Position | undefined): RecoveredGroup | undefined {
    const group = this.#groups.get(id);
    if (group !== undefined) return group.finish(id, applied);
    if (this.#unboundedHole) throw new DataLossError(hardStateLost(id));
    return undefined;
  }
}

class ReplayedGroup {
  #record: GroupRecord | undefined;
  #base: Position | undefined;
  readonly #spans = new SpanIndex();
  #configurations: Entry[] = [];
  /** A hole may have held records of this group. */
  #suspect = false;
  /** Since the last such hole the end of the log was stated anew. */
  #endStated = false;
  /** A hole without a record of this group behind it, too long to be sure that there was none in it. */
  #hardStateDoubtful = false;
  /** A hole since the last record. */
  #holeSince: boolean;

  constructor(holeSince: boolean) {
    this.#holeSince = holeSince;
  }

  hole(bounded: boolean): void {
    this.#holeSince = true;
    if (!bounded) this.#hardStateDoubtful = true;
  }

  replay(record: GroupRecord, places: RecordPlaces, batch: RecoveredBatch): void {
    if (this.#holeSince) {
      this.#holeSince = false;
      if (record.recordSeq !== (this.#record?.recordSeq ?? 0) + (record.news ? 1 : 0)) {
        this.#suspect = true;
        this.#endStated = false;
      }
    }
    this.#hardStateDoubtful = false;
    this.#record = record;
    if (record.restart !== undefined) this.#restart(record.restart);
    if (record.base !== undefined) this.#raiseBase(record.base);
    record.copies.forEach((run, at) => {
      this.#spans.place(spanOf(run, places.copies[at] as RunPlace, batch));
      this.#keepConfigurations(run);
    });
    if (record.entries !== undefined) this.#append(record.entries, places.entries as RunPlace, batch);
    // In one step the base may be raised past entries that were appended in it.
    if (this.#base !== undefined) this.#spans.dropBelow(this.#base.index + 1);
  }

  finish(id: GroupId, applied: Position | undefined): RecoveredGroup {
    const record = this.#record as GroupRecord;
    if (this.#hardStateDoubtful) throw new DataLossError(hardStateLost(id));
    if (this.#holeSince) {
      this.#suspect = true;
      this.#endStated = false;
    }
    const start = applied ?? { index: 0, term: 0 };
    let base = this.#base ?? start;
    // Where batches are missing, the log may have begun lower than what is left of it says.
    if (this.#suspect && base.index > start.index) base = start;
    let gapAt = this.#firstGap(base);
    if (gapAt !== undefined) {
      // Nothing that is left says that batches are missing, and yet it does not join: files were removed on the word of a
      // record that is not there any more, and whatever was written with it or behind it is gone as well.
      if (!this.#suspect) throw new DataLossError(hardStateLost(id));
      if (gapAt <= start.index) {
        base = start;
        this.#spans.dropBelow(start.index + 1);
        gapAt = this.#firstGap(base);
      }
      if (gapAt !== undefined) this.#truncateFrom(gapAt);
    }
    const whole = gapAt === undefined && (!this.#suspect || this.#endStated);
    return {
      hardState: { term: record.term, vote: record.vote, boot: record.boot },
      recordSeq: record.recordSeq,
      repairing: record.repairing || !whole,
      base,
      spans: this.#spans,
      configurations: this.#configurations.filter((entry) => entry.index > base.index),
    };
  }

  /** The first index that is missing or does not belong to what is below it. */
  #firstGap(base: Position): number | undefined {
    let { index, term } = base;
    for (const span of this.#spans.all) {
      if (span.firstIndex !== index + 1 || termIn(span, index) !== term) return index + 1;
      index = span.lastIndex;
      term = termIn(span, index);
    }
    return undefined;
  }

  #restart(position: Position): void {
    this.#base = position;
    this.#spans.clear();
    this.#configurations = [];
    this.#endStated = true;
  }

  #raiseBase(position: Position): void {
    if (this.#base !== undefined && position.index <= this.#base.index) return;
    this.#base = position;
    this.#spans.dropBelow(position.index + 1);
  }

  #truncateFrom(index: number): void {
    this.#spans.truncateFrom(index);
    while ((this.#configurations.at(-1)?.index ?? 0) >= index) this.#configurations.pop();
  }

  #append(run: EntryRun, place: RunPlace, batch: RecoveredBatch): void {
    const first = run.entries[0] as Entry;
    this.#base ??= { index: first.index - 1, term: run.previousTerm };
    this.#truncateFrom(first.index);
    this.#spans.push(spanOf(run, place, batch));
    this.#keepConfigurations(run);
    this.#endStated = true;
  }

  #keepConfigurations(run: EntryRun): void {
    const found = run.entries.filter((entry) => entry.kind === 'configuration');
    const first = (run.entries[0] as Entry).index;
    const last = (run.entries.at(-1) as Entry).index;
    const others = this.#configurations.filter((entry) => entry.index < first || entry.index > last);
    if (found.length === 0 && others.length === this.#configurations.length) return;
    this.#configurations = [...others, ...found].sort((left, right) => left.index - right.index);
  }
}

export function spanOf(run: EntryRun, place: RunPlace, batch: Pick<RecoveredBatch, 'location'>): Span {
  const first = run.entries[0] as Entry;
  return {
    firstIndex: first.index,
    lastIndex: (run.entries.at(-1) as Entry).index,
    storedFirstIndex: first.index,
    previousTerm: run.previousTerm,
    runs: termRuns(run.entries),
    location: batch.location,
    offsetBytes: place.offsetBytes,
    lengthBytes: place.lengthBytes,
  };
}

function hardStateLost(id: GroupId): string {
  return (
    `the log is damaged where the newest term and vote of group ${id} may have been: ` +
    'this member cannot take part without risk to what others acknowledged; remove it and add it anew'
  );
}
