import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bootSector } from '../../../adapters/qemu/guest/boot-sector.ts';
import { type NodeImages } from '../../../adapters/qemu/node-images.ts';
import { findInstances, isAlive } from '../../../adapters/qemu/proc.ts';
import { QemuHypervisor } from '../../../adapters/qemu/qemu-hypervisor.ts';
import { type QemuOptions } from '../../../adapters/qemu/qemu-options.ts';
import { type HypervisorReport } from '../../../core/plasma/hypervisor.ts';
import { type InstanceId } from '../../../core/plasma/types.ts';
import {
  type AskedAct,
  type HypervisorNode,
  type HypervisorSubject,
} from '../../contract/hypervisor-subject.ts';

const patienceMs = 60_000;
const lookEveryMs = 10;
/** Eighteen times a second it counts. */
const severalTicksMs = 400;
const diskBytes = 1_048_576;
const commands = { shutdown: 'q', reset: 'r', panic: 'p', hang: 'h' } as const;

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Rejects when it does not come to that. */
export async function until(done: () => boolean): Promise<void> {
  const untilMs = Date.now() + patienceMs;
  while (!done()) {
    if (Date.now() > untilMs) throw new Error('it does not come to that');
    await pass(lookEveryMs);
  }
}

export class QemuNode implements HypervisorNode {
  reports: HypervisorReport[] = [];
  readonly #options: QemuOptions;
  #hypervisor: QemuHypervisor;
  #actId = 0;

  private constructor(options: QemuOptions, hypervisor: QemuHypervisor) {
    this.#options = options;
    this.#hypervisor = hypervisor;
    this.#listen();
  }

  static async open(options: QemuOptions): Promise<QemuNode> {
    return new QemuNode(options, await QemuHypervisor.open(options));
  }

  get hypervisor(): QemuHypervisor {
    return this.#hypervisor;
  }

  act(act: AskedAct): number {
    this.#actId += 1;
    this.#hypervisor.act({ ...act, actId: this.#actId });
    return this.#actId;
  }

  endAgent(): void {
    this.#hypervisor.close();
  }

  async restartAgent(): Promise<void> {
    this.#hypervisor.close();
    this.#hypervisor = await QemuHypervisor.open(this.#options);
    this.#listen();
  }

  tick({ vm, fenceToken }: InstanceId): number {
    const { logPath } = this.#hypervisor.console(vm, fenceToken);
    const said = existsSync(logPath) ? readFileSync(logPath, 'latin1') : '';
    const last = [...said.matchAll(/t ([0-9a-f]{8})\r\n/g)].at(-1);
    return Number.parseInt(last?.[1] ?? '0', 16);
  }

  guest({ vm, fenceToken }: InstanceId, does: keyof typeof commands): Promise<void> {
    const { socketPath } = this.#hypervisor.console(vm, fenceToken);
    return new Promise((resolve, reject) => {
      const socket = connect(socketPath, () => socket.end(commands[does], resolve));
      socket.once('error', reject);
      // What it says meanwhile is in the log.
      socket.resume();
    });
  }

  killProcess(instance: InstanceId): void {
    this.#signal(instance, 'SIGKILL');
  }

  freeze(instance: InstanceId): void {
    this.#signal(instance, 'SIGSTOP');
  }

  thaw(instance: InstanceId): void {
    this.#signal(instance, 'SIGCONT');
  }

  /** None of its processes is left. */
  async close(): Promise<void> {
    this.#hypervisor.close();
    const instances = findInstances(join(this.#options.dataDir, 'vms'));
    for (const instance of instances) this.#signal(instance, 'SIGKILL');
    await until(() => !instances.some(isAlive));
  }

  #signal(instance: InstanceId, signal: NodeJS.Signals): void {
    if (isAlive(instance)) process.kill(instance.pid, signal);
  }

  #listen(): void {
    const reports: HypervisorReport[] = [];
    this.reports = reports;
    this.#hypervisor.onReport = (report) => reports.push(report);
  }
}

/** Two nodes' worth of QEMUs on this machine, and disks that qemu-nbd serves to both. */
export class QemuSubject implements HypervisorSubject {
  readonly bootImage = `sha256:${'ab'.repeat(32)}`;
  readonly bootImageBytes = diskBytes;
  readonly machine = { cpus: 1, memoryBytes: 8 * 1_048_576 };
  readonly a: QemuNode;
  readonly b: QemuNode;
  readonly directory: string;
  readonly #servers: ChildProcess[] = [];

  private constructor(directory: string, a: QemuNode, b: QemuNode) {
    this.directory = directory;
    this.a = a;
    this.b = b;
  }

  static async open(given: Partial<QemuOptions> = {}): Promise<QemuSubject> {
    const directory = await mkdtemp(join(tmpdir(), 'photon-qemu-'));
    const path = join(directory, 'boot.raw');
    await writeFile(path, bootDisk());
    const images: NodeImages = {
      image: (digest) =>
        digest === `sha256:${'ab'.repeat(32)}`
          ? Promise.resolve({ path, format: 'raw' })
          : Promise.reject(new Error(`there is no image ${digest}`)),
      digests: () => Promise.resolve([`sha256:${'ab'.repeat(32)}`]),
    };
    const options = (node: string): QemuOptions => ({
      dataDir: join(directory, node),
      images,
      accelerator: 'tcg',
      migrationHost: '127.0.0.1',
      pingEveryMs: 200,
      answerWithinMs: 1_000,
      ...given,
    });
    return new QemuSubject(directory, await QemuNode.open(options('a')), await QemuNode.open(options('b')));
  }

  serveBootDisk(): Promise<string> {
    return this.#serve(bootDisk());
  }

  serveDisk(): Promise<string> {
    return this.#serve(Buffer.alloc(diskBytes));
  }

  until(done: () => boolean): Promise<void> {
    return until(done);
  }

  pass(): Promise<void> {
    return pass(severalTicksMs);
  }

  async close(): Promise<void> {
    await this.a.close();
    await this.b.close();
    for (const server of this.#servers) {
      const exited = new Promise((resolve) => server.once('exit', resolve));
      if (server.kill()) await exited;
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  async #serve(content: Uint8Array): Promise<string> {
    const served = join(this.directory, `served-${(await readdir(this.directory)).length}`);
    await mkdir(served);
    const disk = join(served, 'disk.raw');
    const socket = join(served, 'nbd.sock');
    await writeFile(disk, content);
    this.#servers.push(
      spawn('qemu-nbd', ['-f', 'raw', '-k', socket, '-e', '4', '-t', '-x', 'disk', disk], {
        stdio: 'inherit',
      }),
    );
    await until(() => existsSync(socket));
    return `nbd+unix:///disk?socket=${encodeURIComponent(socket)}`;
  }
}

export function bootDisk(): Buffer {
  const disk = Buffer.alloc(diskBytes);
  disk.set(bootSector);
  return disk;
}
