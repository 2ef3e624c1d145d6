import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { StatusRequest, StatusResponse } from '../../../core/chainfire/api/cluster.ts';
import { freePorts } from '../../interop/ports.ts';
import { Calls } from './calls.ts';

const photonFile = fileURLToPath(new URL('../../../nodes/photon.ts', import.meta.url));
const readyWithinMs = 60_000;

export interface Place {
  readonly name: string;
  readonly dir: string;
  readonly logFile: string;
  /** `host:port` each. */
  readonly client: string;
  readonly peer: string;
  readonly metrics: string;
}

/** How to run one of the two systems that are compared. */
export interface SystemKind {
  readonly name: 'photon' | 'etcd';
  command(place: Place, all: readonly Place[]): readonly [string, ...string[]];
  /** Where a member's Prometheus metrics are. */
  metricsUrl(place: Place): string;
  /** Takes its parent's end for its own, told through an IPC channel. */
  readonly followsParent: boolean;
}

export const photon: SystemKind = {
  name: 'photon',
  command: (place, all) => [
    process.execPath,
    photonFile,
    ...['chainfire', 'serve', '--name', place.name, '--data-dir', place.dir],
    ...['--listen-client', place.client, '--listen-peer', place.peer, '--listen-metrics', place.metrics],
    ...['--initial-cluster', all.map(({ name, peer }) => `${name}=${peer}`).join(',')],
  ],
  metricsUrl: (place) => `http://${place.metrics}/metrics`,
  followsParent: true,
};

export const etcd: SystemKind = {
  name: 'etcd',
  command: (place, all) => [
    'etcd',
    ...['--name', place.name, '--data-dir', place.dir],
    ...[
      '--listen-client-urls',
      `http://${place.client}`,
      '--advertise-client-urls',
      `http://${place.client}`,
    ],
    ...[
      '--listen-peer-urls',
      `http://${place.peer}`,
      '--initial-advertise-peer-urls',
      `http://${place.peer}`,
    ],
    ...['--initial-cluster', all.map(({ name, peer }) => `${name}=http://${peer}`).join(',')],
    ...['--quota-backend-bytes', String(8 * 2 ** 30), '--logger', 'zap', '--log-outputs', 'stderr'],
  ],
  metricsUrl: (place) => `http://${place.client}/metrics`,
  followsParent: false,
};

export interface RunningMember {
  readonly place: Place;
  readonly pid: number;
  readonly calls: Calls;
}

export interface MemberStatus {
  readonly revision: number;
  readonly leads: boolean;
  readonly storeBytes: number;
}

const children = new Set<ChildProcess>();
// Whatever ends this process: nothing that it started stays behind.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** Three members as processes of their own, with directories below one. */
export class RunningSystem {
  readonly kind: SystemKind;
  readonly places: readonly Place[];
  #members: readonly (RunningMember & { readonly child: ChildProcess })[] = [];

  private constructor(kind: SystemKind, places: readonly Place[]) {
    this.kind = kind;
    this.places = places;
  }

  /** @param dir holds the members' directories and logs */
  static async start(kind: SystemKind, dir: string, count = 3): Promise<RunningSystem> {
    const ports = await freePorts(3 * count);
    const places = Array.from({ length: count }, (_, at) => {
      const name = `${kind.name}${at + 1}`;
      const address = (purpose: number): string => `127.0.0.1:${ports[3 * at + purpose] ?? 0}`;
      return {
        name,
        dir: join(dir, name),
        logFile: join(dir, `${name}.log`),
        client: address(0),
        peer: address(1),
        metrics: address(2),
      };
    });
    const system = new RunningSystem(kind, places);
    await system.startMembers();
    return system;
  }

  get members(): readonly RunningMember[] {
    return this.#members;
  }

