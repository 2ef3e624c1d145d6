import { type PlasmaEvent, type PlasmaQuery } from '../api.ts';
import { type Revision } from '../types.ts';
import { type Batch } from './batch.ts';
import { refusedWith } from './decision.ts';
import { type Desk } from './desk.ts';
import { parseJson, ShapeError } from './json-shape.ts';
import { type KvOutcome, type KvRow } from './protocol.ts';
import { auditShape } from './row-codec.ts';
import { auditFolder, auditKey } from './rows.ts';
import { type ControlPlaneSettings } from './settings.ts';
import { endOf } from './takeover.ts';

type EventsQuery = Extract<PlasmaQuery, { readonly kind: 'events' }>;

interface EventRead {
  readonly requestId: number;
  readonly query: EventsQuery;
  readonly untilUs: number;
  /** The next key to read from. */
  key: string;
  /** The read under way; 0: it has read all there is, and waits for more. */
  kvId: number;
  /** Something was committed while it read. */
  again: boolean;
  /** Of the last record that was read. */
  revision: Revision;
  readonly found: PlasmaEvent[];
}

/** In one answer; whoever wants more asks again from the last. */
const eventsMax = 1_000;
/** Of one read: each holds the records of a project in a commit. */
const rowsMax = 128;

/** Readers of what has happened: from the store, since nobody keeps it in memory, and as it comes. */
export class EventReads {
  readonly #settings: ControlPlaneSettings;
  readonly #desk: Desk;
  /** By request. At most `pollsMax`: the owner counts. */
  readonly #reads = new Map<number, EventRead>();
  readonly #readOfKv = new Map<number, EventRead>();

  constructor(settings: ControlPlaneSettings, desk: Desk) {
    this.#settings = settings;
    this.#desk = desk;
  }

  get size(): number {
    return this.#reads.size;
  }

  get deadlineUs(): number {
    let deadlineUs = Infinity;
    for (const { kvId, untilUs } of this.#reads.values()) {
      if (kvId === 0) deadlineUs = Math.min(deadlineUs, untilUs);
    }
    return deadlineUs;
  }

  begin(requestId: number, query: EventsQuery): void {
    const { fromRevision, limit, waitUs } = query;
    if (
      ![fromRevision, limit, waitUs].every((value) => Number.isSafeInteger(value) && value >= 0) ||
      limit < 1
    ) {
      this.#desk.reply(
        requestId,
        refusedWith('INVALID', 'fromRevision and waitUs are whole numbers from 0, limit is one from 1'),
      );
      return;
    }
    const read: EventRead = {
      requestId,
      query: { ...query, limit: Math.min(limit, eventsMax) },
      untilUs: this.#desk.nowUs + Math.min(waitUs, this.#settings.pollUsMax),
      key: this.#settings.prefix + auditKey(fromRevision + 1, 0),
      kvId: 0,
      again: false,
      revision: fromRevision,
      found: [],
    };
    this.#reads.set(requestId, read);
    this.#ask(read);
  }

  cancel(requestId: number): void {
    const read = this.#reads.get(requestId);
    if (read === undefined) return;
    this.#reads.delete(requestId);
    this.#readOfKv.delete(read.kvId);
  }

  onTick(): void {
    for (const read of [...this.#reads.values()]) {
      if (read.kvId === 0 && this.#desk.nowUs >= read.untilUs) this.#answer(read, read.found.length);
    }
  }

  onCommitted(batch: Batch): void {
    for (const read of [...this.#reads.values()]) {
      if (!batch.events.some((event) => isAskedFor(event, read.query))) continue;
      if (read.kvId === 0) this.#ask(read);
      else read.again = true;
    }
  }

  onAnswered(kvId: number, outcome: KvOutcome): void {
    const read = this.#readOfKv.get(kvId);
    if (read === undefined) return;
    this.#readOfKv.delete(kvId);
    read.kvId = 0;
    if (outcome.kind !== 'range') {
      this.cancel(read.requestId);
      this.#desk.refuse(read.requestId, 'UNAVAILABLE', 'the store could not be read');
      return;
    }
    for (const row of outcome.rows) this.#take(read, row);
    // Of the last commit there may be more in the next page.
    const { found } = read;
    const last = outcome.more ? found.findIndex(({ revision }) => revision >= read.revision) : -1;
    const whole = last < 0 ? found.length : last;
    if (whole >= read.query.limit || (whole > 0 && !outcome.more)) this.#answer(read, whole);
    else if (outcome.more || read.again) this.#ask(read);
    else if (this.#desk.nowUs >= read.untilUs) this.#answer(read, whole);
  }

  #take(read: EventRead, row: KvRow): void {
    read.key = `${row.key}\0`;
    try {
      for (const event of parseJson(auditShape, row.value, row.key)) {
        read.revision = event.revision;
        if (isAskedFor(event, read.query)) read.found.push(event);
      }
    } catch (error) {
      // Somebody has written there by hand: records less.
      if (!(error instanceof ShapeError)) throw error;
    }
  }

  #ask(read: EventRead): void {
    const { pageRows, kvTimeoutUs: timeoutUs, prefix } = this.#settings;
    const limit = Math.min(pageRows, rowsMax);
    const end = endOf(prefix + auditFolder);
    read.again = false;
    read.kvId = this.#desk.ask({ kind: 'kvRange', key: read.key, end, revision: 0, limit, timeoutUs });
    this.#readOfKv.set(read.kvId, read);
  }

  /** @param whole so many of what was found are of commits of which all was found */
  #answer(read: EventRead, whole: number): void {
    this.cancel(read.requestId);
    const events = wholeCommits(read.found.slice(0, whole), read.query.limit);
    this.#desk.reply(read.requestId, { kind: 'events', events });
  }
}

/**
 * The first of them, at most so many, without a part of a commit: whoever asks again behind the last revision would never see the
 * rest. More of them only where the first commit alone has more.
 */
function wholeCommits(events: readonly PlasmaEvent[], limit: number): readonly PlasmaEvent[] {
  const isEnd = (at: number): boolean => events[at - 1]?.revision !== events[at]?.revision;
  if (events.length <= limit) return events;
  let end = limit;
  while (end > 0 && !isEnd(end)) end -= 1;
  if (end === 0) while (end === 0 || !isEnd(end)) end += 1;
  return events.slice(0, end);
}

/** What belongs to no project is shown with each: nodes come and go for all. */
function isAskedFor(event: PlasmaEvent, { project, fromRevision }: EventsQuery): boolean {
  return event.revision > fromRevision && (event.project === undefined || event.project === project);
}
