import { assert, present } from '../../core/base/assert.ts';
import { equalBytes } from '../../core/base/bytes.ts';
import { type KeyValue } from '../../core/chainfire/api/kv.ts';
import { type Operation } from '../types.ts';
import { BipartiteMatching } from './bipartite-matching.ts';
import { describeOperation } from './describe-operation.ts';
import { isDetachedRead, keysOf, shownRevision } from './kv-moves.ts';
import { isInRange, KvState, type KvVersion } from './kv-state.ts';
import { isUnknown, mayWrite, possibleLeaves, surelyWrote } from './outcomes.ts';
import { isDeletion, type TrueChange, type Truth } from './truth.ts';

/** An operation where the truth says that it took effect. */
export interface Placed {
  readonly operation: Operation;
  readonly revision: number;
  /** It made that revision; otherwise it saw the state that the revision left. */
  readonly wrote: boolean;
}

export type WitnessVerdict =
  /** In this order a sequential store gives every answer, and the clock does not object: a proof, whoever suggested it. */
  | { readonly kind: 'fits'; readonly order: readonly Placed[] }
  /** No order that makes these revisions what they are gives these answers. */
  | { readonly kind: 'contradicted'; readonly detail: string };

export interface WitnessOptions {
  /** True for a revision that needs no operation, since the system made it by itself (the end of a lease), or was born with it. */
  readonly isInternal: (change: TrueChange) => boolean;
}

/**
 * Finds the linearization that the truth suggests. Where every revision's rows are known, so is the state between any two,
 * and nothing is left to search: an answered operation has its place by its revision, and a write of unknown outcome could
 * have made exactly those revisions whose change comes of it in the state before. Which of them it did make is a matching
 * in a bipartite graph: found in polynomial time, or surely not there.
 *
 * What is found is verified, not believed: every answer is compared with that of the sequential model, and the order with
 * the clock. `fits` holds whether or not the truth is the truth. Operations that were refused, or surely not done, take no
 * part; nor do those of unknown outcome that explain nothing, which need not have happened.
 */
export function findWitness(
  history: readonly Operation[],
  truth: Truth,
  options: WitnessOptions,
): WitnessVerdict {
  assert(truth.isComplete, 'a witness needs every revision');
  try {
    return { kind: 'fits', order: new Walk(history, truth, options).run() };
  } catch (failure) {
    if (!(failure instanceof Contradiction)) throw failure;
    return { kind: 'contradicted', detail: failure.message };
  }
}

/**
 * Compares reads that need not be of the present with the store as it was at the revision that each of them names.
 *
 * @returns the first that shows something else, and what
 */
export function findMisread(
  reads: readonly Operation[],
  truth: Truth,
): { readonly operation: Operation; readonly reason: string } | undefined {
  const byRevision = reads
    .map((operation) => ({ operation, revision: shownRevision(operation) ?? truth.firstRevision }))
    .sort((left, right) => left.revision - right.revision);
  const state = wholeStore(reads, truth);
  let at = truth.firstRevision;
  for (const { operation, revision } of byRevision) {
    if (revision < truth.firstRevision || revision > truth.revision)
      return { operation, reason: `revision ${revision} never was` };
    while (at < revision) adopt(state, present(truth.changeAt((at += 1)), 'revisions are dense'));
    const reason = misread(operation, state, revision);
    if (reason !== undefined) return { operation, reason };
  }
  return undefined;
}

/** Breaks off the walk: its verdict is clear. */
class Contradiction extends Error {
  override readonly name = 'Contradiction';
}

/** From the empty store through all revisions. */
class Walk {
  readonly #truth: Truth;
  readonly #isInternal: (change: TrueChange) => boolean;
  readonly #state: KvState;
  /** Answered operations by the revision that they made, and by the one that they saw. */
  readonly #writers = new Map<number, Operation>();
  readonly #readers = new Map<number, Operation[]>();
  readonly #order: Placed[] = [];
  /** Writes of unknown outcome, in order of start; by position, what they are matched with. */
  readonly #lost: Operation[] = [];
  readonly #matching = new BipartiteMatching();
  readonly #clock: Clock;

