import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { expect, onTestFailed } from 'vitest';

import { PlasmaStorageClient } from '../../../adapters/grpc/plasma-storage-client.ts';
import { type PemFiles } from '../../../adapters/pki/authority.ts';
import { findInstances, isAlive, startTicksOf } from '../../../adapters/qemu/proc.ts';
import { VmDirectory } from '../../../adapters/qemu/vm-directory.ts';
import { type NodeShown, type PlasmaEvent, type VmShown } from '../../../core/plasma/api.ts';
import { type InstanceId } from '../../../core/plasma/types.ts';
import { PlasmaSession } from '../../../nodes/plasma-tools/session.ts';
import { photonFile } from '../cluster.ts';
import { type CommandResult, LiveCommand, runCommand } from '../command.ts';
import { freePorts } from '../ports.ts';
import { ConsoleFile, TickDisk } from './guest-ticks.ts';
import { PlasmaProcess } from './plasma-process.ts';

const project = 'default';
const patienceMs = 90_000;
const lookEveryMs = 20;
const eventWaitMs = 10_000;
const diskBytes = 1_048_576;
const answersWithinUs = 10_000_000;

export interface NodePlan {
  readonly name: string;
  /** A network namespace of its own, and its address there. */
  readonly network?: { readonly namespace: string; readonly host: string };
}

export interface CloudPlan {
  readonly nodes: readonly NodePlan[];
  /** Where server and storage node listen. */
  readonly host?: string;
  /** Undefined: plain text. */
  readonly security?: CloudSecurity;
}

export interface CloudSecurity {
  readonly authority: string;
  /** Of a process at this host. */
  process(name: string, host: string): PemFiles;
  /** Of whoever uses the commands: an operator. */
  readonly operator: PemFiles & { readonly name: string };
}

/** A compute node: its agent, the watchdog that has started, and its virtual machines. */
export class CloudNode {
  readonly name: string;
  readonly agent: PlasmaProcess;
  readonly dataDir: string;

  constructor(name: string, dataDir: string, agent: PlasmaProcess) {
    this.name = name;
    this.dataDir = dataDir;
    this.agent = agent;
  }

  get instances(): readonly InstanceId[] {
    return findInstances(this.#vmsDir);
  }

  /** @throws when there is none */
  get watchdog(): number {
    const { pid } = JSON.parse(readFileSync(join(this.dataDir, 'watchdog', 'LOCK'), 'utf8')) as {
      readonly pid: number;
    };
    return pid;
  }

  /** Agent, watchdog and hypervisors, all at once. */
  signal(signal: NodeJS.Signals): void {
    for (const pid of [this.agent.pid, this.watchdog, ...this.instances.map((one) => one.pid)])
      process.kill(pid, signal);
  }

  console(instance: InstanceId): ConsoleFile {
    return new ConsoleFile(this.#directory(instance).consoleLog);
  }

  /** Something of it lies here, under this token. */
  hasFiles(instance: InstanceId): boolean {
    return this.#directory(instance).exists;
  }

  async end(): Promise<void> {
    const pids = this.instances.map((one) => one.pid);
    await this.agent.end('SIGKILL');
    let watchdog: number | undefined;
    try {
      watchdog = this.watchdog;
    } catch {
      // It has none, or not any more.
    }
    for (const pid of watchdog === undefined ? pids : [watchdog, ...pids])
      if (startTicksOf(pid) !== undefined) process.kill(pid, 'SIGKILL');
  }

  get #vmsDir(): string {
    return join(realpathSync(this.dataDir), 'vms');
  }

  #directory({ vm, fenceToken }: InstanceId): VmDirectory {
    return new VmDirectory(this.#vmsDir, vm, fenceToken);
  }
}

/** Chainfire, a server, a storage node and compute nodes, each as the processes that it consists of. */
export class PlasmaCloud {
  readonly dir: string;
  readonly nodes: readonly CloudNode[];
  readonly endpoint: string;
  readonly #plan: CloudPlan;
  readonly #services: readonly PlasmaProcess[];
  readonly #storageClient: PlasmaStorageClient;
  readonly #session: PlasmaSession;
  #disk: TickDisk | undefined;
  readonly #consoles: ConsoleFile[] = [];
  /** As far as they were asked for. */
  readonly #events: PlasmaEvent[] = [];

