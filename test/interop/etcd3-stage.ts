import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Etcd3, type IOptions, type Watcher } from 'etcd3';
import * as etcd3 from 'etcd3';
import { expect } from 'vitest';

import { Twins } from './twins.ts';

/** Where a program of a user of the npm package `etcd3` runs: three members of ours, or the server that it was written for. */
export interface Stage {
  readonly name: 'ours' | 'theirs';
  readonly hosts: readonly string[];
  /** Of nobody: with nothing set but the hosts. */
  readonly client: Etcd3;
  connect(options?: Partial<IOptions>): Etcd3;
}

/** Programs are run on both, and what they tell must be the same. */
export class Etcd3Twins {
  readonly #twins: Twins;
  readonly #stages: readonly Stage[];
  readonly #clients: Etcd3[] = [];

  private constructor(twins: Twins) {
    this.#twins = twins;
    this.#stages = [
      this.#stage(
        'ours',
        twins.cluster.members.map(({ client }) => client),
      ),
      this.#stage('theirs', [twins.etcd.endpoint]),
    ];
  }

  static async start(): Promise<Etcd3Twins> {
    return new Etcd3Twins(await Twins.start());
  }

  async same(program: (stage: Stage) => Promise<unknown>): Promise<void> {
    const { ours, theirs } = await this.both(program);
    expect(ours).toEqual(theirs);
    expect(ours).toBeDefined();
  }

  /** What the program tells of each, where it is not the same. */
  async both(
    program: (stage: Stage) => Promise<unknown>,
  ): Promise<{ readonly ours: unknown; readonly theirs: unknown }> {
    this.#twins.cluster.showLogsOnFailure();
    const [ours, theirs] = await Promise.all(this.#stages.map(async (stage) => plain(await program(stage))));
    return { ours, theirs };
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.#twins.stop();
  }

  #stage(name: Stage['name'], hosts: readonly string[]): Stage {
    const connect = (options: Partial<IOptions> = {}): Etcd3 => {
      const client = new Etcd3({ hosts: [...hosts], ...options });
      this.#clients.push(client);
      return client;
    };
    return { name, hosts, client: connect(), connect };
  }
}

/** Without what any two clusters must differ in: their ids and terms, and how much they have stored how. */
const ofItsOwn = ['cluster_id', 'member_id', 'raft_term', 'lease', 'ID', 'hash', 'version'];

export function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  if (value instanceof Error) return `${value.constructor.name}: ${value.message}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !ofItsOwn.includes(key))
      .map(([key, part]) => [key, plain(part)]),
  );
}

/** What a call is refused with, as its user sees it. @throws when it is not refused */
export async function refusal(call: Promise<unknown> | { exec(): Promise<unknown> }): Promise<string> {
  try {
    await ('exec' in call ? call.exec() : call);
  } catch (error) {
    return `${(error as Error).constructor.name}: ${(error as Error).message}`;
  }
  throw new Error('it was not refused');
}

/** The watcher's next events in words. */
export function record(watcher: Watcher, count: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const seen: string[] = [];
    const add = (text: string, previous: { readonly value: Buffer } | null | undefined): void => {
      seen.push(`${text} before ${previous?.value.toString() ?? '-'}`);
      if (seen.length === count) resolve([...seen]);
    };
    watcher.on('put', (kv, previous) => add(`put ${kv.key.toString()}=${kv.value.toString()}`, previous));
    watcher.on('delete', (kv, previous) => add(`delete ${kv.key.toString()}`, previous));
    watcher.on('error', reject);
  });
}

/** Methods that the package's types declare for its users, by class, and which of them have been called since. */
export class CalledMethods {
  readonly #all = new Set<string>();
  readonly #called = new Set<string>();

  /** Watches every class that the package exports. */
  constructor() {
    const hidden = hiddenMethods();
    for (const [name, exported] of Object.entries(etcd3)) {
      if (typeof exported !== 'function' || !/^[A-Z]/.test(name) || name.endsWith('Error')) continue;
      const prototype = (exported as { prototype: Record<string, unknown> }).prototype;
      for (const [method, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
        const title = `${name}.${method}`;
        if (method === 'constructor' || typeof value !== 'function' || hidden.has(title)) continue;
        this.#all.add(title);
        const called = this.#called;
        const original = value as (...args: unknown[]) => unknown;
        prototype[method] = function (this: unknown, ...args: unknown[]): unknown {
          called.add(title);
          return original.apply(this, args);
        };
      }
    }
  }

  get count(): number {
    return this.#all.size;
  }

  get uncalled(): readonly string[] {
    return [...this.#all].filter((method) => !this.#called.has(method));
  }
}

/** What its types call private or protected. */
function hiddenMethods(): ReadonlySet<string> {
  const lib = dirname(createRequire(import.meta.url).resolve('etcd3'));
  const hidden = new Set<string>();
  for (const file of readdirSync(lib)) {
    if (!file.endsWith('.d.ts')) continue;
    let type = '';
    for (const line of readFileSync(join(lib, file), 'utf8').split('\n')) {
      type = /^export declare (?:abstract )?class (\w+)/.exec(line)?.[1] ?? type;
      const method = /^ {4}(?:private|protected) (\w+)/.exec(line)?.[1];
      if (method !== undefined) hidden.add(`${type}.${method}`);
    }
  }
  return hidden;
}