  constructor(history: readonly Operation[], truth: Truth, options: WitnessOptions) {
    this.#truth = truth;
    this.#isInternal = options.isInternal;
    this.#state = wholeStore(history, truth);
    this.#clock = new Clock(truth.revision);
    for (const operation of history) {
      if (isUnknown(operation)) {
        if (mayWrite(operation.request)) this.#lost.push(operation);
        continue;
      }
      const revision = shownRevision(operation);
      if (revision === undefined || operation.request.kind === 'compact') continue;
      if (!isDetachedRead(operation)) this.#place(operation, revision);
    }
    this.#clock.settle();
  }

  run(): readonly Placed[] {
    this.#read(this.#truth.firstRevision);
    for (const change of this.#truth.changes) {
      this.#write(change);
      adopt(this.#state, change);
      this.#read(change.revision);
    }
    for (const [revision, lost] of this.#matching.pairs) {
      const operation = present(this.#lost[lost], 'pairs are of those that were offered');
      this.#order.push({ operation, revision, wrote: true });
    }
    return this.#order.sort(
      (left, right) =>
        left.revision - right.revision ||
        Number(right.wrote) - Number(left.wrote) ||
        left.operation.startUs - right.operation.startUs,
    );
  }

  #place(operation: Operation, revision: number): void {
    if (revision < this.#truth.inheritedRevision || revision > this.#truth.revision) {
      throw new Contradiction(
        `${describeOperation(operation)} reflects revision ${revision}, which never was`,
      );
    }
    const wrote = surelyWrote(operation) !== undefined;
    if (wrote) {
      const other = this.#writers.get(revision);
      if (other !== undefined) {
        throw new Contradiction(
          `revision ${revision} belongs to ${describeOperation(other)} and to ${describeOperation(operation)}`,
        );
      }
      this.#writers.set(revision, operation);
    } else {
      const readers = this.#readers.get(revision);
      if (readers === undefined) this.#readers.set(revision, [operation]);
      else readers.push(operation);
    }
    this.#clock.ended(operation, revision, wrote);
  }

