import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { photonFile } from '../cluster.ts';

/** A `photon` process that tells its parent when it is ready. */
export class PlasmaProcess {
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #log = '';

  constructor(...args: readonly string[]) {
    this.#args = args;
  }

  get log(): string {
    return this.#log;
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [photonFile, ...this.#args], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
    for (;;) {
      const message = await Promise.race([
        once(child, 'message').then(([told]) => told as { kind: string }),
        once(child, 'exit').then(([code]) => ({ kind: `exited with ${String(code)}` })),
      ]);
      if (message.kind === 'ready') return;
      if (message.kind !== 'listening')
        throw new Error(`${this.#args.join(' ')} has ${message.kind}: ${this.#log}`);
    }
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  }
}