  /** Starts every member and waits until all know a leader. @returns how long that took, in ms */
  async startMembers(): Promise<number> {
    const startMs = performance.now();
    this.#members = this.places.map((place) => this.#launch(place));
    for (const member of this.#members) await this.#ready(member);
    return performance.now() - startMs;
  }

  async stopMembers(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const members = this.#members;
    this.#members = [];
    await Promise.all(
      members.map(async ({ child, calls }) => {
        calls.close();
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.kill(signal);
        await exited;
      }),
    );
  }

  /** Ends one member where it has not ended, starts it again on what it has, and waits until it answers and knows a leader. */
  async restart(
    name: string,
    signal: NodeJS.Signals,
  ): Promise<{ readonly stopMs: number; readonly startMs: number }> {
    const member = this.#members.find(({ place }) => place.name === name);
    if (member === undefined) throw new Error(`${name} does not run`);
    const fromMs = performance.now();
    member.calls.close();
    if (member.child.exitCode === null && member.child.signalCode === null) {
      const exited = once(member.child, 'exit');
      member.child.kill(signal);
      await exited;
    }
    const stoppedMs = performance.now();
    const again = this.#launch(member.place);
    this.#members = this.#members.map((each) => (each === member ? again : each));
    await this.#ready(again);
    return { stopMs: stoppedMs - fromMs, startMs: performance.now() - stoppedMs };
  }

  async status(member: RunningMember): Promise<MemberStatus> {
    const codecs = { request: StatusRequest, response: StatusResponse };
    const answer = await member.calls.unary(
      'etcdserverpb.Maintenance/Status',
      codecs,
      StatusRequest.create(),
      2_000,
    );
    return {
      revision: answer.header?.revision ?? 0,
      leads: answer.leader !== 0n && answer.leader === answer.header?.memberId,
      storeBytes: answer.dbSize,
    };
  }

  async leader(): Promise<RunningMember> {
    for (const member of this.#members) if ((await this.status(member)).leads) return member;
    throw new Error(`${this.kind.name} has no leader`);
  }

  /** The value of a sample of Prometheus' text, 0 when it is not there. */
  async metric(
    member: RunningMember,
    name: string,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<number> {
    const response = await fetch(this.kind.metricsUrl(member.place));
    let sum = 0;
    for (const line of (await response.text()).split('\n')) {
      if (!line.startsWith(name) || !/[ {]/.test(line[name.length] ?? '')) continue;
      if (!Object.entries(labels).every(([label, text]) => line.includes(`${label}="${text}"`))) continue;
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
    }
    return sum;
  }

  #launch(place: Place): RunningMember & { readonly child: ChildProcess } {
    const [program, ...args] = this.kind.command(place, this.places);
    const log = openSync(place.logFile, 'a');
    const child = spawn(program, args, {
      stdio: this.kind.followsParent ? ['ignore', 'ignore', log, 'ipc'] : ['ignore', 'ignore', log],
    });
    closeSync(log);
    if (child.pid === undefined) throw new Error(`${program} cannot be started`);
    children.add(child);
    child.once('exit', () => children.delete(child));
    return { place, pid: child.pid, child, calls: new Calls(place.client) };
  }

  async #ready(member: RunningMember & { readonly child: ChildProcess }): Promise<void> {
    const endMs = performance.now() + readyWithinMs;
    const hasLeader = { request: StatusRequest, response: StatusResponse };
    while (performance.now() < endMs) {
      if (member.child.exitCode !== null) break;
      try {
        const path = 'etcdserverpb.Maintenance/Status';
        const answer = await member.calls.unary(path, hasLeader, StatusRequest.create(), 1_000);
        if (answer.leader !== 0n) return;
      } catch {
        // Not listening yet; the log says why if it never does.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const lines = readFileSync(member.place.logFile, 'utf8').trimEnd().split('\n').slice(-20).join('\n');
    throw new Error(`${member.place.name} does not serve:\n${lines}`);
  }
}

/** Confines every thread of a process to one core; undefined lets it use all. */
export function pin(pid: number, core: number | undefined): void {
  const cores = core === undefined ? '0-1023' : String(core);
  const { status, stderr } = spawnSync('taskset', ['-a', '-c', '-p', cores, String(pid)]);
  if (status !== 0) throw new Error(`taskset: ${String(stderr)}`);
}
