import { equalBytes } from '../../core/base/bytes.ts';
import { type Checker, type Operation, type RunEnd, Violation } from '../types.ts';
import { describeOperation } from './describe-operation.ts';
import { isDetachedRead, type Sighting, sightings } from './kv-moves.ts';
import { isLeaseEnd } from './lease-ends.ts';
import { headerOf, isUnknown, mayWrite, surelyWrote } from './outcomes.ts';
import { type Truth } from './truth.ts';
import { ValueWriters } from './value-writers.ts';

/**
 * Revisions as clients see them: every answer names one; each belongs to one writing operation, or deleted the keys of one
 * lease, which the truth of what was applied must show; none is skipped that a write of unknown outcome cannot account for; no answer shows a row newer than its header; a row, by key and
 * modification, is the same whoever sees it, and was written by the operation that brought its value; a revision is shown
 * to nobody before the write that made it began, and to no linearizable caller after a higher one was.
 *
 * But for the ends of leases it works on what was answered alone, without a search. Not verified: that the rows are the right ones (linearizability).
 */
export class Revisions implements Checker {
  readonly name = 'revisions';
  /** Undefined: nobody recorded what was applied. */
  readonly #truth: Truth | undefined;

  constructor(truth?: Truth) {
    this.#truth = truth;
  }

  onEnd(end: RunEnd): void {
    const truth = this.#truth;
    if (truth?.isLost === true) return;
    requireRevisions(end.history, {
      initialRevision: truth?.inheritedRevision ?? 1,
      isInternal: (revision) => {
        const change = truth?.changeAt(revision);
        return truth !== undefined && change !== undefined && isLeaseEnd(change, truth);
      },
    });
  }
}

export interface RevisionsOptions {
  /** Revision of the store that the history begins with: of an empty one, or of a restored one. */
  readonly initialRevision?: number;
  /** True for a revision that no operation made: the end of a lease. */
  readonly isInternal?: (revision: number) => boolean;
}

/** @throws Violation named `revisions` */
export function requireRevisions(history: readonly Operation[], options: RevisionsOptions = {}): void {
  requireHeaders(history);
  const rows = requireOneRow(sightings(history));
  const writes = claims(history, rows, options.initialRevision ?? 1);
  requireNotBeforeWrite(history, writes);
  requireRising(history);
  requireNoGap(history, writes, options);
}

function fail(detail: string): never {
  throw new Violation('revisions', detail);
}

function requireHeaders(history: readonly Operation[]): void {
  for (const operation of history) {
    if (operation.outcome.kind !== 'answered') continue;
    const { kind } = operation.outcome.response;
    if (kind !== operation.request.kind) fail(`${describeOperation(operation)} was answered as a ${kind}`);
    const aboutKeys =
      kind === 'range' || kind === 'put' || kind === 'deleteRange' || kind === 'txn' || kind === 'compact';
    if (aboutKeys && headerOf(operation) === undefined) fail(`${describeOperation(operation)} has no header`);
  }
}

/**
 * The same key at the same modification is the same row, in whatever answer; and no newer than what it is part of.
 *
 * @returns one sighting of each, with its value where anybody was shown that
 */
function requireOneRow(seen: readonly Sighting[]): Iterable<Sighting> {
  const rows = new Map<string, Sighting>();
  for (const sighting of seen) {
    const { kv, atRevision, operation, keysOnly } = sighting;
    if (kv.modRevision > atRevision || kv.createRevision > kv.modRevision || kv.version < 1) {
      fail(
        `${describeOperation(operation)} shows ${kv.key} created at ${kv.createRevision}, modified at ${kv.modRevision}, ` +
          `version ${kv.version}, in the state of revision ${atRevision}`,
      );
    }
    const name = `${kv.key}\0${kv.modRevision}`;
    const first = rows.get(name);
    if (first === undefined || first.keysOnly) {
      rows.set(name, sighting);
    } else if (
      first.kv.version !== kv.version ||
      first.kv.createRevision !== kv.createRevision ||
      (!keysOnly && !equalBytes(first.kv.value, kv.value))
    ) {
      fail(
        `${kv.key} as of ${kv.modRevision} is not the same row in ${describeOperation(first.operation)} and in ` +
          describeOperation(operation),
      );
    }
  }
  return rows.values();
}

