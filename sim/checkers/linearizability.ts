import { type Checker, type Operation, type RunEnd, Violation } from '../types.ts';
import { describeOperation } from './describe-operation.ts';
import { KvModel, revisionEvidence } from './kv-model.ts';
import { keysOf, type KvMove, kvMoves, type ReadsChecked, type Sighting, sightings } from './kv-moves.ts';
import { kvPartitions } from './kv-partitions.ts';
import { isLeaseEnd } from './lease-ends.ts';
import { type TrueChange, type Truth } from './truth.ts';
import { searchLinearization, type SearchVerdict } from './wing-gong.ts';
import { findWitness } from './witness.ts';

/** Moves tried in one partition before the search gives up. */
const attemptsMaxDefault = 400_000;

export interface LinearizabilityOptions {
  readonly attemptsMax?: number;
  /** Revision of the empty store that the history begins with. */
  readonly initialRevision?: number;
  readonly reads?: ReadsChecked;
}

/**
 * Linearizability of everything that the clients were told about keys: there is one order of all operations that agrees
 * with real time (who ended before another began comes first) and in which a sequential etcd gives the very same answers,
 * rows, counts, branches of txns and revisions included. A write of unknown outcome may be anywhere after its start, or
 * nowhere; what was refused, or surely not done, is nowhere.
 *
 * Where the truth of what was applied was recorded whole, it suggests the order, and the sequential model and the clock
 * prove it (`findWitness`): nothing is left undecided. An answer that contradicts what was applied is a violation even if
 * some other order would explain it. Without a truth, as for the history of real processes, the answers' revisions give the
 * order of what was answered and a search finds places for the rest; one that runs out of attempts is a violation named
 * `undecided`, never a pass.
 *
 * Not verified: serializable reads and reads of old revisions (serializable-reads does); that each revision is taken once
 * and none skipped, where there is no truth (revisions does); that a lease ended when it might (lease-not-early does); without
 * a truth, a store that held keys before the history began.
 */
export class Linearizability implements Checker {
  readonly name = 'linearizability';
  /** Undefined: nobody recorded what was applied. */
  readonly #truth: Truth | undefined;

  constructor(truth?: Truth) {
    this.#truth = truth;
  }

  onEnd(end: RunEnd): void {
    const truth = this.#truth;
    if (truth?.isLost === true) return;
    if (truth?.isComplete !== true) {
      requireLinearizable(this.name, end.history);
      return;
    }
    const isInternal = (change: TrueChange): boolean =>
      truth.isInherited(change.revision) || isLeaseEnd(change, truth);
    const verdict = findWitness(end.history, truth, { isInternal });
    if (verdict.kind === 'contradicted') throw new Violation(this.name, verdict.detail);
  }
}

/**
 * Searches for an order, from nothing but the history.
 *
 * @throws Violation named `invariant`, or `undecided`
 */
export function requireLinearizable(
  invariant: string,
  history: readonly Operation[],
  options: LinearizabilityOptions = {},
): void {
  const seen = sightings(history);
  const moves = kvMoves(history, seen, options.reads ?? 'linearizable');
  requireRealTimeOrder(invariant, moves);
  const failed = searchAll(history, seen, moves, options);
  if (failed === undefined) return;
  const { verdict, keys } = failed;
  const named = keys.length > 8 ? `${keys.length} keys` : keys.join(', ');
  if (verdict.kind === 'undecided') {
    throw new Violation(
      'undecided',
      `${invariant}: no verdict on ${named} after ${verdict.attempts} attempts`,
    );
  }
  throw new Violation(
    invariant,
    `no order of operations on ${named} explains ${describeOperation(verdict.stuck.operation)}: ${verdict.reason}`,
  );
}

/** How far a history can be put in order, where all of it cannot. */
export interface PartialLinearization {
  /** The keys that the operations are about: no others have a say in it. */
  readonly keys: readonly string[];
  /** As many as fit, in an order that explains their answers. */
  readonly order: readonly Operation[];
  /** Everything else about these keys, in the order of their beginning; some of it may not have happened. */
  readonly left: readonly Operation[];
  /** One of those that are left, which does not fit behind `order`, and why; undefined: the search was given up there. */
  readonly stuck: { readonly operation: Operation; readonly reason: string } | undefined;
}

/**
 * The longest partial linearization of a history that has no whole one, for the first keys for which there is none; undefined
 * where every answer can be explained, but for the clock's and the truth's objections, which this does not look at.
 */
export function longestLinearization(
  history: readonly Operation[],
  options: LinearizabilityOptions = {},
): PartialLinearization | undefined {
  const seen = sightings(history);
  const moves = kvMoves(history, seen, options.reads ?? 'linearizable');
  const failed = searchAll(history, seen, moves, options);
  if (failed === undefined) return undefined;
  const { verdict, keys } = failed;
  const order = verdict.order.map(({ operation }) => operation);
  const ordered = new Set(order);
  return {
    keys,
    order,
    left: failed.moves.map(({ operation }) => operation).filter((operation) => !ordered.has(operation)),
    stuck:
      verdict.kind === 'undecided'
        ? undefined
        : { operation: verdict.stuck.operation, reason: verdict.reason },
  };
}

interface FailedSearch {
  readonly keys: readonly string[];
  readonly moves: readonly KvMove[];
  readonly verdict: Exclude<SearchVerdict<KvMove>, { readonly kind: 'linearizable' }>;
}

/** Searches partition by partition. @returns the first that has no linearization, or in which none was found */
function searchAll(
  history: readonly Operation[],
  seen: readonly Sighting[],
  moves: readonly KvMove[],
  options: LinearizabilityOptions,
): FailedSearch | undefined {
  const evidence = revisionEvidence(moves, seen, options.initialRevision ?? 1);
  const attemptsMax = options.attemptsMax ?? attemptsMaxDefault;
  for (const partition of kvPartitions(keysOf(history, seen), moves)) {
    const verdict = searchLinearization(partition.moves, new KvModel(partition, evidence), attemptsMax);
    if (verdict.kind !== 'linearizable') return { keys: partition.keys, moves: partition.moves, verdict };
  }
  return undefined;
}

/** The order that revisions give must not contradict the clock: nobody is overtaken by what began after he ended. */
function requireRealTimeOrder(invariant: string, moves: readonly KvMove[]): void {
  const ranked = moves
    .filter((move) => move.rank !== undefined)
    .sort((left, right) => (right.rank ?? 0) - (left.rank ?? 0));
  let later: KvMove | undefined;
  let laterEndUs = Infinity;
  for (let at = 0; at < ranked.length;) {
    const revision = ranked[at]?.revision;
    const wrote = ranked[at]?.wrote;
    let end = at;
    while (ranked[end]?.revision === revision && ranked[end]?.wrote === wrote && end < ranked.length)
      end += 1;
    for (const move of ranked.slice(at, end)) {
      if (later !== undefined && laterEndUs < move.startUs) {
        throw new Violation(
          invariant,
          `${describeOperation(move.operation)} reflects revision ${String(revision)}, but before it began ` +
            `${describeOperation(later.operation)} had reflected ${String(later.revision)}`,
        );
      }
    }
    for (const move of ranked.slice(at, end)) {
      if (move.endUs < laterEndUs) {
        later = move;
        laterEndUs = move.endUs;
      }
    }
    at = end;
  }
}
