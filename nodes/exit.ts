/** What the command line's exit codes mean. */
export const exitCodes = {
  /** It was tried, and it did not work. */
  failed: 1,
  /** Wrong usage, configuration or data directory: trying again does not help. */
  refused: 2,
  /** Nobody knows whether a write was done. */
  unknown: 3,
  /** `kv get` of one key that does not exist. */
  notFound: 4,
  /** Nobody reads what it writes any more: what a shell says of a process that SIGPIPE has ended, 128 and its number. */
  readerGone: 141,
} as const;

/** Ends the command with this message on stderr and this code. For what a user can do something about. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
