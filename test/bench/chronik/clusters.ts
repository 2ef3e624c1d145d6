import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePorts } from '../../interop/ports.ts';
import { kcat } from './load.ts';

const photonFile = fileURLToPath(new URL('../../../nodes/photon.ts', import.meta.url));
const readyWithinMs = 60_000;

export interface BrokerPlace {
  readonly id: number;
  readonly name: string;
  readonly dir: string;
  readonly logFile: string;
  /** `host:port` each. */
  readonly client: string;
  readonly peer: string;
  readonly metrics: string;
}

/** How to run one of the systems that are compared. */
export interface ClusterKind {
  readonly name: string;
  /** Before the first start, for each broker. */
  readonly prepare?: (place: BrokerPlace, all: readonly BrokerPlace[]) => void;
  command(place: BrokerPlace, all: readonly BrokerPlace[]): readonly [string, ...string[]];
  /** Takes its parent's end for its own, told through an IPC channel. */
  readonly followsParent: boolean;
}

/** Six partitions on three replicas, of which two must be there; every append is on the disks before it is acknowledged. */
export const chronik: ClusterKind = {
  name: 'Chronik',
  command: (place, all) => [
    process.execPath,
    photonFile,
    ...['chronik', 'serve', '--name', place.name, '--data-dir', place.dir],
    ...['--listen-client', place.client, '--listen-peer', place.peer, '--listen-metrics', place.metrics],
    ...['--initial-cluster', all.map(({ name, peer }) => `${name}=${peer}`).join(',')],
    ...['--num-partitions', '6', '--default-replication-factor', '3', '--min-insync-replicas', '2'],
  ],
  followsParent: true,
};

const children = new Set<ChildProcess>();
// Whatever ends this process: nothing that it started stays behind.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** Three brokers as processes of their own, with directories below one. */
export class RunningCluster {
  readonly kind: ClusterKind;
  readonly places: readonly BrokerPlace[];
  #children: readonly ChildProcess[] = [];

  private constructor(kind: ClusterKind, places: readonly BrokerPlace[]) {
    this.kind = kind;
    this.places = places;
  }

  /** @param dir holds the brokers' directories and logs; resolves when each of them names all others to a client */
  static async start(kind: ClusterKind, dir: string, count = 3): Promise<RunningCluster> {
    const ports = await freePorts(3 * count);
    mkdirSync(dir, { recursive: true });
    const places = Array.from({ length: count }, (_, at) => {
      const address = (purpose: number): string => `127.0.0.1:${ports[3 * at + purpose] ?? 0}`;
      const name = `broker-${at + 1}`;
      return {
        ...{ id: at + 1, name, dir: join(dir, name), logFile: join(dir, `${name}.log`) },
        ...{ client: address(0), peer: address(1), metrics: address(2) },
      };
    });
    const cluster = new RunningCluster(kind, places);
    for (const place of places) kind.prepare?.(place, places);
    cluster.#children = places.map((place) => cluster.#launch(place));
    await cluster.#ready();
    return cluster;
  }

  get bootstrap(): string {
    return this.places.map(({ client }) => client).join(',');
  }

  get pids(): readonly number[] {
    return this.#children.map(({ pid }) => pid ?? 0);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }),
    );
  }

  #launch(place: BrokerPlace): ChildProcess {
    const [program, ...args] = this.kind.command(place, this.places);
    const log = openSync(place.logFile, 'a');
    const child = spawn(program, args, {
      stdio: this.kind.followsParent ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
    });
    closeSync(log);
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  }

  async #ready(): Promise<void> {
    const endMs = performance.now() + readyWithinMs;
    for (const [at, place] of this.places.entries()) {
      for (;;) {
        const { status, stdout } = await kcat(['-L', '-b', place.client, '-m', '5']);
        if (status === 0 && new RegExp(`^ ${this.places.length} brokers:`, 'm').test(stdout)) break;
        if (performance.now() > endMs || (this.#children[at]?.exitCode ?? null) !== null) {
          const lines = readFileSync(place.logFile, 'utf8').trimEnd().split('\n').slice(-20).join('\n');
          throw new Error(`${this.kind.name}: ${place.name} does not serve:\n${lines}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}
