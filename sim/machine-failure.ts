import { InvariantError } from '../core/base/assert.ts';
import { DataLossError } from '../core/raft/data-loss.ts';
import { DamagedBatchError, UnreadableError } from '../core/storage/read-errors.ts';
import { type DiskFailure, InstallFailed } from './disk/failure.ts';
import { Violation } from './types.ts';

/** Of an exception's stack, in the report of a violation. */
const stackLinesMax = 5;

/** What of the disk made a machine throw this; undefined when it was not the disk. */
export function diskFailureOf(thrown: unknown): DiskFailure | undefined {
  if (thrown instanceof UnreadableError) return 'read';
  if (thrown instanceof DamagedBatchError) return 'damage';
  return thrown instanceof InstallFailed ? 'flush' : undefined;
}

/** Whether a machine says by this that its newest promises cannot be established. */
export function isDataLoss(thrown: unknown): thrown is DataLossError {
  return thrown instanceof DataLossError;
}

/** What a machine that throws this has violated: an invariant of its own, or the rule that it throws nothing else. */
export function thrownViolation(who: string, thrown: Error): Violation {
  const where = (thrown.stack ?? '')
    .split('\n')
    .slice(1, 1 + stackLinesMax)
    .join('\n');
  const what = `${who}: ${thrown.message}`;
  if (thrown instanceof InvariantError) return new Violation('invariant', `${what}\n${where}`);
  return new Violation(
    'thrown',
    `${what} (${thrown.name})\n${where}`,
    `${thrown.message} ${functionOf(where)}`,
  );
}

/** Name of the innermost function of a stack, without file and line, which other builds have otherwise. */
function functionOf(stack: string): string {
  return /^\s*at (?:async )?([^\s(]+) \(/.exec(stack)?.[1] ?? '';
}
