import { assert } from '../../base/assert.ts';
import { type Links, type StateForm } from '../../base/capture.ts';
import { keyOfRecord } from '../mvcc/record.ts';
import { mainRevisionOf } from '../mvcc/keys.ts';
import { Cohort, passCohort } from './cohort.ts';
import { WatchEvent } from './event.ts';
import { type WatchHistory } from './history.ts';
import { type Watch } from './stream.ts';

/** What bounds the work of one turn. */
export interface TurnBounds {
  /** Readings of history under way, at most: each reads every row for itself. */
  readonly readings: number;
  /** A watch joins a reading that is at most so many revisions before what it lacks, rather than begin one. */
  readonly joinRevisions: number;
  /** Rows of history, and their bytes, that one turn looks at; it goes on to the end of the revision that it is in. */
  readonly rows: number;
  readonly bytes: number;
  /** Watches that one turn takes up again, moves to the present, or looks at for progress. */
  readonly watches: number;
}

export const defaultTurnBounds: TurnBounds = {
  readings: 16,
  joinRevisions: 1_000,
  rows: 1_000,
  bytes: 524_288,
  watches: 1_000,
};

/**
 * The watches that lie in the past, on their way to the present.
 *
 * They are served from history by readings, each a cohort with a cursor of its own, in turns of bounded work, one reading
 * after the other: nobody who lacks little waits for somebody who lacks much, and one reading serves all who lack about the
 * same.
 */
export class CatchUp {
  readonly #history: WatchHistory;
  readonly #bounds: TurnBounds;
  #readings: Cohort[] = [];
  #turn = 0;

  constructor(history: WatchHistory, bounds: TurnBounds) {
    this.#history = history;
    this.#bounds = bounds;
  }

  get isEmpty(): boolean {
    return this.#readings.length === 0;
  }

  get readings(): number {
    return this.#readings.length;
  }

  /** Takes up a watch that lacks everything from `watch.next` on. */
  add(watch: Watch): void {
    this.#readingFor(watch.next).add(watch);
  }

  /** Takes up watches that lack everything from the cohort's cursor on. */
  adopt(cohort: Cohort): void {
    if (cohort.size > 0) this.#readings.push(cohort);
  }

  /** Forgets readings that serve nobody, and names the one whose turn it is. */
  nextReading(): Cohort | undefined {
    if (this.#readings.some(({ size }) => size === 0)) {
      this.#readings = this.#readings.filter(({ size }) => size > 0);
    }
    if (this.#readings.length === 0) return undefined;
    this.#turn = (this.#turn + 1) % this.#readings.length;
    return this.#readings[this.#turn];
  }

  /**
   * Lays one turn's events before the reading's watches.
   *
   * @param revision everything up to here is written
   * @returns the revision up to which its watches have then been given everything
   */
  read(reading: Cohort, revision: number, compactRevision: number): number {
    const from = reading.cursor;
    assert(from >= compactRevision, 'what is compacted is not read');
    let rows = 0;
    let bytes = 0;
    let current = 0;
    const { onlyKey } = reading;
    const changes =
      onlyKey === undefined
        ? this.#history.rows(from, revision)
        : this.#history.rowsOf(onlyKey, from, revision);
    for (const [at, record] of changes) {
      const rowRevision = mainRevisionOf(at);
      if (rowRevision !== current) {
        if (rows >= this.#bounds.rows || bytes >= this.#bounds.bytes) return current;
        current = rowRevision;
      }
      rows += 1;
      bytes += record.length;
      const event = new WatchEvent(rowRevision, keyOfRecord(record), record, undefined);
      // At the compacted revision itself what was before may have been freed: nobody is told of it then.
      if (!reading.match(event) || rowRevision <= compactRevision) continue;
      event.previous = this.#history.previous(event.key, at);
      bytes += event.previous?.length ?? 0;
    }
    return revision;
  }

  /** Takes out whoever lacks something that has been compacted. */
  takeOvertaken(compactRevision: number): readonly Watch[] {
    const overtaken: Watch[] = [];
    for (const reading of this.#readings) {
      if (reading.cursor >= compactRevision) continue;
      for (const watch of reading.watches()) if (watch.next < compactRevision) overtaken.push(watch);
      for (const watch of overtaken) if (watch.cohort === reading) reading.remove(watch);
      reading.cursor = compactRevision;
    }
    return overtaken;
  }

  passState(form: StateForm, watches: Links<Watch>): void {
    this.#readings = form.list('readings', this.#readings, new Cohort(0), passCohort(watches));
    this.#turn = form.number('turn', this.#turn);
  }

  #readingFor(next: number): Cohort {
    let best: Cohort | undefined;
    let first: Cohort | undefined;
    for (const reading of this.#readings) {
      if (first === undefined || reading.cursor < first.cursor) first = reading;
      if (reading.cursor <= next && (best === undefined || reading.cursor > best.cursor)) best = reading;
    }
    if (best !== undefined && next - best.cursor <= this.#bounds.joinRevisions) return best;
    if (first === undefined || this.#readings.length < this.#bounds.readings) {
      const reading = new Cohort(next);
      this.#readings.push(reading);
      return reading;
    }
    if (best !== undefined) return best;
    // The first one starts again for everybody; whoever has been given something is not given it twice.
    for (const watch of first.watches()) watch.next = Math.max(watch.next, first.cursor);
    first.cursor = next;
    return first;
  }
}
