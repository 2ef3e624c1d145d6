import { spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, statSync } from 'node:fs';
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';

import {
  actsWaitingMax,
  type FoundInstance,
  type Hypervisor,
  type HypervisorAct,
  type HypervisorReport,
} from '../../core/plasma/hypervisor.ts';
import { type DiskSpec, type FenceToken, type InstanceId, type VmId } from '../../core/plasma/types.ts';
import { Deferred } from '../client/deferred.ts';
import { ActQueues } from '../qemu/act-queues.ts';
import { type NodeImages } from '../qemu/node-images.ts';
import { findInstances, isAlive, isInstance, startTicksOf } from '../qemu/proc.ts';
import { seedImage } from '../qemu/seed-image.ts';
import { parseVmDirectoryName, vmDirectoryName } from '../qemu/vm-names.ts';
import { configuration, defaultBootArguments, driveId, unfitForFirecracker } from './configuration.ts';
import { apiSocket, firecrackerProcess, MicroVm } from './micro-vm.ts';

export interface FirecrackerOptions {
  /** The agent's own directory: `vms/` in it belongs to this port. */
  readonly dataDir: string;
  readonly images: NodeImages;
  /** An uncompressed kernel that all guests boot. */
  readonly kernelImage: string;
  readonly bootArguments?: string;
  /** Default `firecracker`. */
  readonly program?: string;
  readonly pingEveryMs?: number;
  readonly answerWithinMs?: number;
  readonly consoleBytesMax?: number;
}

type ActOf<Kind extends HypervisorAct['kind']> = Extract<HypervisorAct, { readonly kind: Kind }>;
type Where = { readonly vm: VmId; readonly fenceToken: FenceToken };

/** The answer, and whose reports may follow it. */
interface Outcome {
  readonly report: HypervisorReport;
  readonly releases: readonly MicroVm[];
}

const socketPathBytesMax = 107;
const longestName = vmDirectoryName(`vm-${'0'.repeat(32)}`, Number.MAX_SAFE_INTEGER);
const messageCharsMax = 1_000;
const lastCharsMax = 900;
const upWithinMs = 10_000;

/**
 * The hypervisor port on Firecracker. Contract-checked against Firecracker's published API, not yet run against Firecracker.
 *
 * It has no client for shared disks, no network of its own, no live migration, and its drives are all there when the guest
 * starts: such acts are `failed`, with why.
 */
export class FirecrackerHypervisor implements Hypervisor {
  onReport: (report: HypervisorReport) => void = () => undefined;
  readonly #options: FirecrackerOptions;
  readonly #vmsDir: string;
  readonly #queues = new ActQueues();
  readonly #watched = new Map<string, MicroVm>();
  #closed = false;

  private constructor(options: FirecrackerOptions, vmsDir: string) {
    this.#options = options;
    this.#vmsDir = vmsDir;
  }

  /** Rejects with a message for operators when the directory cannot be used. */
  static async open(options: FirecrackerOptions): Promise<FirecrackerHypervisor> {
    const vmsDir = join(options.dataDir, 'vms');
    await mkdir(vmsDir, { recursive: true, mode: 0o700 });
    const real = await realpath(vmsDir);
    const longest = Buffer.byteLength(join(real, longestName, apiSocket));
    if (longest > socketPathBytesMax)
      throw new Error(`${real} is ${longest - socketPathBytesMax} bytes too long for sockets below it`);
    return new FirecrackerHypervisor(options, real);
  }

