import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Why Debian's qemu-utils cannot be used here; undefined: they can. */
export function qemuToolsMissing(): string | undefined {
  for (const tool of ['qemu-io', 'qemu-img', 'qemu-nbd']) {
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0) return `${tool} is not installed`;
  }
  return undefined;
}

export interface ToolEnd {
  readonly code: number | null;
  /** Both outputs, in the order in which they came. */
  readonly output: string;
}

/** Runs a tool to its end. It must not block this process, which serves its disk. */
export async function runTool(tool: string, args: readonly string[]): Promise<ToolEnd> {
  const child = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const collect = (text: string): void => {
    output += text;
  };
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

/** `qemu-io` with these commands, one after the other. */
export function qemuIo(uri: string, ...commands: readonly string[]): Promise<ToolEnd> {
  return runTool('qemu-io', ['-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri]);
}

const prompt = 'qemu-io> ';

/** A `qemu-io` that stays connected, and is told one command after the other. */
export class QemuIoSession {
  readonly #child: ChildProcessWithoutNullStreams;
  #output = '';
  #prompts = 0;
  #awaited = 0;
  #wake: (() => void) | undefined;
  #ended = false;

  /** @param args further ones */
  static async start(uri: string, args: readonly string[] = []): Promise<QemuIoSession> {
    const session = new QemuIoSession(spawn('qemu-io', ['-f', 'raw', ...args, uri]));
    await session.answer();
    return session;
  }

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    const collect = (text: string): void => {
      this.#output += text;
      this.#prompts = this.#output.split(prompt).length - 1;
      this.#wake?.();
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.on('close', () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  /** Tells it a command; what it says comes with `answer`. */
  tell(command: string): void {
    this.#child.stdin.write(`${command}\n`);
  }

  /** What it has said up to the next time that it asks for a command. */
  async answer(): Promise<string> {
    this.#awaited += 1;
    while (this.#prompts < this.#awaited) {
      if (this.#ended) throw new Error(`qemu-io has ended: ${this.#output}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#output.split(prompt)[this.#awaited - 1] ?? '';
  }

  async ask(command: string): Promise<string> {
    this.tell(command);
    return this.answer();
  }

  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  wake(): void {
    this.#child.kill('SIGCONT');
  }

  async end(): Promise<void> {
    if (this.#ended) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }
}
