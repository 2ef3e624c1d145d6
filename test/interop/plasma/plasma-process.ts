import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { isProcessMessage } from '../../../nodes/process/process-messages.ts';
import { photonFile } from '../cluster.ts';

/** A `photon` process that tells its parent when it is ready. */
export class PlasmaProcess {
  readonly #args: readonly string[];
  readonly #namespace: string | undefined;
  #child: ChildProcess | undefined;
  #log = '';

  constructor(...args: readonly string[]);
  /** @param where a network namespace that it is started in */
  constructor(where: { readonly namespace: string | undefined }, ...args: readonly string[]);
  constructor(
    first: string | { readonly namespace: string | undefined } = '',
    ...further: readonly string[]
  ) {
    this.#namespace = typeof first === 'string' ? undefined : first.namespace;
    this.#args = typeof first === 'string' ? [first, ...further] : further;
  }

  get log(): string {
    return this.#log;
  }

  /** @throws when it does not run */
  get pid(): number {
    const child = this.#running;
    if (child?.pid === undefined) throw new Error(`${this.#args.join(' ')} does not run`);
    return child.pid;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Starts it, and waits for nothing. */
  launch(): ChildProcess {
    const photon = [process.execPath, photonFile, ...this.#args];
    // `ip netns exec` becomes the program that it starts: the same pid, and the channel to this process.
    const [program = '', ...args] =
      this.#namespace === undefined ? photon : ['ip', 'netns', 'exec', this.#namespace, ...photon];
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
    return child;
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const child = this.launch();
    await untilReady(child, () => `${this.#args.join(' ')}: ${this.#log}`);
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const exited = this.exited();
    this.#running?.kill(signal);
    return exited;
  }

  /** Resolves when it has ended; null: by a signal, or before. */
  async exited(): Promise<number | null> {
    const child = this.#running;
    if (child === undefined) return null;
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }

  get #running(): ChildProcess | undefined {
    const child = this.#child;
    return child?.exitCode === null && child.signalCode === null ? child : undefined;
  }
}

/** Several messages may come at once: none of them is missed. @throws when it ends before, with what is told of it */
export function untilReady(child: ChildProcess, tell: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      if (isProcessMessage(message) && message.kind === 'ready') resolve();
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      reject(new Error(`ended with ${code ?? signal ?? ''} before it was ready: ${tell()}`));
    });
  });
}
