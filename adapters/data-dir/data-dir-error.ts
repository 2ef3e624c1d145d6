/** A data directory that this process must not use. Nothing in it was changed. */
export class DataDirError extends Error {
  override readonly name = 'DataDirError';
}
