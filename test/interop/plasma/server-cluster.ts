import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Chainfire } from '../../../adapters/client/chainfire.ts';
import { systemPrng } from '../../../adapters/client/system-prng.ts';
import { parseAddress } from '../../../adapters/config/address.ts';
import { GrpcChainfireClient } from '../../../adapters/grpc/client.ts';
import { findInstances, strike } from '../../../adapters/qemu/proc.ts';
import { Cluster } from '../cluster.ts';
import { freePorts } from '../ports.ts';
import { PlasmaProcess } from './plasma-process.ts';

const serverCount = 3;
const readTimeoutMs = 30_000;

export interface ServerClusterOptions {
  /** Of Chainfire. */
  readonly members: number;
  readonly agents: number;
}

/** Three servers of the control plane over a Chainfire, and nodes: every one a process. */
export class ServerCluster {
  readonly dir = mkdtempSync(join(tmpdir(), 'photon-servers-'));
  readonly chainfire: Cluster;
  readonly servers: readonly PlasmaProcess[];
  /** Of the servers, by position. */
  readonly addresses: readonly string[];
  readonly agents: readonly PlasmaProcess[];
  readonly db: Chainfire;
  readonly #client: GrpcChainfireClient;
  readonly #metrics: readonly string[];

  static async start(options: ServerClusterOptions): Promise<ServerCluster> {
    const { agents } = options;
    const chainfire = await Cluster.start(options.members);
    const ports = await freePorts(2 * serverCount + 2 * agents);
    const cluster = new ServerCluster(
      chainfire,
      ports.map((port) => `127.0.0.1:${port}`),
      agents,
    );
    try {
      await Promise.all(cluster.servers.map((server) => server.start()));
      await Promise.all(cluster.agents.map((agent) => agent.start()));
    } catch (error) {
      await cluster.remove();
      throw error;
    }
    return cluster;
  }

  private constructor(chainfire: Cluster, at: readonly string[], agents: number) {
    this.chainfire = chainfire;
    this.addresses = at.slice(0, serverCount);
    this.#metrics = at.slice(serverCount, 2 * serverCount);
    this.servers = this.addresses.map(
      (address, position) =>
        new PlasmaProcess(
          ...['plasma', 'server', '--name', `s${position}`, '--position', String(position)],
          ...['--data-dir', this.serverDir(position), '--listen', address],
          ...['--listen-metrics', this.#metrics[position] ?? '', '--chainfire', chainfire.endpoints],
          ...['--servers', this.addresses.join(',')],
        ),
    );
    this.agents = Array.from({ length: agents }, (_, position) => {
      const [listen = '', metrics = ''] = at.slice(2 * serverCount + 2 * position);
      // The second one is told of the servers in another order.
      const servers = position % 2 === 0 ? this.addresses : this.addresses.toReversed();
      return new PlasmaProcess(
        ...[
          'plasma',
          'agent',
          '--name',
          `n${position + 1}`,
          '--data-dir',
          join(this.dir, `n${position + 1}`),
        ],
        // Room for whatever a test starts: its guests do next to nothing.
        ...['--cpus', '64'],
        ...['--listen', listen, '--listen-metrics', metrics, '--servers', servers.join(',')],
      );
    });
    const endpoints = chainfire.endpoints.split(',').map((text) => {
      const address = parseAddress(text);
      if (address === undefined) throw new Error(`${text} is no address`);
      return address;
    });
    this.#client = new GrpcChainfireClient({ endpoints, prng: systemPrng });
    this.db = new Chainfire(this.#client, { timeoutMs: readTimeoutMs });
  }

  serverDir(position: number): string {
    return join(this.dir, `s${position}`);
  }

  hasImage(position: number, digest: string): boolean {
    return existsSync(join(this.serverDir(position), 'images', 'sha256', digest.slice('sha256:'.length)));
  }

  /** Hypervisors' processes of all nodes. */
  instances(): ReturnType<typeof findInstances> {
    return this.agents.flatMap((_, position) => {
      const dir = join(realpathSync(this.dir), `n${position + 1}`, 'vms');
      return existsSync(dir) ? findInstances(dir) : [];
    });
  }

  /** Position of the server that has the leader's key; undefined: nobody has it. */
  async keyHolder(): Promise<number | undefined> {
    const row = await this.db.get(leaderKey);
    return row === undefined ? undefined : (JSON.parse(row.value) as { server: number }).server;
  }

  /** Waits for a server that has the leader's key, other than one that is named. */
  async leader(except?: number): Promise<number> {
    const there = await this.keyHolder();
    if (there !== undefined && there !== except) return there;
    for await (const { events } of this.db.watch(leaderKey, { fromRevision: 1, without: 'deletes' })) {
      for (const { entry } of events) {
        const { server } = JSON.parse(entry.value) as { server: number };
        if (server !== except && (await this.keyHolder()) === server) return server;
      }
    }
    throw new Error('the watch has ended');
  }

  /** Name of the member of Chainfire that leads. */
  async chainfireLeader(): Promise<string> {
    for (;;) {
      for (const { name, metrics } of this.chainfire.members) {
        if (!this.chainfire.isRunning(name)) continue;
        const text = await (await fetch(`http://${metrics}/metrics`)).text();
        if (/^photon_chainfire_is_leader 1$/m.test(text)) return name;
      }
    }
  }

  async metric(position: number, name: string): Promise<number> {
    const text = await (await fetch(`http://${this.#metrics[position]}/metrics`)).text();
    return Number(new RegExp(`^photon_plasma_server_${name} ([0-9]+)$`, 'm').exec(text)?.[1] ?? NaN);
  }

  logs(): string {
    return [...this.servers, ...this.agents].map(({ log }, at) => `--- process ${at}\n${log}`).join('\n');
  }

  async remove(): Promise<void> {
    this.#client.close();
    await Promise.all([...this.agents, ...this.servers].map((process) => process.end('SIGKILL')));
    for (const instance of this.instances()) strike(instance);
    await this.chainfire.remove();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const leaderKey = '/photon/plasma/leader';
