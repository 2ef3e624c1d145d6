import { type KeyValue } from '../../core/chainfire/api/kv.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { decodeRecord } from '../../core/chainfire/mvcc/record.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';
import { type Truth } from './truth.ts';

/**
 * Records what was applied for the other checkers: whenever some member's revision passes the highest seen, the new
 * revisions are read straight from its store.
 *
 * Verifies only that they are all there, in order. Not verified: that other members applied the same at these revisions
 * (state-machine-safety and convergence do that).
 */
export class TruthRecorder implements Checker {
  readonly name = 'truth';
  readonly #truth: Truth;

  constructor(truth: Truth) {
    this.#truth = truth;
  }

  get truth(): Truth {
    return this.#truth;
  }

  onStep(step: StepObservation): void {
    this.#record(step.member, step.nowUs);
  }

  onRecovered(_node: NodeId, member: ChainfireMember, nowUs: number): void {
    this.#record(member, nowUs);
  }

  #record(member: ChainfireMember, nowUs: number): void {
    const truth = this.#truth;
    const { revision, compactRevision } = member.view;
    truth.compacted(compactRevision, nowUs);
    if (revision <= truth.revision || !truth.isComplete) return;
    if (compactRevision > truth.revision + 1) {
      truth.abandon();
      return;
    }
    let rows: KeyValue[] = [];
    let at = truth.revision + 1;
    for (const row of member.view.history(at, revision)) {
      if (row.revision !== at) {
        truth.add({ revision: at, atUs: nowUs, rows: required(rows, at) });
        rows = [];
        at += 1;
        if (row.revision !== at) throw missing(at);
      }
      rows.push(decodeRecord(row.record));
    }
    truth.add({ revision: at, atUs: nowUs, rows: required(rows, at) });
    if (at !== revision) throw missing(at + 1);
  }
}

function required(rows: readonly KeyValue[], revision: number): readonly KeyValue[] {
  if (rows.length === 0) throw missing(revision);
  return rows;
}

function missing(revision: number): Violation {
  return new Violation(
    'truth',
    `a member that has applied revision ${revision} has no record of what it changed`,
  );
}
