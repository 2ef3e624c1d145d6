import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

import { isProcessMessage } from '../process/process-messages.ts';
import { exitCodes } from '../exit.ts';

export interface ChildOptions {
  readonly name: string;
  /** Arguments to `node`. */
  readonly args: readonly string[];
  /** Its stderr goes there, appended. */
  readonly logFile: string;
  readonly restartMinMs: number;
  readonly restartMaxMs: number;
  /** A process that was ready for this long has its next restart at once again. */
  readonly stableMs: number;
  readonly onReady: () => void;
  /** @param restartMs when it will be started again; undefined when it is being stopped, or would refuse again */
  readonly onExit: (exit: ChildExit, restartMs: number | undefined) => void;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly wasReady: boolean;
  /** Why there was no process at all. */
  readonly notStarted?: string;
}

export function describeExit(exit: ChildExit): string {
  if (exit.notStarted !== undefined) return `cannot be started: ${exit.notStarted}`;
  return exit.signal === null ? `exit code ${exit.code ?? 'unknown'}` : `signal ${exit.signal}`;
}

/**
 * A process that is kept running: started again whenever it ends, ever more slowly, until it is stopped, or says that it would
 * refuse again.
 */
export class SupervisedChild {
  readonly #options: ChildOptions;
  #process: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #backoffMs: number;
  #stopping = false;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#backoffMs = options.restartMinMs;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  start(): void {
    const { args, logFile } = this.#options;
    let log: number;
    try {
      log = openSync(logFile, 'a', 0o600);
    } catch (error) {
      // The disk may have room again when it is tried the next time.
      this.#ended({ code: null, signal: null, wasReady: false, notStarted: (error as Error).message });
      return;
    }
    // The IPC channel tells the child when this process is gone, however it went. Its own process group keeps the
    // terminal's Ctrl-C from it: it is stopped from here, in order.
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', log, 'ipc'], detached: true });
    closeSync(log);
    this.#process = child;
    let readyAtMs: number | undefined;
    child.on('message', (message) => {
      if (!isProcessMessage(message) || message.kind !== 'ready') return;
      readyAtMs = performance.now();
      this.#options.onReady();
    });
    let ended = false;
    const end = (exit: Omit<ChildExit, 'wasReady'>): void => {
      if (ended) return;
      ended = true;
      this.#process = undefined;
      if (readyAtMs !== undefined && performance.now() - readyAtMs >= this.#options.stableMs) {
        this.#backoffMs = this.#options.restartMinMs;
      }
      this.#ended({ ...exit, wasReady: readyAtMs !== undefined });
    };
    child.on('exit', (code, signal) => end({ code, signal }));
    child.on('error', (error) => {
      // Also told of a signal that could not be sent: then the process is there, and its end will come.
      if (child.pid === undefined) end({ code: null, signal: null, notStarted: error.message });
    });
  }

  #ended(exit: ChildExit): void {
    const isFinal = this.#stopping || exit.code === exitCodes.refused;
    const restartMs = isFinal ? undefined : this.#backoffMs;
    if (restartMs !== undefined) {
      this.#backoffMs = Math.min(this.#backoffMs * 2, this.#options.restartMaxMs);
      this.#restart = setTimeout(() => this.start(), restartMs);
    }
    this.#options.onExit(exit, restartMs);
  }

  /** SIGTERM, and SIGKILL after `graceMs`. Resolves once the process is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#process;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const cut = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(cut);
  }
}
