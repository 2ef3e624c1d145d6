import { assert, present } from '../base/assert.ts';
import { passArray, type StateForm } from '../base/capture.ts';
import { decodeConfiguration } from './configuration.ts';
import { EntryCache, entryBytes } from './entry-cache.ts';
import { type GroupJournal } from './journal.ts';
import { type Position } from './records.ts';
import { passPosition } from './state-parts.ts';
import { type Configuration, type Entry, type LogIndex, type Term } from './types.ts';

interface PlacedConfiguration {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

/** Entries that were written under one sync number; `last` falls when a later write replaces them. */
interface UnsyncedWrite {
  readonly syncSeq: number;
  last: LogIndex;
}

/**
 * One group's log: firstIndex … lastIndex, recent entries in memory, all of them in the node's log. Writes go to the
 * journal and become durable with its sync number.
 */
export class RaftLog {
  readonly journal: GroupJournal;
  readonly #cacheBytesMax: number;
  readonly #cache = new EntryCache();
  #last: Position;
  /** Everything up to here is durable in this member's own log. Invariant: base ≤ synced ≤ last. */
  #syncedIndex: LogIndex;
  /** Oldest first. Bounded by what is written between two syncs: one element a step. */
  readonly #unsynced: UnsyncedWrite[] = [];
  /** The configuration in force at the base or at what was last applied, then every later one in the log. */
  #configurations: PlacedConfiguration[];

  /** @param start what the store reflects, and the configuration in force there */
  constructor(
    journal: GroupJournal,
    options: {
      readonly cacheBytesMax: number;
      readonly start: Position & { readonly configuration: Configuration };
    },
  ) {
    this.journal = journal;
    this.#cacheBytesMax = options.cacheBytesMax;
    this.#last = journal.foundLast;
    this.#syncedIndex = this.#last.index;
    const { index, configuration } = options.start;
    this.#configurations = [{ index, configuration }];
    for (const entry of journal.foundConfigurations) {
      if (entry.index > index) this.#remember(entry);
    }
  }

  get firstIndex(): LogIndex {
    return this.journal.base.index + 1;
  }

  get lastIndex(): LogIndex {
    return this.#last.index;
  }

  get lastTerm(): Term {
    return this.#last.term;
  }

  get syncedIndex(): LogIndex {
    return this.#syncedIndex;
  }

