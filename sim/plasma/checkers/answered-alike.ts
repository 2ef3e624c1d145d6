import { type OperationRow } from '../../../core/plasma/control-plane/rows.ts';
import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { type PlasmaState } from '../state.ts';
import { type TrueCommit } from '../truth.ts';

/** None of them says that nothing was done. */
const passing: ReadonlySet<string> = new Set(['NOT_LEADER', 'UNAVAILABLE', 'TOO_MANY_REQUESTS']);

/**
 * An operation id takes effect once, and its answer is the same after a retry (invariant 10): its row is written once and keeps what
 * it was answered; every answer that a user got is that one; and what was committed is never refused afterwards.
 *
 * Not verified: that the effect is what was asked for (`liveness` looks at what comes of it).
 */
export class AnsweredAlike implements PlasmaChecker {
  readonly name = 'answered-alike';

  onCommit({ rows }: TrueCommit): void {
    for (const { table, key, before, after } of rows) {
      if (table !== 'operations' || before === undefined) continue;
      const [was, is] = [before as OperationRow, after as OperationRow | undefined];
      // Runs are too short for any to be forgotten.
      if (is?.digest === was.digest && is.revision === was.revision && is.vm === was.vm) continue;
      throw new Violation(
        'answered-alike',
        `the row of operation ${key} says something else now`,
        'a row changes',
      );
    }
  }

  onLook({ history }: PlasmaState): void {
    for (const asked of history.operations) if (asked.answers.length > 1) judge(asked);
  }

  onEnd(state: PlasmaState): void {
    this.onLook(state);
    for (const { request, answers } of state.history.operations) {
      for (const { response } of answers) {
        if (response.kind !== 'committed') continue;
        const row = state.truth.operations.get(`${request.project}/${request.operationId}`);
        if (row?.revision === response.revision && row.vm === response.vm) continue;
        const detail = `${request.operationId} was answered as committed at ${response.revision}, and its row says ${row?.revision ?? 'nothing'}`;
        throw new Violation('answered-alike', detail, 'answered, and not in the store');
      }
    }
  }
}

function judge({ request, answers }: PlasmaState['history']['operations'][number]): void {
  let told: { readonly revision: number; readonly vm: string | undefined } | undefined;
  for (const { response } of answers) {
    if (response.kind === 'committed') {
      if (told !== undefined && (told.revision !== response.revision || told.vm !== response.vm)) {
        const detail = `${request.operationId} was answered with revision ${told.revision}, then with ${response.revision}`;
        throw new Violation('answered-alike', detail, 'two answers');
      }
      told = response;
    } else if (told !== undefined && response.kind === 'refused' && !passing.has(response.code)) {
      const detail = `${request.operationId} was committed, and then refused: ${response.code} ${response.message}`;
      throw new Violation('answered-alike', detail, `committed, then ${response.code}`);
    }
  }
}