  act(act: HypervisorAct): void {
    if (this.#closed) return;
    if (act.kind === 'kill') setImmediate(() => this.#watch(act.instance)?.strike());
    const key = act.kind === 'inventory' ? '' : 'instance' in act ? act.instance.vm : act.vm;
    if (this.#queues.add(key, () => this.#carryOut(act))) return;
    const message = `more than ${actsWaitingMax} acts wait for ${key}`;
    setImmediate(() => this.#report({ kind: 'failed', actId: act.actId, message }));
  }

  close(): void {
    this.#closed = true;
    for (const vm of this.#watched.values()) vm.close();
    this.#watched.clear();
  }

  async #carryOut(act: HypervisorAct): Promise<void> {
    if (this.#closed) return;
    const { actId } = act;
    try {
      const outcome = await this.#do(act);
      this.#report(outcome?.report ?? { kind: 'done', actId });
      for (const vm of outcome?.releases ?? []) this.#release(vm);
    } catch (cause) {
      const message = (cause instanceof Error ? cause.message : String(cause)).slice(0, messageCharsMax);
      this.#report({ kind: 'failed', actId, message });
    }
  }

  async #do(act: HypervisorAct): Promise<Outcome | undefined> {
    switch (act.kind) {
      case 'inventory':
        return this.#inventory(act.actId);
      case 'prepare':
        return this.#prepare(act);
      case 'launch':
        return this.#launch(act);
      case 'remove':
        this.#refuseAlive(act);
        await rm(this.#directory(act), { recursive: true, force: true });
        return undefined;
      case 'kill':
        await this.#watch(act.instance)?.kill();
        return undefined;
      default:
        await this.#control(act);
        return undefined;
    }
  }

  async #control(
    act: Exclude<HypervisorAct, ActOf<'inventory' | 'prepare' | 'launch' | 'remove' | 'kill'>>,
  ): Promise<void> {
    const vm = this.#watch(act.instance);
    if (vm === undefined) throw new Error('there is no such process any more');
    switch (act.kind) {
      case 'pause':
        if ((await vm.api.state()) === 'Running') await vm.api.send(stateOf('Paused'));
        return;
      case 'resume': {
        const state = await vm.api.state();
        if (state === 'Not started') await vm.api.send(instanceStart);
        if (state === 'Paused') await vm.api.send(stateOf('Resumed'));
        return;
      }
      case 'powerDown':
        await vm.api.send({ method: 'PUT', path: '/actions', body: { action_type: 'SendCtrlAltDel' } });
        return;
      case 'resizeDisk':
        return this.#resize(act, vm);
      case 'cancelMigration':
        return;
      case 'attachDisk':
        throw new Error('Firecracker takes drives only before the guest starts');
      case 'migrateOut':
      case 'handOver':
        throw new Error('Firecracker sends no guest to another node while it runs');
      case 'snapshot':
      case 'restore':
      case 'deleteSnapshot':
        throw new Error('a snapshot of Firecracker can be restored only into another process');
    }
  }

  async #inventory(actId: number): Promise<Outcome> {
    const releases = findInstances(this.#vmsDir, firecrackerProcess).map(
      (instance) => this.#watched.get(keyOf(instance)) ?? this.#held(instance),
    );
    const instances = (await Promise.all(releases.map((vm) => this.#found(vm)))).filter(
      (one) => one !== undefined,
    );
    const files = (await readdir(this.#vmsDir)).sort().flatMap((name) => parseVmDirectoryName(name) ?? []);
    const images = await this.#options.images.digests();
    return { report: { kind: 'inventoried', actId, instances, files, images }, releases };
  }

  async #found(vm: MicroVm): Promise<FoundInstance | undefined> {
    const { instance } = vm;
    try {
      await vm.untilUp(this.#answerWithinMs);
      const state = (await vm.api.state()) === 'Running' ? 'running' : 'paused';
      return { instance, state, incomingUri: undefined };
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      return isAlive(instance) ? { instance, state: 'unresponsive', incomingUri: undefined } : undefined;
    }
  }

  async #prepare(act: ActOf<'prepare'>): Promise<undefined> {
    const { spec } = act;
    const unfit = unfitForFirecracker(spec);
    if (unfit !== undefined) throw new Error(unfit);
    this.#refuseAlive(act);
    const directory = this.#directory(act);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const disk of spec.disks) await this.#prepareDisk(join(directory, diskFile(disk.name)), disk);
    if (spec.cloudInit === undefined) return undefined;
    const seed = join(directory, 'seed.iso');
    await writeFile(`${seed}.new`, seedImage(spec.cloudInit), { mode: 0o600, flush: true });
    await rename(`${seed}.new`, seed);
    return undefined;
  }

  /** A copy of its own, which shares what it can with the image where the file system can. There whole or not at all. */
  async #prepareDisk(path: string, { name, image, sizeBytes }: DiskSpec): Promise<void> {
    if (existsSync(path)) {
      if (statSync(path).size < sizeBytes) await truncate(path, sizeBytes);
      return;
    }
    const unfinished = `${path}.new`;
    if (image === undefined) await writeFile(unfinished, '', { mode: 0o600 });
    else {
      const { path: from, format } = await this.#options.images.image(image);
      if (format !== 'raw') throw new Error(`Firecracker reads raw images only, ${image} is ${format}`);
      if (statSync(from).size > sizeBytes)
        throw new Error(`disk ${name} has ${sizeBytes} bytes, its image ${statSync(from).size}`);
      await copyFile(from, unfinished, constants.COPYFILE_FICLONE);
    }
    await truncate(unfinished, sizeBytes);
    await rename(unfinished, path);
  }

  async #launch(act: ActOf<'launch'>): Promise<Outcome> {
    const { actId, spec, incoming, paused } = act;
    const unfit = unfitForFirecracker(spec);
    if (unfit !== undefined) throw new Error(unfit);
    if (incoming) throw new Error('Firecracker takes no guest from another node while it runs');
    this.#refuseAlive({ vm: act.vm, fenceToken: undefined });
    const directory = this.#directory(act);
    const lacks = spec.disks.some(({ name }) => !existsSync(join(directory, diskFile(name))));
    if (
      !existsSync(directory) ||
      lacks ||
      (spec.cloudInit !== undefined && !existsSync(join(directory, 'seed.iso')))
    )
      throw new Error(`${act.vm} was not prepared under token ${act.fenceToken}`);
    const vm = await this.#spawned(act, directory);
    try {
      await vm.untilUp(upWithinMs);
      const files = {
        disk: (name: string) => join(directory, diskFile(name)),
        seed: spec.cloudInit === undefined ? undefined : join(directory, 'seed.iso'),
        kernelImage: this.#options.kernelImage,
        bootArguments: this.#options.bootArguments ?? defaultBootArguments,
      };
      for (const request of configuration(spec, files)) await vm.api.send(request);
      if (!paused) await vm.api.send(instanceStart);
    } catch (cause) {
      const ended = !isAlive(vm.instance);
      await vm.kill();
      vm.close();
      this.#watched.delete(keyOf(vm.instance));
      if (!ended) throw cause;
      const words = (await readFile(join(directory, 'console.log'), 'utf8')).trim().slice(-lastCharsMax);
      throw new Error(`Firecracker has ended: ${words}`, { cause });
    }
    const report = { kind: 'launched', actId, instance: vm.instance, incomingUri: undefined } as const;
    return { report, releases: [vm] };
  }

  async #spawned({ vm, fenceToken }: Where, directory: string): Promise<MicroVm> {
    await rm(join(directory, apiSocket), { force: true });
    const { program = 'firecracker' } = this.#options;
    const log = openSync(join(directory, 'console.log'), 'a', 0o600);
    try {
      const child = spawn(program, ['--id', vm, '--api-sock', apiSocket], {
        cwd: directory,
        detached: true,
        stdio: ['ignore', log, log],
        env: { PATH: process.env['PATH'] },
      });
      const failed = new Promise<Error>((resolve) => child.once('error', resolve));
      child.unref();
      const { pid } = child;
      if (pid === undefined) throw new Error(`${program} cannot be started`, { cause: await failed });
      const startTicks = startTicksOf(pid);
      if (startTicks === undefined) throw new Error('Firecracker has ended');
      const watched = this.#held({ vm, fenceToken, pid, startTicks });
      const exitSeen = new Deferred<undefined>();
      watched.exitSeen = exitSeen.promise;
      child.once('exit', (code) => {
        // A guest that shuts itself down ends it so.
        if (code === 0) watched.endsAs('guest-shutdown');
        exitSeen.resolve(undefined);
        watched.look();
      });
      return watched;
    } finally {
      closeSync(log);
    }
  }

  async #resize({ spec, disk: name }: ActOf<'attachDisk' | 'resizeDisk'>, vm: MicroVm): Promise<void> {
    const disk = spec.disks.find((one) => one.name === name);
    if (disk === undefined) throw new Error(`there is no disk ${name} in its description`);
    const path = join(vm.directory, diskFile(name));
    if (!existsSync(path)) throw new Error(`disk ${name} is not attached`);
    if (statSync(path).size > disk.sizeBytes) throw new Error(`disk ${name} grows, and never shrinks`);
    const id = driveId(`disk-${name}`);
    if ((await vm.api.state()) === 'Not started') throw new Error('its guest has not started');
    await truncate(path, disk.sizeBytes);
    // The same file again: it is looked at anew.
    await vm.api.send({ method: 'PATCH', path: `/drives/${id}`, body: { drive_id: id, path_on_host: path } });
  }

  /** Undefined: it is gone. */
  #watch(instance: InstanceId): MicroVm | undefined {
    const known = this.#watched.get(keyOf(instance));
    if (known !== undefined || this.#closed || !isInstance(instance, this.#vmsDir, firecrackerProcess))
      return known;
    const vm = this.#held(instance);
    this.#release(vm);
    vm.untilUp(this.#answerWithinMs).catch(() => vm.look());
    return vm;
  }

  #held(instance: InstanceId): MicroVm {
    const { pingEveryMs = 2_000, consoleBytesMax = 1_048_576 } = this.#options;
    const vm = new MicroVm({
      instance,
      directory: this.#directory(instance),
      pingEveryMs,
      answerWithinMs: this.#answerWithinMs,
      consoleBytesMax,
      report: (report) => this.#report(report),
    });
    this.#watched.set(keyOf(instance), vm);
    return vm;
  }

  #release(vm: MicroVm): void {
    const held = vm.held ?? [];
    vm.held = undefined;
    for (const report of held) this.#report(report);
    if (vm.ended) this.#watched.delete(keyOf(vm.instance));
  }

  #refuseAlive({ vm, fenceToken }: { readonly vm: VmId; readonly fenceToken: FenceToken | undefined }): void {
    const alive = findInstances(this.#vmsDir, firecrackerProcess).find((instance) => instance.vm === vm);
    if (alive === undefined || (fenceToken !== undefined && alive.fenceToken !== fenceToken)) return;
    throw new Error(`${vm} is alive here under token ${alive.fenceToken}, as process ${alive.pid}`);
  }

  get #answerWithinMs(): number {
    return this.#options.answerWithinMs ?? 5_000;
  }

  #directory({ vm, fenceToken }: Where): string {
    return join(this.#vmsDir, vmDirectoryName(vm, fenceToken));
  }

  #report(report: HypervisorReport): void {
    if (this.#closed) return;
    if (report.kind === 'exited') this.#watched.delete(keyOf(report.instance));
    this.onReport(report);
  }
}

const instanceStart = { method: 'PUT', path: '/actions', body: { action_type: 'InstanceStart' } } as const;

function stateOf(state: 'Paused' | 'Resumed') {
  return { method: 'PATCH', path: '/vm', body: { state } } as const;
}

function diskFile(name: string): string {
  return `disk-${name}.raw`;
}

function keyOf({ pid, startTicks }: InstanceId): string {
  return `${pid}.${startTicks}`;
}
