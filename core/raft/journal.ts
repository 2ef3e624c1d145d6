import { assert } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';
import { type GroupId } from '../base/ids.ts';
import { type BatchLocation } from '../storage/record-log.ts';
import { type RecoveredGroup, spanOf } from './log-replay.ts';
import {
  decodeEntries,
  type EntryRun,
  type GroupRecord,
  type Position,
  type RecordPlaces,
} from './records.ts';
import { type Span, SpanIndex, termIn } from './spans.ts';
import { blankEntry, blankPosition, passEntry, passPosition } from './state-parts.ts';
import { type Entry, type HardState, type Term } from './types.ts';

/** What a journal needs of the log that it shares with the node's other groups. */
export interface JournalDesk {
  /** The journal has something to write in this step. Returns the sync number under which it will be durable. */
  enlist(journal: GroupJournal): number;
  /** The files that a group's entries lie in may have become free. */
  freed(): void;
  read(location: BatchLocation): Uint8Array;
}

/** One group's share of the node's log: what it must write in this step, and where its earlier entries lie. */
export class GroupJournal {
  readonly group: GroupId;
  /** Configuration entries that the log was found to hold, ascending. */
  readonly foundConfigurations: readonly Entry[];
  /** Where the log was found to end. */
  readonly foundLast: Position;
  readonly #desk: JournalDesk;
  readonly #spans: SpanIndex;
  #hardState: HardState;
  #repairing: boolean;
  #base: Position;
  #recordSeq: number;
  /** Sync number of the newest write; 0 before the first in this life. */
  #writeSeq = 0;

  // What this step writes.
  #news = false;
  #hardStateChanged = false;
  #restart: Position | undefined;
  #previousTerm: Term = 0;
  #entries: Entry[] = [];
  /** The base was raised and no record says so yet. Harmless until files are removed. */
  #baseDue = false;
  #lastRead: { readonly span: Span; readonly entries: readonly Entry[] } | undefined;

