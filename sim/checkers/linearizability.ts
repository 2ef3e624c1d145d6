import { type Checker, type Operation, type RunEnd, Violation } from '../types.ts';
import { describeOperation } from './describe-operation.ts';
import { KvModel, revisionEvidence } from './kv-model.ts';
import { keysOf, type KvMove, kvMoves, type ReadsChecked, sightings } from './kv-moves.ts';
import { kvPartitions } from './kv-partitions.ts';
import { isLeaseEnd } from './lease-ends.ts';
import { type Truth } from './truth.ts';
import { searchLinearization } from './wing-gong.ts';
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
 * and none skipped, where there is no truth (revisions does); that a lease ended when it might (lease-not-early does); a
 * store that held keys before the history began.
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
    if (truth?.isComplete !== true) {
      requireLinearizable(this.name, end.history);
      return;
    }
    const verdict = findWitness(end.history, truth, { isInternal: (change) => isLeaseEnd(change, truth) });
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
  const evidence = revisionEvidence(moves, seen, options.initialRevision ?? 1);
  const attemptsMax = options.attemptsMax ?? attemptsMaxDefault;
  for (const partition of kvPartitions(keysOf(history, seen), moves)) {
    const verdict = searchLinearization(partition.moves, new KvModel(partition, evidence), attemptsMax);
    if (verdict.kind === 'linearizable') continue;
    const keys = partition.keys.length > 8 ? `${partition.keys.length} keys` : partition.keys.join(', ');
    if (verdict.kind === 'undecided') {
      throw new Violation(
        'undecided',
        `${invariant}: no verdict on ${keys} after ${verdict.attempts} attempts`,
      );
    }
    throw new Violation(
      invariant,
      `no order of operations on ${keys} explains ${describeOperation(verdict.stuck.operation)}: ${verdict.reason}`,
    );
  }
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
