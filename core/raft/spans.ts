import { assert, present } from '../base/assert.ts';
import { type Pass, passText, type StateForm } from '../base/capture.ts';
import { type BatchLocation } from '../storage/record-log.ts';
import { type LogIndex, type Term } from './types.ts';

/** From `index` on, entries are of this term. */
export interface TermRun {
  readonly index: LogIndex;
  readonly term: Term;
}

/** Consecutive entries of one group within one batch of the log. `firstIndex` and `lastIndex` clip what still counts. */
export interface Span {
  firstIndex: LogIndex;
  lastIndex: LogIndex;
  /** Index of the entry at `offsetBytes`; never clipped. */
  readonly storedFirstIndex: LogIndex;
  /** Term of the entry before `storedFirstIndex`: two spans whose terms meet here belong together (Raft §5.3). */
  readonly previousTerm: Term;
  /** Ascending; the first begins at `storedFirstIndex`. */
  readonly runs: readonly TermRun[];
  readonly location: BatchLocation;
  /** Where in the batch's payload the entries begin, and how long they are. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Term of the entry at `index`, or of the one just before the span. */
export function termIn(span: Span, index: LogIndex): Term {
  if (index === span.storedFirstIndex - 1) return span.previousTerm;
  let term = span.previousTerm;
  for (const run of span.runs) {
    if (run.index > index) break;
    term = run.term;
  }
  return term;
}

/** Where the entries of a group lie, in order of index. While a log is being recovered there may be gaps between spans. */
export class SpanIndex {
  #spans: Span[] = [];
  /** Set once spans were moved forward: then an older index may lie in a newer batch. */
  #shuffled = false;

  get first(): Span | undefined {
    return this.#spans[0];
  }

  get last(): Span | undefined {
    return this.#spans.at(-1);
  }

  get all(): readonly Span[] {
    return this.#spans;
  }

  push(span: Span): void {
    const last = this.last;
    assert(last === undefined || span.firstIndex > last.lastIndex, 'spans are in order of index');
    this.#spans.push(span);
  }

  /** Entries at and above `index` no longer count. */
  truncateFrom(index: LogIndex): void {
    for (let last = this.last; last !== undefined && last.lastIndex >= index; last = this.last) {
      if (last.firstIndex < index) {
        last.lastIndex = index - 1;
        return;
      }
      this.#spans.pop();
    }
  }

  /** Entries below `index` no longer count. */
  dropBelow(index: LogIndex): void {
    let gone = 0;
    for (let span = this.#spans[0]; span !== undefined && span.lastIndex < index; span = this.#spans[gone])
      gone += 1;
    if (gone > 0) this.#spans.splice(0, gone);
    const first = this.first;
    if (first !== undefined && first.firstIndex < index) first.firstIndex = index;
  }

  clear(): void {
    this.#spans = [];
    this.#shuffled = false;
  }

  /** The span's entries now lie in another batch: it takes the place of what was known of its indexes. */
  place(span: Span): void {
    const spans: Span[] = [];
    let placed = false;
    for (const old of this.#spans) {
      if (old.firstIndex < span.firstIndex) {
        spans.push({ ...old, lastIndex: Math.min(old.lastIndex, span.firstIndex - 1) });
      }
      if (!placed && old.lastIndex >= span.firstIndex) {
        spans.push(span);
        placed = true;
      }
      if (old.lastIndex > span.lastIndex) {
        spans.push({ ...old, firstIndex: Math.max(old.firstIndex, span.lastIndex + 1) });
      }
    }
    if (!placed) spans.push(span);
    this.#spans = spans;
    this.#shuffled = true;
  }

  find(index: LogIndex): Span | undefined {
    let low = 0;
    let high = this.#spans.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const span = this.#spans[middle] as Span;
      if (index < span.firstIndex) high = middle - 1;
      else if (index > span.lastIndex) low = middle + 1;
      else return span;
    }
    return undefined;
  }

  termAt(index: LogIndex): Term | undefined {
    const span = this.find(index);
    return span === undefined ? undefined : termIn(span, index);
  }

  /** The oldest batch that still holds a live entry; `Infinity` when there is none. */
  get oldestBatchSeq(): number {
    const first = this.first;
    if (first === undefined) return Infinity;
    if (!this.#shuffled) return first.location.batchSeq;
    let oldest = Infinity;
    for (const span of this.#spans) oldest = Math.min(oldest, span.location.batchSeq);
    return oldest;
  }

  /** Spans that lie in batches below `batchSeq`. */
  below(batchSeq: number): readonly Span[] {
    if (this.oldestBatchSeq >= batchSeq) return [];
    return this.#spans.filter((span) => span.location.batchSeq < batchSeq);
  }

  passState(form: StateForm): void {
    // Many spans lie in few files.
    const files = form.list('files', new Set(this.#spans.map((span) => span.location.file)), '', passText);
    this.#spans = form.list('spans', this.#spans, blankSpan, passSpan(files));
    this.#shuffled = form.flag('shuffled', this.#shuffled);
  }
}

const blankSpan: Span = {
  firstIndex: 0,
  lastIndex: 0,
  storedFirstIndex: 0,
  previousTerm: 0,
  runs: [],
  location: { batchSeq: 0, file: '', positionBytes: 0, lengthBytes: 0 },
  offsetBytes: 0,
  lengthBytes: 0,
};

function passSpan(files: readonly string[]): Pass<Span> {
  const numbers = new Map(files.map((file, number) => [file, number]));
  return (form, span) => {
    const { location } = span;
    const file = form.number('file', numbers.get(location.file) ?? 0);
    return {
      firstIndex: form.number('firstIndex', span.firstIndex),
      lastIndex: form.number('lastIndex', span.lastIndex),
      storedFirstIndex: form.number('storedFirstIndex', span.storedFirstIndex),
      previousTerm: form.number('previousTerm', span.previousTerm),
      runs: passRuns(form, span.runs),
      location: {
        batchSeq: form.number('batchSeq', location.batchSeq),
        file: present(files[file], 'a span lies in a file that is named'),
        positionBytes: form.number('positionBytes', location.positionBytes),
        lengthBytes: form.number('batchBytes', location.lengthBytes),
      },
      offsetBytes: form.number('offsetBytes', span.offsetBytes),
      lengthBytes: form.number('lengthBytes', span.lengthBytes),
    };
  };
}

/** Index and term by turns: there are many spans, and nearly every one has one run. */
function passRuns(form: StateForm, runs: readonly TermRun[]): readonly TermRun[] {
  const flat = form.data(
    'runs',
    runs.flatMap(({ index, term }) => [index, term]),
  );
  if (!form.restores) return runs;
  const passed: TermRun[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2)
    passed.push({ index: flat[at] as LogIndex, term: flat[at + 1] as Term });
  return passed;
}

/** Where each term begins in consecutive entries. */
export function termRuns(
  entries: readonly { readonly index: LogIndex; readonly term: Term }[],
): readonly TermRun[] {
  const runs: TermRun[] = [];
  let term = -1;
  for (const entry of entries) {
    if (entry.term === term) continue;
    term = entry.term;
    runs.push({ index: entry.index, term });
  }
  present(runs[0], 'a span holds an entry');
  return runs;
}
