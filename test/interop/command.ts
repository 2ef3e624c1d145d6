import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. A program that does not end in its time, a minute, is killed, and its code is null. */
export function runCommand(
  program: string,
  args: readonly string[],
  options: {
    readonly input?: string | undefined;
    readonly environment?: Readonly<Record<string, string>>;
    readonly timeoutMs?: number;
  } = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.environment },
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that ends without reading its input closes the pipe: that is its right.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({
        code,
        stdout: Buffer.concat(stdout).toString('latin1'),
        stderr: Buffer.concat(stderr).toString('latin1'),
      });
    });
  });
}

export function etcdctl(
  endpoints: string,
  args: readonly string[],
  input?: string,
  timeoutMs?: number,
): Promise<CommandResult> {
  return runCommand('etcdctl', etcdctlArguments(endpoints, args), {
    input,
    environment: { ETCDCTL_API: '3' },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

function etcdctlArguments(endpoints: string, args: readonly string[]): readonly string[] {
  // Who logs in has only the time of dialling for it, two seconds if nothing is said: a busy machine needs more for a password.
  const patience = args.some((arg) => arg.startsWith('--user')) ? ['--dial-timeout=20s'] : [];
  return [`--endpoints=${endpoints}`, '--command-timeout=20s', ...patience, ...args];
}

/** A program that goes on: what it says is awaited, and it is ended by a signal. */
export class LiveCommand {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<number | null>;
  #stdout = '';
  #stderr = '';
  #isClosed = false;
  #worked = false;
  #changed: () => void = () => undefined;

  /** @param timeoutMs it is killed then */
  constructor(
    program: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    timeoutMs = 60_000,
  ) {
    this.#child = spawn(program, args, {
      env: { ...process.env, ...environment },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString('latin1');
      this.#changed();
    });
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString('latin1');
      this.#changed();
    });
    this.#child.stdin.on('error', () => undefined);
    this.#closed = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('close', (code) => {
        this.#isClosed = true;
        this.#worked ||= code === 0;
        this.#changed();
        resolve(code);
      });
    });
  }

  static etcdctl(endpoints: string, args: readonly string[]): LiveCommand {
    return new LiveCommand('etcdctl', etcdctlArguments(endpoints, args), { ETCDCTL_API: '3' });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** It has ended well, or went on until it was told to end. */
  get worked(): boolean {
    return this.#worked;
  }

  /** Waits until what it has said on stdout satisfies. @throws with everything it said when it ends before */
  async until(satisfies: (stdout: string) => boolean): Promise<void> {
    while (!satisfies(this.#stdout)) {
      if (this.#isClosed) throw new Error(`ended before it said it:\n${this.#stdout}\n${this.#stderr}`);
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }

  write(text: string): void {
    this.#child.stdin.write(text);
  }

  closeInput(): void {
    this.#child.stdin.end();
  }

  /** Waits for its end, which a signal may bring about. */
  async end(signal?: NodeJS.Signals): Promise<CommandResult> {
    if (signal !== undefined) this.#worked ||= !this.#isClosed && this.#child.kill(signal);
    const code = await this.#closed;
    return { code, stdout: this.#stdout, stderr: this.#stderr };
  }
}
