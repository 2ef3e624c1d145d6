import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFailed } from 'vitest';

import { isProcessMessage } from '../../nodes/process/process-messages.ts';
import { freePorts } from './ports.ts';

export const photonFile = fileURLToPath(new URL('../../nodes/photon.ts', import.meta.url));

export interface MemberPlace {
  readonly name: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly client: string;
  readonly peer: string;
  readonly metrics: string;
}

/** More flags, the same for all members or each its own. */
export type MemberFlags = readonly string[] | ((member: MemberPlace) => readonly string[]);

interface RunningMember {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** What members are of: for Chronik, brokers. */
export type ClusterSystem = 'chainfire' | 'chronik';

/** Members as real processes, each with a directory, a log and ports of its own. */
export class Cluster {
  readonly members: readonly MemberPlace[];
  readonly dir: string;
  readonly #running = new Map<string, RunningMember>();
  readonly #flags: MemberFlags;
  readonly #system: ClusterSystem;
  /** Members that are told nothing of others any more: their directories know. */
  readonly withoutInitialCluster = new Set<string>();
  /** Kept when the files are removed: whoever explains a failure comes later. */
  #lastLogs: string | undefined;

  private constructor(
    dir: string,
    members: readonly MemberPlace[],
    flags: MemberFlags,
    system: ClusterSystem,
  ) {
    this.dir = dir;
    this.members = members;
    this.#flags = flags;
    this.#system = system;
  }

  /** Places for members; none runs yet. */
  static async plan(
    count: number,
    flags: MemberFlags = [],
    system: ClusterSystem = 'chainfire',
  ): Promise<Cluster> {
    const dir = mkdtempSync(join(tmpdir(), 'photon-interop-'));
    const ports = await freePorts(count * 3);
    const members = Array.from({ length: count }, (_, position) => {
      const name = String.fromCharCode(97 + position);
      const address = (purpose: number) => `127.0.0.1:${ports[position * 3 + purpose] ?? 0}`;
      return {
        name,
        dataDir: join(dir, name),
        logFile: join(dir, `${name}.log`),
        client: address(0),
        peer: address(1),
        metrics: address(2),
      };
    });
    return new Cluster(dir, members, flags, system);
  }

  /** Starts `count` members and waits until each of them serves. */
  static async start(
    count: number,
    flags: MemberFlags = [],
    system: ClusterSystem = 'chainfire',
  ): Promise<Cluster> {
    const cluster = await Cluster.plan(count, flags, system);
    try {
      await Promise.all(cluster.members.map((member) => cluster.startMember(member.name)));
    } catch (error) {
      const logs = cluster.logs();
      await cluster.remove();
      throw new Error(`${(error as Error).message}\n${logs}`, { cause: error });
    }
    return cluster;
  }

  get endpoints(): string {
    return this.members.map((member) => member.client).join(',');
  }

  place(name: string): MemberPlace {
    const member = this.members.find((candidate) => candidate.name === name);
    if (member === undefined) throw new Error(`there is no member ${name}`);
    return member;
  }

  /** Flags of `photon chainfire serve` for a member. */
  serveFlags(name: string): readonly string[] {
    const member = this.place(name);
    return [
      ...['--name', name],
      ...['--data-dir', member.dataDir],
      ...['--listen-client', member.client],
      ...['--listen-peer', member.peer],
      ...['--listen-metrics', member.metrics],
      ...(this.withoutInitialCluster.has(name)
        ? []
        : ['--initial-cluster', this.members.map((each) => `${each.name}=${each.peer}`).join(',')]),
      ...(typeof this.#flags === 'function' ? this.#flags(member) : this.#flags),
    ];
  }

  /** Starts a member and waits until it serves. @throws when it ends before */
  async startMember(name: string): Promise<void> {
    await this.launch(name).ready;
  }

  /** Starts a member and does not wait. */
  launch(name: string): RunningMember {
    if (this.#running.has(name)) throw new Error(`member ${name} runs already`);
    const log = openSync(this.place(name).logFile, 'a');
    const child = spawn(process.execPath, [photonFile, this.#system, 'serve', ...this.serveFlags(name)], {
      stdio: ['ignore', 'ignore', log, 'ipc'],
    });
    closeSync(log);
    const exited = once(child, 'exit').then(([code, signal]) => {
      this.#running.delete(name);
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
    const ready = new Promise<void>((resolve, reject) => {
      child.on('message', (message) => {
        if (isProcessMessage(message) && message.kind === 'ready') resolve();
      });
      void exited.then(({ code, signal }) => {
        reject(
          new Error(`member ${name} ended before it served (code ${code ?? '-'}, signal ${signal ?? '-'})`),
        );
      });
    });
    // Whoever does not wait for it must not be hurt by it.
    ready.catch(() => undefined);
    const running = { process: child, ready, exited };
    this.#running.set(name, running);
    return running;
  }

  pid(name: string): number | undefined {
    return this.#running.get(name)?.process.pid;
  }

  isRunning(name: string): boolean {
    return this.#running.has(name);
  }

  /** Resolves when a running member ends, by itself or not. */
  exitOf(name: string): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    const running = this.#running.get(name);
    if (running === undefined) throw new Error(`member ${name} does not run`);
    return running.exited;
  }

  /** Sends a signal and waits for the end. */
  async end(
    name: string,
    signal: NodeJS.Signals,
  ): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    const running = this.#running.get(name);
    if (running === undefined) throw new Error(`member ${name} does not run`);
    running.process.kill(signal);
    return running.exited;
  }

  /** Closes the channel that ties a member to this process, as the end of this process would, and waits for its end. */
  async parentGone(
    name: string,
  ): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    const running = this.#running.get(name);
    if (running === undefined) throw new Error(`member ${name} does not run`);
    running.process.disconnect();
    return running.exited;
  }

  /** What the members logged last, for people who look at a failure. */
  logs(linesMax = 40): string {
    if (this.#lastLogs !== undefined) return this.#lastLogs;
    return this.members
      .map((member) => {
        let content: string;
        try {
          content = readFileSync(member.logFile, 'utf8');
        } catch {
          content = '(no log)';
        }
        return `--- member ${member.name}\n${content.trimEnd().split('\n').slice(-linesMax).join('\n')}`;
      })
      .join('\n');
  }

  /** To be called in a test: shows the logs when it fails. */
  showLogsOnFailure(): void {
    onTestFailed(() => {
      process.stderr.write(`${this.logs()}\n`);
    });
  }

  /** Ends every process and removes every file. */
  async remove(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.end(name, 'SIGKILL')));
    this.#lastLogs = this.logs();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