  /** `recovered: undefined`: the log has never heard of the group. */
  constructor(group: GroupId, desk: JournalDesk, recovered: RecoveredGroup | undefined) {
    this.group = group;
    this.#desk = desk;
    this.#spans = recovered?.spans ?? new SpanIndex();
    this.#hardState = recovered?.hardState ?? { term: 0, vote: 0, boot: 0 };
    this.#repairing = recovered?.repairing ?? false;
    this.#base = recovered?.base ?? { index: 0, term: 0 };
    this.#recordSeq = recovered?.recordSeq ?? 0;
    this.foundConfigurations = recovered?.configurations ?? [];
    const last = this.#spans.last;
    this.foundLast =
      last === undefined ? this.#base : { index: last.lastIndex, term: termIn(last, last.lastIndex) };
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get repairing(): boolean {
    return this.#repairing;
  }

  /** The position before the first entry. */
  get base(): Position {
    return this.#base;
  }

  get writeSeq(): number {
    return this.#writeSeq;
  }

  get baseDue(): boolean {
    return this.#baseDue;
  }

  get hardStateChanged(): boolean {
    return this.#hardStateChanged;
  }

  get spans(): SpanIndex {
    return this.#spans;
  }

  saveHardState(hardState: HardState): void {
    assert(hardState.term >= this.#hardState.term, 'a term never falls');
    assert(
      hardState.term > this.#hardState.term ||
        this.#hardState.vote === 0 ||
        hardState.vote === this.#hardState.vote,
      'a member votes once a term',
    );
    this.#hardState = hardState;
    this.#hardStateChanged = true;
    this.#enlist();
  }

  saveRepairing(repairing: boolean): void {
    this.#repairing = repairing;
    this.#enlist();
  }

  /** The entries replace everything at and above the first of them. */
  append(previousTerm: Term, entries: readonly Entry[]): void {
    const first = (entries[0] as Entry).index;
    this.#spans.truncateFrom(first);
    const pendingFirst = this.#entries[0]?.index ?? first;
    if (first <= pendingFirst) {
      this.#entries = [...entries];
      this.#previousTerm = previousTerm;
    } else {
      this.#entries.length = first - pendingFirst;
      for (const entry of entries) this.#entries.push(entry);
    }
    this.#enlist();
  }

  /** Everything is forgotten; the log restarts behind the position. */
  restart(position: Position): void {
    this.#spans.clear();
    this.#entries = [];
    this.#base = position;
    this.#baseDue = false;
    this.#restart = position;
    this.#desk.freed();
    this.#enlist();
  }

  /** Entries at and below the position are no longer needed. Written only when it helps to remove a file. */
  compact(position: Position): void {
    assert(position.index > this.#base.index, 'the base only rises');
    this.#spans.dropBelow(position.index + 1);
    this.#base = position;
    this.#baseDue = true;
    this.#desk.freed();
  }

  /** The span's entries that still count. */
  read(span: Span): readonly Entry[] {
    let entries = this.#lastRead?.entries;
    if (entries === undefined || this.#lastRead?.span !== span) {
      entries = decodeEntries(this.#desk.read(span.location), span, span.storedFirstIndex);
      this.#lastRead = { span, entries };
    }
    return entries.slice(span.firstIndex - span.storedFirstIndex, span.lastIndex - span.storedFirstIndex + 1);
  }

  /** Live entries in batches below `batchSeq`, to be written again. */
  copiesBelow(batchSeq: number): readonly EntryRun[] {
    return this.#spans.below(batchSeq).map((span) => ({
      previousTerm: termIn(span, span.firstIndex - 1),
      entries: this.read(span),
    }));
  }

  /** What the batch that is being written says of the group. */
  takeRecord(options: { readonly restates: boolean; readonly copies: readonly EntryRun[] }): GroupRecord {
    if (this.#news) this.#recordSeq += 1;
    const statesBase = options.restates || this.#baseDue;
    const record: GroupRecord = {
      group: this.group,
      recordSeq: this.#recordSeq,
      news: this.#news,
      term: this.#hardState.term,
      vote: this.#hardState.vote,
      boot: this.#hardState.boot,
      repairing: this.#repairing,
      restart: this.#restart,
      base: statesBase ? this.#base : undefined,
      copies: options.copies,
      entries:
        this.#entries.length === 0 ? undefined : { previousTerm: this.#previousTerm, entries: this.#entries },
    };
    if (statesBase) this.#baseDue = false;
    this.#news = false;
    this.#hardStateChanged = false;
    this.#restart = undefined;
    this.#entries = [];
    return record;
  }

  /** The record was framed: this is where its entries lie. */
  located(record: GroupRecord, places: RecordPlaces, location: BatchLocation): void {
    record.copies.forEach((run, at) => {
      const place = places.copies[at];
      if (place !== undefined) this.#spans.place(spanOf(run, place, { location }));
    });
    if (record.entries !== undefined && places.entries !== undefined) {
      this.#spans.push(spanOf(record.entries, places.entries, { location }));
    }
    // The base may have been raised past some of them in the same step.
    this.#spans.dropBelow(this.#base.index + 1);
  }

  /** Not what the log was found to hold: that was for whoever recovered it. */
  passState(form: StateForm): void {
    form.part('spans', this.#spans);
    this.#hardState = form.object('hardState', this.#hardState, passHardState);
    this.#repairing = form.flag('repairing', this.#repairing);
    this.#base = form.object('base', this.#base, passPosition);
    this.#recordSeq = form.number('recordSeq', this.#recordSeq);
    this.#writeSeq = form.number('writeSeq', this.#writeSeq);
    this.#news = form.flag('news', this.#news);
    this.#hardStateChanged = form.flag('hardStateChanged', this.#hardStateChanged);
    this.#restart = form.optional('restart', this.#restart, blankPosition, passPosition);
    this.#previousTerm = form.number('previousTerm', this.#previousTerm);
    this.#entries = form.list('entries', this.#entries, blankEntry, passEntry);
    this.#baseDue = form.flag('baseDue', this.#baseDue);
    this.#passLastRead(form);
  }

  /** The file may have been damaged since: what was read before is known all the same. */
  #passLastRead(form: StateForm): void {
    const spans = this.#spans.all;
    const last = this.#lastRead;
    const at = form.number('lastReadAt', last === undefined ? -1 : spans.indexOf(last.span));
    const entries = form.list('lastRead', at < 0 ? [] : (last?.entries ?? []), blankEntry, passEntry);
    const span = spans[at];
    this.#lastRead = span === undefined ? undefined : { span, entries };
  }

  #enlist(): void {
    this.#news = true;
    this.#writeSeq = this.#desk.enlist(this);
  }
}

function passHardState(form: StateForm, hardState: HardState): HardState {
  return {
    term: form.number('term', hardState.term),
    vote: form.number('vote', hardState.vote),
    boot: form.number('boot', hardState.boot),
  };
}