  /** Resolves when all of it serves, and a disk `tick` holds the guest. To be called in a test: its failure shows the logs. */
  static async start(plan: CloudPlan): Promise<PlasmaCloud> {
    const cloud = new PlasmaCloud(plan, await freePorts(8 + 2 * plan.nodes.length));
    onTestFailed(() => {
      process.stderr.write(`${cloud.#logs()}\n`);
    });
    try {
      for (const service of cloud.#services) await service.start();
      for (const { agent } of cloud.nodes) await agent.start();
      await cloud.#makeTickDisk();
    } catch (error) {
      await cloud.end();
      throw error;
    }
    return cloud;
  }

  private constructor(plan: CloudPlan, ports: readonly number[]) {
    this.#plan = plan;
    this.dir = mkdtempSync(join(tmpdir(), 'photon-plasma-'));
    const host = plan.host ?? '127.0.0.1';
    const [client = 0, peer = 0, metrics = 0, server = 0, serverMetrics = 0, ...others] = ports;
    const [storage = 0, nbd = 0, storageMetrics = 0, ...ofNodes] = others;
    const [chainfire, members] = [`127.0.0.1:${client}`, `a=127.0.0.1:${peer}`];
    this.endpoint = `${host}:${server}`;
    const storageAddress = `${host}:${storage}`;
    this.#services = [
      new PlasmaProcess(
        ...['chainfire', 'serve', '--name', 'a', '--data-dir', join(this.dir, 'a')],
        ...['--listen-client', chainfire, '--listen-peer', `127.0.0.1:${peer}`],
        ...['--listen-metrics', `127.0.0.1:${metrics}`, '--initial-cluster', members],
      ),
      new PlasmaProcess(
        ...['plasma', 'server', '--name', 's', '--data-dir', join(this.dir, 's')],
        ...['--listen', this.endpoint, '--listen-metrics', `127.0.0.1:${serverMetrics}`],
        ...['--chainfire', chainfire, '--storage', storageAddress, ...this.#tlsFlags('s', host)],
        ...(plan.security === undefined ? [] : ['--operators', plan.security.operator.name]),
      ),
      new PlasmaProcess(
        ...['plasma', 'storage', '--name', 'storage', '--data-dir', join(this.dir, 'storage')],
        ...['--listen', storageAddress, '--listen-nbd', `${host}:${nbd}`],
        ...['--listen-metrics', `127.0.0.1:${storageMetrics}`, ...this.#tlsFlags('storage', host)],
      ),
    ];
    this.nodes = plan.nodes.map(({ name, network }, at) => {
      const own = network?.host ?? '127.0.0.1';
      const dataDir = join(this.dir, name);
      const agent = new PlasmaProcess(
        { namespace: network?.namespace },
        ...['plasma', 'agent', '--name', name, '--data-dir', dataDir, '--accelerator', 'tcg'],
        ...['--listen', `${own}:${ofNodes[2 * at] ?? 0}`, '--servers', this.endpoint],
        ...['--listen-metrics', `127.0.0.1:${ofNodes[2 * at + 1] ?? 0}`, '--storage', storageAddress],
        ...this.#tlsFlags(name, own),
      );
      return new CloudNode(name, dataDir, agent);
    });
    const operator = plan.security?.operator;
    this.#session = new PlasmaSession(
      {
        ...{ endpoints: this.endpoint, project, timeout: 20 },
        ...(plan.security === undefined || operator === undefined
          ? {}
          : { cacert: plan.security.authority, cert: operator.certFile, key: operator.keyFile }),
      },
      'a test',
    );
    this.#storageClient = new PlasmaStorageClient({
      address: { host, port: storage },
      tls: plan.security === undefined ? undefined : this.#credentials(host),
    });
  }

