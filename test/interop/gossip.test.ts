import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const script = fileURLToPath(new URL('gossip-process.ts', import.meta.url));

interface Line {
  readonly kind: string;
  readonly address?: string;
  readonly change?: string;
  readonly member?: { readonly name: string };
}

/** A process of its own that gossips. */
class GossipProcess {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #waiting: (() => void)[] = [];

  constructor(name: string, seeds: readonly string[]) {
    const child = spawn(process.execPath, [script, name, ...seeds], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    this.#exited = once(child, 'exit');
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const done of waiting) done();
    });
  }

  changes(change: string): readonly string[] {
    return this.lines.flatMap((line) => (line.change === change ? (line.member?.name ?? []) : []));
  }

  async until(satisfied: (subject: GossipProcess) => boolean): Promise<void> {
    while (!satisfied(this)) await new Promise<void>((done) => this.#waiting.push(done));
  }

  async address(): Promise<string> {
    const found = () => this.lines.find(({ kind }) => kind === 'listening')?.address;
    await this.until(() => found() !== undefined);
    return found() ?? '';
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal);
    await this.#exited;
  }
}

const processes: GossipProcess[] = [];

afterAll(async () => {
  await Promise.all(processes.map((each) => each.end('SIGKILL')));
});

test('of five processes one is killed and one is asked to go: the others hear which was which', async () => {
  const first = new GossipProcess('a', []);
  processes.push(first);
  const seeds = [await first.address()];
  for (const name of ['b', 'c', 'd', 'e']) processes.push(new GossipProcess(name, seeds));
  await Promise.all(processes.map((each) => each.until(() => each.changes('joined').length === 4)));
  const [killed, asked, ...others] = processes;
  await killed?.end('SIGKILL');
  await Promise.all([...others, asked].map((each) => each?.until(() => each.changes('died').includes('a'))));
  await asked?.end('SIGTERM');
  await Promise.all(others.map((each) => each.until(() => each.changes('left').includes('b'))));
  for (const each of others) {
    expect(each.changes('died')).toEqual(['a']);
    expect(each.changes('left')).toEqual(['b']);
  }
  // Said, and done: a process that has told of its leaving ends by itself.
  expect(asked?.lines.at(-1)).toEqual({ kind: 'departed' });
});
