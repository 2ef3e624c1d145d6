import { type ClientOutcome, type WatchEnd } from '../../core/chainfire/client/protocol.ts';
import { type RecipeFailure } from '../../core/chainfire/client/recipes/protocol.ts';
import { type MemberRefusalCode } from '../../core/chainfire/member-protocol.ts';

export type ChainfireErrorCode =
  /** What a member refused, by its own name. */
  | MemberRefusalCode
  /** A watch or a lock was refused with words only. */
  | 'REFUSED'
  /** Time ran out, or nobody was reached, before anything was done. */
  | 'NOT_DONE'
  | 'OUTCOME_UNKNOWN'
  /** The lease has ended, or can no longer be relied on. */
  | 'LEASE_LOST'
  /** The leader is another by now. */
  | 'NOT_LEADER'
  | 'ABORTED'
  | 'CLOSED'
  /** Text was asked for where the bytes are not UTF-8. */
  | 'NOT_TEXT';

/**
 * Why something that was asked for is not there. `outcome` is what it means for the store:
 *
 * - `refused`: a member said no. Nothing was done, and asking again gets the same answer until something changes.
 * - `failed`: surely nothing was done; asking again later may work.
 * - `unknown`: it may have been done, or may yet be. Read before you decide.
 */
export class ChainfireError extends Error {
  override readonly name = 'ChainfireError';
  readonly outcome: 'refused' | 'failed' | 'unknown';
  readonly code: ChainfireErrorCode;
  /** With the code COMPACTED of a watch: the first revision that is still there. */
  readonly compactRevision: number | undefined;

  constructor(
    outcome: ChainfireError['outcome'],
    code: ChainfireErrorCode,
    message: string,
    options: { readonly compactRevision?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.outcome = outcome;
    this.code = code;
    this.compactRevision = options.compactRevision;
  }
}

export function errorOfOutcome(
  outcome: Exclude<ClientOutcome, { readonly kind: 'answered' }>,
): ChainfireError {
  switch (outcome.kind) {
    case 'refused':
      return new ChainfireError('refused', outcome.refusal.code, outcome.refusal.message);
    case 'failed':
      return new ChainfireError('failed', 'NOT_DONE', outcome.reason);
    case 'unknown':
      return new ChainfireError('unknown', 'OUTCOME_UNKNOWN', outcome.reason);
  }
}

export function errorOfWatchEnd(end: WatchEnd): ChainfireError {
  if (end.kind === 'refused') return new ChainfireError('refused', 'REFUSED', end.reason);
  const { compactRevision } = end;
  return new ChainfireError(
    'refused',
    'COMPACTED',
    `what comes next in this watch has been compacted; the first revision left is ${compactRevision}`,
    { compactRevision },
  );
}

export function errorOfFailure(failure: RecipeFailure): ChainfireError {
  const { why, reason, refusal } = failure;
  switch (why) {
    case 'cancelled':
      return new ChainfireError('failed', 'ABORTED', reason);
    case 'sessionLost':
      return new ChainfireError('failed', 'LEASE_LOST', reason);
    case 'refused':
      return new ChainfireError('refused', refusal?.code ?? 'REFUSED', reason);
    case 'failed':
      return new ChainfireError('failed', 'NOT_DONE', reason);
    case 'unknown':
      return new ChainfireError('unknown', 'OUTCOME_UNKNOWN', reason);
  }
}