/** Which write each revision belongs to, by the writer's own answer or by the sight of its value. */
function claims(
  history: readonly Operation[],
  rows: Iterable<Sighting>,
  initialRevision: number,
): ReadonlyMap<number, Operation> {
  const writes = new Map<number, Operation>();
  const claim = (revision: number, operation: Operation): void => {
    const other = writes.get(revision);
    if (other !== undefined && other !== operation) {
      fail(
        `revision ${revision} belongs to ${describeOperation(other)} and to ${describeOperation(operation)}`,
      );
    }
    writes.set(revision, operation);
  };
  for (const operation of history) {
    const revision = surelyWrote(operation);
    if (revision !== undefined) claim(revision, operation);
  }
  const writers = new ValueWriters(history);
  for (const { kv, operation, keysOnly } of rows) {
    // What was there before is nobody's of this history; that it is what it was, linearizability sees.
    if (keysOnly || kv.modRevision <= initialRevision) continue;
    const writer = writers.writerOf(kv.key, kv.value);
    if (writer === 'several') continue;
    if (writer === 'nobody')
      fail(`${describeOperation(operation)} shows a value of ${kv.key} that nobody wrote`);
    if (writer.outcome.kind !== 'answered' && !isUnknown(writer)) {
      fail(`${describeOperation(operation)} shows what was surely not written: ${describeOperation(writer)}`);
    }
    claim(kv.modRevision, writer);
  }
  return writes;
}

function requireNotBeforeWrite(history: readonly Operation[], writes: ReadonlyMap<number, Operation>): void {
  for (const operation of history) {
    const revision = headerOf(operation)?.revision;
    const write = revision === undefined ? undefined : writes.get(revision);
    if (write !== undefined && operation.endUs !== undefined && operation.endUs < write.startUs) {
      fail(
        `${describeOperation(operation)} was shown revision ${String(revision)} before ${describeOperation(write)} began`,
      );
    }
  }
}

/** Linearizable callers, reads and writes alike, are never shown less than somebody was shown before they began. */
function requireRising(history: readonly Operation[]): void {
  const answered = history.filter(
    (operation) => operation.endUs !== undefined && headerOf(operation) !== undefined,
  );
  const byEnd = answered.toSorted((left, right) => (left.endUs ?? 0) - (right.endUs ?? 0));
  let at = 0;
  let highest: Operation | undefined;
  for (const operation of answered.toSorted((left, right) => left.startUs - right.startUs)) {
    for (
      let ended = byEnd[at];
      ended !== undefined && (ended.endUs ?? 0) < operation.startUs;
      ended = byEnd[at]
    ) {
      if (highest === undefined || revisionOf(ended) > revisionOf(highest)) highest = ended;
      at += 1;
    }
    if (highest === undefined || isSerializable(operation)) continue;
    const floor = revisionOf(highest) + (surelyWrote(operation) === undefined ? 0 : 1);
    if (revisionOf(operation) < floor) {
      fail(
        `${describeOperation(operation)} was shown less than ${describeOperation(highest)}, which had ended before`,
      );
    }
  }
}

function revisionOf(operation: Operation): number {
  return headerOf(operation)?.revision ?? 0;
}

/** Its header may be of the past. That of a linearizable read of an old revision is not. */
function isSerializable(operation: Operation): boolean {
  if (!isDetachedRead(operation)) return false;
  const { request } = operation;
  return request.kind !== 'range' || request.request.serializable || request.consistency === 'local';
}

/**
 * A revision that no known write claims, and no lease's end, must be a write of unknown outcome that began before anybody was shown that much.
 * What could have made one revision could have made every higher one, so counting from the highest down decides.
 */
function requireNoGap(
  history: readonly Operation[],
  writes: ReadonlyMap<number, Operation>,
  options: RevisionsOptions,
): void {
  const { initialRevision = 1, isInternal = () => false } = options;
  let highest = initialRevision;
  for (const operation of history) highest = Math.max(highest, headerOf(operation)?.revision ?? 0);
  /** By revision: the earliest time at which somebody had been shown at least as much. */
  const shownUs = new Array<number>(highest + 2).fill(Infinity);
  for (const operation of history) {
    const revision = headerOf(operation)?.revision;
    if (revision === undefined || operation.endUs === undefined) continue;
    shownUs[revision] = Math.min(shownUs[revision] ?? Infinity, operation.endUs);
  }
  for (let revision = highest; revision > 0; revision -= 1) {
    shownUs[revision] = Math.min(shownUs[revision] ?? Infinity, shownUs[revision + 1] ?? Infinity);
  }
  const claimants = new Set(writes.values());
  const candidates = history
    .filter((operation) => isUnknown(operation) && mayWrite(operation.request) && !claimants.has(operation))
    .toSorted((left, right) => left.startUs - right.startUs);
  let used = 0;
  for (let revision = initialRevision + 1; revision <= highest; revision += 1) {
    if (writes.has(revision) || isInternal(revision)) continue;
    const candidate = candidates[used];
    if (candidate === undefined || candidate.startUs > (shownUs[revision] ?? Infinity)) {
      fail(
        `revision ${revision} belongs to no write, and no write of unknown outcome is left that could have made it`,
      );
    }
    used += 1;
  }
}