  /** In force: the newest in the log, committed or not (Raft §4.1). */
  get configuration(): Configuration {
    return (this.#configurations.at(-1) as PlacedConfiguration).configuration;
  }

  /** Where the configuration in force was appended, or an index at or below what was applied. */
  get configurationIndex(): LogIndex {
    return (this.#configurations.at(-1) as PlacedConfiguration).index;
  }

  /** The newest configuration at or below `index`, as far back as what was applied. */
  configurationAt(index: LogIndex): Configuration {
    const found = this.#configurations.findLast((placed) => placed.index <= index) ?? this.#configurations[0];
    return (found as PlacedConfiguration).configuration;
  }

  termAt(index: LogIndex): Term | undefined {
    if (index === this.#last.index) return this.#last.term;
    if (index === this.journal.base.index) return this.journal.base.term;
    if (index < this.journal.base.index || index > this.#last.index) return undefined;
    return this.#cache.at(index)?.term ?? this.journal.spans.termAt(index);
  }

  /** The highest index at or below `index` whose term is at most `term`: where two logs may agree at best. */
  lastIndexWithTermAtMost(term: Term, index: LogIndex): LogIndex {
    let at = Math.min(index, this.#last.index);
    while (at > this.journal.base.index && (this.termAt(at) ?? 0) > term) at -= 1;
    return at;
  }

  /** Appends, replacing everything at and above the first entry. */
  append(entries: readonly Entry[]): void {
    const first = present(entries[0], 'an append has an entry').index;
    const last = entries.at(-1) as Entry;
    assert(first > this.journal.base.index, 'what is no longer held is not replaced');
    assert(first <= this.#last.index + 1, 'a log has no gaps');
    const previousTerm = present(this.termAt(first - 1), 'the entry before is known');
    if (first <= this.#last.index) this.#truncateFrom(first);
    this.journal.append(previousTerm, entries);
    for (const entry of entries) {
      this.#cache.push(entry);
      if (entry.kind === 'configuration') this.#remember(entry);
    }
    this.#last = { index: last.index, term: last.term };
    this.#wrote();
    this.#evict();
  }

  /** Entries from … to, clipped to what the log holds and to `bytesMax`, but at least one. */
  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] {
    const found: Entry[] = [];
    const end = Math.min(to, this.#last.index);
    let bytes = 0;
    for (let index = Math.max(from, this.firstIndex); index <= end;) {
      const cached = this.#cache.at(index);
      const part = cached === undefined ? this.#readBack(index) : [cached];
      for (const entry of part) {
        bytes += entryBytes(entry);
        if (entry.index > end || (found.length > 0 && bytes > bytesMax)) return found;
        found.push(entry);
      }
      index += part.length;
    }
    return found;
  }

  /** Entries at and below `index` are no longer needed. */
  compact(index: LogIndex): void {
    if (index <= this.journal.base.index) return;
    assert(index <= this.#syncedIndex, 'only what is durable is given up');
    this.journal.compact({ index, term: present(this.termAt(index), 'what is given up is held') });
    while (this.#cache.firstIndex <= index) this.#cache.dropFirst();
  }

  /** The state machine now holds everything up to this position; nothing of the old log counts. */
  restart(position: Position, configuration: Configuration): void {
    this.journal.restart(position);
    this.#cache.clear();
    this.#last = position;
    this.#unsynced.length = 0;
    // What the position covers is durable in the store already.
    this.#syncedIndex = position.index;
    this.#configurations = [{ index: position.index, configuration }];
    this.#wrote();
  }

  /** The store durably holds what entries up to `index` did, whether or not they are durable here. */
  covered(index: LogIndex): void {
    this.#syncedIndex = Math.max(this.#syncedIndex, index);
    this.applied(index);
  }

  /** The state machine has applied up to `index`: configurations before the one in force there are never needed again. */
  applied(index: LogIndex): void {
    while ((this.#configurations[1]?.index ?? Infinity) <= index) this.#configurations.shift();
  }

  synced(syncSeq: number): void {
    for (
      let write = this.#unsynced[0];
      write !== undefined && write.syncSeq <= syncSeq;
      write = this.#unsynced[0]
    ) {
      this.#syncedIndex = Math.max(this.#syncedIndex, write.last);
      this.#unsynced.shift();
    }
    this.#evict();
  }

  passState(form: StateForm): void {
    form.part('cache', this.#cache);
    this.#last = form.object('last', this.#last, passPosition);
    this.#syncedIndex = form.number('syncedIndex', this.#syncedIndex);
    passArray(form, 'unsynced', this.#unsynced, { syncSeq: 0, last: 0 }, (row, { syncSeq, last }) => ({
      syncSeq: row.number('syncSeq', syncSeq),
      last: row.number('last', last),
    }));
    const noConfiguration = { voters: [], outgoing: [], learners: [] };
    const blank: PlacedConfiguration = { index: 0, configuration: noConfiguration };
    this.#configurations = form.list('configurations', this.#configurations, blank, (row, placed) => ({
      index: row.number('index', placed.index),
      configuration: row.data('configuration', placed.configuration),
    }));
  }

  #truncateFrom(index: LogIndex): void {
    this.#cache.truncateFrom(index);
    this.#syncedIndex = Math.min(this.#syncedIndex, index - 1);
    for (const write of this.#unsynced) write.last = Math.min(write.last, index - 1);
    while (this.configurationIndex >= index) {
      this.#configurations.pop();
      assert(this.#configurations.length > 0, 'what was applied is not truncated');
    }
  }

  #wrote(): void {
    const { writeSeq } = this.journal;
    const newest = this.#unsynced.at(-1);
    if (newest?.syncSeq === writeSeq) newest.last = this.#last.index;
    else this.#unsynced.push({ syncSeq: writeSeq, last: this.#last.index });
  }

  /** What is not durable stays: it cannot be read back with certainty. */
  #evict(): void {
    while (this.#cache.bytes > this.#cacheBytesMax && this.#cache.firstIndex <= this.#syncedIndex) {
      this.#cache.dropFirst();
    }
  }

  #readBack(index: LogIndex): readonly Entry[] {
    const span = present(this.journal.spans.find(index), `entry ${index} is in the log`);
    return this.journal.read(span).slice(index - span.firstIndex);
  }

  #remember(entry: Entry): void {
    this.#configurations.push({ index: entry.index, configuration: decodeConfiguration(entry.data) });
  }
}
