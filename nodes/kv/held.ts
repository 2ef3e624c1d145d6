import { spawn } from 'node:child_process';
import { constants } from 'node:os';

import { type Lease } from '../../adapters/client/lease.ts';
import { exitCodes, ExitError } from '../exit.ts';

/** Signals with which a user or a supervisor ends a process. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type StopSignal = (typeof stopSignals)[number];

/** Aborted, with the signal as its reason, by the first signal that wants the process ended. */
export class StopSignals {
  readonly #aborter = new AbortController();
  readonly #on = (signal: StopSignal): void => this.#aborter.abort(signal);

  constructor() {
    for (const signal of stopSignals) process.on(signal, this.#on);
  }

  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  /** From here on signals end the process as they do. */
  [Symbol.dispose](): void {
    for (const signal of stopSignals) process.off(signal, this.#on);
  }
}

/** The exit code of a process that a signal has ended. */
export function exitCodeOf(signal: string): number {
  return 128 + ((constants.signals as Readonly<Record<string, number>>)[signal] ?? 0);
}

/** Until a signal wants the process ended. @throws ExitError when the lease is lost before */
export function untilStopped(stop: AbortSignal, lease: Lease): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stop.aborted) resolve();
    stop.addEventListener('abort', () => resolve(), { once: true });
    void lease.lost.then((error) => reject(lost(error)));
  });
}

/**
 * Runs a program until it ends, and passes on signals that want it ended. When the lease is lost it is told to end, since
 * what it does may no longer be covered.
 *
 * @returns its exit code
 * @throws ExitError when it cannot be started, or the lease is lost while it runs
 */
export function runHolding(
  command: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>>,
  { stop, lease }: { readonly stop: AbortSignal; readonly lease: Lease },
): Promise<number> {
  const [program, ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
    const onStop = (): void => {
      child.kill(stop.reason as StopSignal);
    };
    if (stop.aborted) onStop();
    stop.addEventListener('abort', onStop);
    const onLost = (): void => {
      child.kill('SIGTERM');
    };
    if (lease.signal.aborted) onLost();
    lease.signal.addEventListener('abort', onLost);
    child.on('error', (error) => {
      reject(new ExitError(`photon kv: ${program} cannot be run: ${error.message}`, exitCodes.failed));
    });
    child.on('exit', (code, signal) => {
      stop.removeEventListener('abort', onStop);
      lease.signal.removeEventListener('abort', onLost);
      if (lease.signal.aborted) reject(lost(lease.signal.reason));
      else resolve(code ?? exitCodeOf(signal ?? ''));
    });
  });
}

function lost(error: unknown): ExitError {
  const { message } = error as Error;
  return new ExitError(`photon kv: it is held no longer: ${message}`, exitCodes.failed);
}
