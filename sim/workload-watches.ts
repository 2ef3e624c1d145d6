import { between, type Prng } from '../core/base/prng.ts';
import { usPerMs } from '../core/base/units.ts';
import { watchFilters } from '../core/chainfire/api/watch.ts';
import { type WatchBatch, type WatchEnd, type WatchTarget } from '../core/chainfire/client/protocol.ts';
import { keyspace, keyspaceEnd, workloadKey } from './workload-calls.ts';
import { type Undertaking } from './undertaking.ts';
import { type ClientDesk, type WatchListener } from './workload-desk.ts';
import { type KeyKnowledge } from './workload-knowledge.ts';

/** Every key there is, as etcd names it. */
const everything = { key: '\0', rangeEnd: '\0' };
const leasePrefix = { key: 'lease/', rangeEnd: 'lease0' };
const lockPrefix = { key: 'lock/', rangeEnd: 'lock0' };
/** How far back and ahead of what is known a watch may begin. */
const pastReach = 80;
const futureReach = 100;
/** So often a watch that compaction has overtaken is opened again. */
const openedAgainMax = 3;
/** So often a concluding watch is opened anew. */
const openedMax = 50;

/** A watch of a client's: opened, perhaps paused for a while, closed after some time. Once told to stop it stays open. */
export class WatchUndertaking implements Undertaking, WatchListener {
  readonly #desk: ClientDesk;
  readonly #target: WatchTarget;
  #watchId: number;
  #openedAgain = 0;
  #closeUs: number;
  #pauseUs: number;
  #resumeUs = Infinity;
  #over = false;

  constructor(options: {
    readonly desk: ClientDesk;
    readonly prng: Prng;
    readonly keys: number;
    readonly knowledge: KeyKnowledge;
  }) {
    const { desk, prng } = options;
    this.#desk = desk;
    this.#closeUs = desk.nowUs + between(prng, 200, 25_000) * usPerMs;
    this.#pauseUs = Infinity;
    if (prng.chance(1, 4)) {
      this.#pauseUs = desk.nowUs + between(prng, 1, 5_000) * usPerMs;
      this.#resumeUs = this.#pauseUs + between(prng, 1, 6_000) * usPerMs;
    }
    this.#target = drawTarget(prng, options.keys, options.knowledge.revision);
    this.#watchId = desk.openWatch(this.#target, this);
  }

  get over(): boolean {
    return this.#over;
  }

  /** Nothing of it is under way that somebody would wait for. */
  get settled(): boolean {
    return true;
  }

  get deadlineUs(): number {
    return this.#over ? Infinity : Math.min(this.#closeUs, this.#pauseUs, this.#resumeUs);
  }

  tick(): void {
    const { nowUs } = this.#desk;
    if (this.#over) return;
    if (nowUs >= this.#closeUs) {
      this.#over = true;
      this.#desk.closeWatch(this.#watchId);
    } else if (nowUs >= this.#pauseUs) {
      this.#pauseUs = Infinity;
      this.#desk.pauseWatch(this.#watchId);
    } else if (nowUs >= this.#resumeUs) {
      this.#resumeUs = Infinity;
      this.#desk.resumeWatch(this.#watchId);
    }
  }

  stop(): void {
    this.#closeUs = Infinity;
    this.#pauseUs = Infinity;
    this.#resumeUs = Infinity;
    if (!this.#over) this.#desk.resumeWatch(this.#watchId);
  }

  vanish(): void {
    this.#over = true;
  }

  delivered(): void {
    // The desk keeps the record.
  }

  /** As a real client: what is compacted is passed over, and it goes on at the very first revision that there is. */
  ended(end: WatchEnd): void {
    if (end.kind === 'refused' || this.#over || this.#openedAgain >= openedAgainMax) {
      this.#over = true;
      return;
    }
    this.#openedAgain += 1;
    this.#watchId = this.#desk.openWatch({ ...this.#target, startRevision: end.compactRevision }, this);
  }
}

/**
 * A watch of everything from a revision that a client knows, on and on: it ends a client's work, which is over when it has been
 * told of all that there is, and goes on in a restored cluster from what was seen in another. What is compacted is passed over,
 * as a real client would.
 */
export class WatchOfEverything implements WatchListener {
  readonly #desk: ClientDesk;
  readonly #startRevision: number;
  #completeUpTo = 0;
  #state = 'it was not set up yet';
  #opened = 0;

  constructor(options: { readonly desk: ClientDesk; readonly startRevision: number }) {
    this.#desk = options.desk;
    this.#startRevision = options.startRevision;
  }

  open(): void {
    this.#open(this.#startRevision);
  }

  /** Why it has not yet told of everything up to this revision; undefined when it has. */
  behind(revision: number): string | undefined {
    if (this.#completeUpTo >= revision) return undefined;
    return `a watch of everything has come to revision ${this.#completeUpTo}, not ${revision}; ${this.#state}`;
  }

  delivered(batch: WatchBatch): void {
    this.#completeUpTo = Math.max(this.#completeUpTo, batch.revision);
    this.#state = 'it is open';
  }

  ended(end: WatchEnd): void {
    this.#state = end.kind === 'compacted' ? `compacted at ${end.compactRevision}` : end.reason;
    this.#open(end.kind === 'compacted' ? end.compactRevision : this.#completeUpTo + 1);
  }

  #open(startRevision: number): void {
    this.#opened += 1;
    if (this.#opened > openedMax) return;
    const target = { ...everything, startRevision, prevKv: false, filters: [], progressNotify: true };
    this.#desk.openWatch(target, this);
  }
}

function drawTarget(prng: Prng, keys: number, revision: number): WatchTarget {
  return {
    ...drawKeys(prng, keys),
    startRevision: drawStart(prng, revision),
    prevKv: prng.chance(1, 2),
    filters: drawFilters(prng),
    progressNotify: prng.chance(1, 2),
  };
}

function drawKeys(prng: Prng, keys: number): { readonly key: string; readonly rangeEnd: string } {
  const from = prng.below(keys);
  switch (prng.below(10)) {
    case 0:
    case 1:
    case 2:
      return { key: workloadKey(from), rangeEnd: '' };
    case 3:
      return { key: workloadKey(from), rangeEnd: workloadKey(from + between(prng, 1, 5)) };
    case 4:
      return { key: keyspace, rangeEnd: keyspaceEnd };
    case 5:
      return { key: workloadKey(from), rangeEnd: '\0' };
    case 6:
      return leasePrefix;
    case 7:
      return lockPrefix;
    default:
      return everything;
  }
}

/** From now, from what was seen or just not seen yet, from what may be compacted, or from the future. */
function drawStart(prng: Prng, revision: number): number {
  switch (prng.below(8)) {
    case 0:
    case 1:
    case 2:
      return 0;
    case 3:
      return revision + 1;
    case 4:
      return prng.below(3) + 1;
    case 5:
      return revision + between(prng, 1, futureReach);
    default:
      return Math.max(1, revision - prng.below(pastReach));
  }
}

function drawFilters(prng: Prng): readonly number[] {
  switch (prng.below(8)) {
    case 0:
      return [watchFilters.noPut];
    case 1:
      return [watchFilters.noDelete];
    case 2:
      return prng.chance(1, 2) ? [watchFilters.noPut, watchFilters.noDelete] : [];
    default:
      return [];
  }
}
