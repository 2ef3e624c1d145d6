import { type StateForm } from '../base/capture.ts';
import { blankEntry, passEntry } from './state-parts.ts';
import { type Entry, type LogIndex } from './types.ts';

/** What an entry costs in memory and in a window besides its data. */
export const entryOverheadBytes = 64;

export function entryBytes(entry: Entry): number {
  return entry.data.length + entryOverheadBytes;
}

/** The newest entries of a group: consecutive, appended at the end, dropped at either side. */
export class EntryCache {
  #entries: Entry[] = [];
  /** Entries before this position of the array are gone. */
  #head = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#entries.length - this.#head;
  }

  /** Index of the oldest entry; `Infinity` when there is none. */
  get firstIndex(): LogIndex {
    return this.#entries[this.#head]?.index ?? Infinity;
  }

  at(index: LogIndex): Entry | undefined {
    const first = this.firstIndex;
    return index < first ? undefined : this.#entries[this.#head + index - first];
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entryBytes(entry);
  }

  truncateFrom(index: LogIndex): void {
    while (this.length > 0 && (this.#entries.at(-1) as Entry).index >= index) {
      this.#bytes -= entryBytes(this.#entries.pop() as Entry);
    }
  }

  dropFirst(): void {
    this.#bytes -= entryBytes(this.#entries[this.#head] as Entry);
    this.#head += 1;
    // Half of the array is gone: moving the rest costs each entry once on average.
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  passState(form: StateForm): void {
    const entries = form.list('entries', this.#entries.slice(this.#head), blankEntry, passEntry);
    if (!form.restores) return;
    this.clear();
    for (const entry of entries) this.push(entry);
  }
}