  /** What made this revision, in the state before it. */
  #write(change: TrueChange): void {
    const { revision } = change;
    const writer = this.#writers.get(revision);
    if (writer !== undefined) {
      const reason = this.#outcome(writer, change);
      if (reason !== undefined) throw new Contradiction(`${describeOperation(writer)}: ${reason}`);
      const overtaking = this.#clock.overtaking(revision, true, writer.startUs);
      if (overtaking !== undefined) throw overtaken(writer, revision, overtaking);
      this.#order.push({ operation: writer, revision, wrote: true });
    } else if (!this.#isInternal(change)) {
      this.#matchLost(change);
    }
  }

  /** Finds a write of unknown outcome that could have made this revision, moving others' if that is what it takes. */
  #matchLost(change: TrueChange): void {
    const { revision } = change;
    const candidates: number[] = [];
    let late: Operation | undefined;
    for (let at = 0; at < this.#lost.length; at += 1) {
      const operation = present(this.#lost[at], 'the loop stays inside');
      if (!couldTouch(operation, change) || this.#outcome(operation, change) !== undefined) continue;
      if (this.#clock.overtaking(revision, true, operation.startUs) === undefined) candidates.push(at);
      else late = operation;
    }
    if (this.#matching.add(revision, candidates)) return;
    const keys = change.rows.map((row) => row.key).join(', ');
    throw new Contradiction(
      late === undefined
        ? `no operation explains revision ${revision}, which changed ${keys}`
        : `revision ${revision}, which changed ${keys}, was shown before ${describeOperation(late)} began, ` +
            'which alone could explain it',
    );
  }

  /** @returns why the operation did not make this change, or does not fit its answer */
  #outcome(operation: Operation, change: TrueChange): string | undefined {
    const { mark } = this.#state;
    const reason = this.#state.execute(operation, change.revision, 'byName');
    const difference = reason ?? differenceOf(this.#state.writtenSince(mark), change);
    this.#state.undoTo(mark);
    return difference;
  }

  /** Those that saw the state as this revision left it. */
  #read(revision: number): void {
    for (const operation of this.#readers.get(revision) ?? []) {
      const reason = misread(operation, this.#state, revision);
      if (reason !== undefined) throw new Contradiction(`${describeOperation(operation)}: ${reason}`);
      const overtaking = this.#clock.overtaking(revision, false, operation.startUs);
      if (overtaking !== undefined) throw overtaken(operation, revision, overtaking);
      this.#order.push({ operation, revision, wrote: false });
    }
  }
}

function wholeStore(history: readonly Operation[], truth: Truth): KvState {
  return new KvState([...new Set([...keysOf(history, []), ...truth.keys])], 'wholeStore');
}

function adopt(state: KvState, change: TrueChange): void {
  for (const row of change.rows) state.adopt(row.key, isDeletion(row) ? undefined : row);
}

/** @returns what an operation that wrote nothing shows otherwise than the state has it */
function misread(operation: Operation, state: KvState, revision: number): string | undefined {
  const { mark } = state;
  const reason = state.execute(operation, revision, 'byName');
  const wrote = state.mark > mark;
  state.undoTo(mark);
  return reason ?? (wrote ? 'it would have written something' : undefined);
}

/** Who ended first among those whose place is at or behind a revision: whatever began later must not be in front. */
class Clock {
  /** By twice the revision, and one more for those that saw it: whoever ended first from there on. */
  readonly #first: (Operation | undefined)[];

  constructor(revisionMax: number) {
    this.#first = new Array<Operation | undefined>(2 * revisionMax + 3).fill(undefined);
  }

  ended(operation: Operation, revision: number, wrote: boolean): void {
    const at = 2 * revision + (wrote ? 0 : 1);
    this.#first[at] = earlier(this.#first[at], operation);
  }

  settle(): void {
    for (let at = this.#first.length - 2; at >= 0; at -= 1) {
      const behind = this.#first[at + 1];
      if (behind !== undefined) this.#first[at] = earlier(this.#first[at], behind);
    }
  }

  /** One whose place is behind this one, though it had ended before this one began. */
  overtaking(revision: number, wrote: boolean, startUs: number): Operation | undefined {
    const first = this.#first[2 * revision + (wrote ? 1 : 2)];
    return first !== undefined && endOf(first) < startUs ? first : undefined;
  }
}

function earlier(left: Operation | undefined, right: Operation): Operation {
  return left !== undefined && endOf(left) <= endOf(right) ? left : right;
}

function endOf(operation: Operation): number {
  return operation.endUs ?? Infinity;
}

function overtaken(operation: Operation, revision: number, first: Operation): Contradiction {
  return new Contradiction(
    `${describeOperation(operation)} reflects revision ${revision}, but before it began ${describeOperation(first)} had ` +
      `reflected ${String(shownRevision(first))}`,
  );
}

/** Spares the execution of what cannot have made the change; says nothing about the rest. */
function couldTouch(operation: Operation, change: TrueChange): boolean {
  const leaves = possibleLeaves(operation.request);
  return change.rows.every((row) =>
    leaves.some((leaf) => {
      if (leaf.kind === 'range') return false;
      if (leaf.kind === 'put') return leaf.request.key === row.key && !isDeletion(row);
      return isDeletion(row) && isInRange(row.key, leaf.request.key, leaf.request.rangeEnd);
    }),
  );
}

function differenceOf(
  written: readonly (readonly [key: string, kv: KvVersion | undefined])[],
  change: TrueChange,
): string | undefined {
  const rows = new Map(change.rows.map((row) => [row.key, row]));
  const keys = new Set(written.map(([key]) => key));
  if (keys.size !== rows.size)
    return `it writes ${keys.size} keys where revision ${change.revision} has ${rows.size}`;
  for (const [key, kv] of written) {
    const row = rows.get(key);
    if (row === undefined || !sameRow(kv, row))
      return `revision ${change.revision} made something else of ${key}`;
  }
  return undefined;
}

function sameRow(kv: KvVersion | undefined, row: KeyValue): boolean {
  if (kv === undefined) return isDeletion(row);
  return (
    kv.createRevision === row.createRevision &&
    kv.modRevision === row.modRevision &&
    kv.version === row.version &&
    kv.lease === row.lease &&
    equalBytes(kv.value, row.value)
  );
}
