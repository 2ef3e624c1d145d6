/**
 * `OVERLOADED`: the event queue is full; nothing was done, and nothing will be.
 * `STOPPING`: the runner is stopping or has stopped, and takes nothing new; nothing was done, and nothing will be.
 * `STOPPED`: the runner has stopped. A request that was under way may or may not have happened.
 */
export type RunnerErrorCode = 'OVERLOADED' | 'STOPPING' | 'STOPPED';

/** Why a request got no answer from the machine. */
export class RunnerError extends Error {
  override readonly name = 'RunnerError';
  readonly code: RunnerErrorCode;

  constructor(code: RunnerErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