  node(name: string | undefined): CloudNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`there is no node ${name ?? ''}`);
    return found;
  }

  /** The process that serves shared disks, and names of the disks' files. */
  get storage(): PlasmaProcess {
    const storage = this.#services.at(-1);
    if (storage === undefined) throw new Error('a cloud has a storage node');
    return storage;
  }

  get diskFiles(): readonly string[] {
    return readdirSync(join(this.dir, 'storage', 'disks'));
  }

  /** The one that is not this one. */
  other(than: CloudNode): CloudNode {
    return this.node(this.nodes.find((node) => node !== than)?.name);
  }

  /** The disk `tick`, as it lies on the storage node. */
  get disk(): TickDisk {
    if (this.#disk === undefined) throw new Error('it has not been made yet');
    return this.#disk;
  }

  /** Runs a command, which must be refused. @returns what it says */
  async refused(...args: readonly string[]): Promise<string> {
    const result = await runCommand(process.execPath, [photonFile, ...args, ...this.#toolFlags]);
    expect(result.code).toBe(1);
    return result.stderr;
  }

  /** What a command prints with `--json`. */
  async json(...args: readonly string[]): Promise<unknown> {
    return JSON.parse((await this.photon(...args, '--json')).stdout) as unknown;
  }

  /** Runs a command, which must do what it is told. */
  async photon(...args: readonly string[]): Promise<CommandResult> {
    const result = await runCommand(process.execPath, [photonFile, ...args, ...this.#toolFlags]);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    return result;
  }

  live(...args: readonly string[]): LiveCommand {
    return new LiveCommand(process.execPath, [photonFile, ...args, ...this.#toolFlags], {});
  }

  async vm(name: string): Promise<VmShown> {
    const { vms } = await this.#session.ask<'vms'>({ kind: 'vmGet', project, vm: name });
    const [vm] = vms;
    if (vm === undefined) throw new Error(`there is no ${name}`);
    return vm;
  }

  untilVm(name: string, is: (vm: VmShown) => boolean): Promise<VmShown> {
    return untilSo(() => this.vm(name), is);
  }

  /** It executes, and as which process is known. */
  async running(name: string): Promise<VmShown & { readonly instance: InstanceId }> {
    const vm = await this.untilVm(
      name,
      ({ state, instance }) => state === 'running' && instance !== undefined,
    );
    return vm as VmShown & { readonly instance: InstanceId };
  }

  untilNode(name: string, is: (node: NodeShown) => boolean): Promise<NodeShown> {
    return untilSo(async () => {
      const { nodes } = await this.#session.ask<'nodes'>({ kind: 'nodeList' });
      const node = nodes.find((one) => one.name === name);
      if (node === undefined) throw new Error(`there is no node ${name}`);
      return node;
    }, is);
  }

  /** The first event of this kind, or the first behind another one. */
  async event(what: string, behind?: PlasmaEvent): Promise<PlasmaEvent> {
    const untilMs = performance.now() + patienceMs;
    for (;;) {
      const from = behind === undefined ? 0 : this.#events.indexOf(behind) + 1;
      const found = this.#events.slice(from).find((event) => event.what === what);
      if (found !== undefined) return found;
      if (performance.now() > untilMs)
        throw new Error(`there is no ${what}: ${JSON.stringify(this.#events.slice(from))}`);
      const fromRevision = this.#events.at(-1)?.revision ?? 0;
      const { events } = await this.#session.ask<'events'>(
        { kind: 'events', project, fromRevision, limit: 100, waitUs: eventWaitMs * 1_000 },
        eventWaitMs,
      );
      this.#events.push(...events);
    }
  }

  /** What a virtual machine's process says; it is closed with the cloud. */
  consoleOf(instance: InstanceId, on: CloudNode): ConsoleFile {
    const console = on.console(instance);
    this.#consoles.push(console);
    return console;
  }

  async end(): Promise<void> {
    const instances = this.nodes.flatMap((node) => node.instances);
    for (const node of this.nodes) await node.end();
    for (const service of this.#services.toReversed()) await service.end('SIGKILL');
    for (const console of this.#consoles) console.close();
    this.#session.close();
    this.#storageClient.close();
    await untilSo(
      () => Promise.resolve(instances.some(isAlive)),
      (alive) => !alive,
    );
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Nobody has it open yet, so that its file may be written to. */
  async #makeTickDisk(): Promise<void> {
    const { stdout } = await this.photon('disk', 'create', 'tick', '1MiB', '--json');
    // There it is known by the commit that has made it, too.
    const name = `tick.${(JSON.parse(stdout) as { readonly revision: number }).revision}`;
    const request = { kind: 'createDisk', disk: `${project}/${name}`, sizeBytes: diskBytes } as const;
    const answer = await this.#storageClient.request(request, answersWithinUs);
    if (answer.kind !== 'created') throw new Error(JSON.stringify(answer));
    const path = join(this.dir, 'storage', 'disks', `${project}+${name}.raw`);
    writeFileSync(path, TickDisk.content());
    this.#disk = new TickDisk(path);
  }

  #tlsFlags(name: string, host: string): readonly string[] {
    const { security } = this.#plan;
    if (security === undefined) return [];
    const { certFile, keyFile } = security.process(name, host);
    return ['--cert-file', certFile, '--key-file', keyFile, '--trusted-ca-file', security.authority];
  }

  #credentials(
    host: string,
  ): { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer } | undefined {
    const { security } = this.#plan;
    if (security === undefined) return undefined;
    const { certFile, keyFile } = security.process('tester', host);
    return { ca: readFileSync(security.authority), cert: readFileSync(certFile), key: readFileSync(keyFile) };
  }

  get #toolFlags(): readonly string[] {
    const { security } = this.#plan;
    const to = ['--endpoints', this.endpoint];
    if (security === undefined) return to;
    const { certFile, keyFile } = security.operator;
    return [...to, '--cacert', security.authority, '--cert', certFile, '--key', keyFile];
  }

  #logs(): string {
    const all = [...this.#services, ...this.nodes.map(({ agent }) => agent)];
    const consoles = this.#consoles.map(({ said }) => JSON.stringify(said.slice(-200)));
    const logs = all.map(({ log }) => log.split('\n').slice(-20).join('\n'));
    return [...logs, ...consoles].join('\n---\n');
  }
}

async function untilSo<Value>(look: () => Promise<Value>, is: (value: Value) => boolean): Promise<Value> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const value = await look();
    if (is(value)) return value;
    if (performance.now() > untilMs) throw new Error(`it does not come to that: ${JSON.stringify(value)}`);
    await after(lookEveryMs);
  }
}
