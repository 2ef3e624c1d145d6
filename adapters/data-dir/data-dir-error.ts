/** A data directory that this process must not or cannot use. Nothing that was in it was changed. */
export class DataDirError extends Error {
  override readonly name = 'DataDirError';
}

/** Refuses the directory for what the system said of it: read-only, full, not ours. */
export function cannotUse(dir: string, error: unknown): DataDirError {
  if (error instanceof DataDirError) return error;
  return new DataDirError(`cannot use data directory ${dir}: ${(error as Error).message}`, { cause: error });
}
