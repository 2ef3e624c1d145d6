/** What can be wrong with a store's directory or disk, for whoever opens it. */
export type LmdbBackendErrorCode =
  /** `CURRENT` holds something else than a generation's name. */
  | 'CURRENT_DAMAGED'
  /** The generation that `CURRENT` names is not there. */
  | 'GENERATION_MISSING'
  /** There is content, but no `CURRENT`: it is not removed on a guess. */
  | 'CURRENT_MISSING'
  /** A commit failed; nothing may be assumed of what is written after it. */
  | 'COMMIT_FAILED'
  /** The store was closed, or has failed, before what was asked for was done. */
  | 'STOPPED';

export class LmdbBackendError extends Error {
  override readonly name = 'LmdbBackendError';
  readonly code: LmdbBackendErrorCode;

  constructor(code: LmdbBackendErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
