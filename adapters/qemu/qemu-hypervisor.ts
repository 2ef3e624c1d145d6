import { mkdir, readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';

import {
  actsWaitingMax,
  type FoundInstance,
  type Hypervisor,
  type HypervisorAct,
  type HypervisorReport,
} from '../../core/plasma/hypervisor.ts';
import { type FenceToken, type InstanceId, type VmId } from '../../core/plasma/types.ts';
import { ActQueues } from './act-queues.ts';
import { actOnInstance } from './instance-acts.ts';
import { incomingUri, listenForState, spawnQemu, untilUp } from './launch.ts';
import { isAlive } from './proc.ts';
import { qemuArguments } from './qemu-arguments.ts';
import { type QemuOptions } from './qemu-options.ts';
import { VmDirectory } from './vm-directory.ts';
import { parseVmDirectoryName } from './vm-names.ts';
import { imagesOf, isPrepared, prepareFiles, refuseBadSpec } from './vm-files.ts';
import { type WatchedVm, WatchedVms } from './watched-vms.ts';

type ActOf<Kind extends HypervisorAct['kind']> = Extract<HypervisorAct, { readonly kind: Kind }>;

/** The answer, and whose reports may follow it. */
interface Outcome {
  readonly report: HypervisorReport;
  readonly releases: readonly WatchedVm[];
}

/** What a failed act says to operators. */
const messageCharsMax = 1_000;
const wholeNode = '';

/**
 * The hypervisor port on QEMU (7.2). Each virtual machine is a process of its own in a session of its own, which outlives the
 * agent; everything of one under one token is below `DIR/vms/{vm}.{token}/`.
 */
export class QemuHypervisor implements Hypervisor {
  onReport: (report: HypervisorReport) => void = () => undefined;
  readonly #options: QemuOptions;
  readonly #queues = new ActQueues();
  readonly #watched: WatchedVms;
  #closed = false;

  private constructor(options: QemuOptions, vmsDir: string) {
    this.#options = options;
    this.#watched = new WatchedVms(vmsDir, options, (report) => this.#report(report));
  }

  /** Rejects with a message for operators when the directory cannot be used. */
  static async open(options: QemuOptions): Promise<QemuHypervisor> {
    const vmsDir = join(options.dataDir, 'vms');
    await mkdir(vmsDir, { recursive: true, mode: 0o700 });
    return new QemuHypervisor(options, await realpath(vmsDir));
  }

  act(act: HypervisorAct): void {
    if (this.#closed) return;
    // At once: what it waits behind may be what hangs.
    if (act.kind === 'kill') setImmediate(() => this.#strike(act.instance));
    const key = vmOf(act);
    if (this.#queues.add(key, () => this.#carryOut(act))) return;
    const message = `more than ${actsWaitingMax} acts wait for ${key}`;
    setImmediate(() => this.#report({ kind: 'failed', actId: act.actId, message }));
  }

  close(): void {
    this.#closed = true;
    this.#watched.close();
  }

  /** Where the serial console of a virtual machine is: a unix socket for one reader and writer, and what it has said lately. */
  console(vm: VmId, fenceToken: FenceToken): { readonly socketPath: string; readonly logPath: string } {
    const directory = new VmDirectory(this.#watched.vmsDir, vm, fenceToken);
    return { socketPath: directory.serialSocket, logPath: directory.consoleLog };
  }

  async #carryOut(act: HypervisorAct): Promise<void> {
    if (this.#closed) return;
    const { actId } = act;
    try {
      const outcome = await this.#do(act);
      this.#report(outcome?.report ?? { kind: 'done', actId });
      for (const watched of outcome?.releases ?? []) this.#watched.release(watched);
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
        refuseBadSpec(act.spec, act.exports);
        await prepareFiles(this.#files, this.#directory(act), act.spec, () => this.#refuseAlive(act));
        return undefined;
      case 'launch':
        return this.#launch(act);
      case 'remove':
        this.#refuseAlive(act);
        await rm(this.#directory(act).path, { recursive: true, force: true });
        return undefined;
      case 'kill':
        await this.#watched.watch(act.instance)?.vm.kill();
        return undefined;
      default: {
        const watched = this.#watched.watch(act.instance);
        if (watched === undefined) throw new Error('there is no such process any more');
        await actOnInstance(act, watched, this.#files);
        return undefined;
      }
    }
  }

  async #inventory(actId: number): Promise<Outcome> {
    const releases = this.#watched.found();
    const found = await Promise.all(releases.map((watched) => this.#found(watched)));
    const instances = found.filter((one) => one !== undefined);
    const names = (await readdir(this.#watched.vmsDir)).sort();
    const files = names.flatMap((name) => parseVmDirectoryName(name) ?? []);
    const images = await this.#options.images.digests();
    return { report: { kind: 'inventoried', actId, instances, files, images }, releases };
  }

  async #found(watched: WatchedVm): Promise<FoundInstance | undefined> {
    const { vm, migration } = watched;
    const found = await vm.found();
    if (found === undefined || found.state === 'unresponsive') return found;
    const record = vm.directory.migrationRecord(vm.instance);
    try {
      if (found.state === 'incoming') {
        vm.incomingUri ??= await incomingUri(vm);
        this.#awaitState(watched, vm.directory.launchRecord(vm.instance)?.paused ?? true);
      } else if (record !== undefined && !record.handedOver && (await vm.isBeingSent())) {
        // What an agent that is no more has begun to send goes on to where it would have stopped.
        const stands = found.state === 'handing-over' && record.stopped;
        if (!stands) migration.supervise();
        if (found.state === 'handing-over' && !stands) return { ...found, state: 'running' };
      }
    } catch (cause) {
      if (isAlive(vm.instance)) throw cause;
      return undefined;
    }
    return { ...found, incomingUri: vm.incomingUri };
  }

  async #launch(act: ActOf<'launch'>): Promise<Outcome> {
    const { actId, vm, fenceToken, spec, exports, incoming, paused } = act;
    refuseBadSpec(spec, exports);
    this.#refuseAlive({ vm, fenceToken: undefined });
    const directory = this.#directory(act);
    if (!isPrepared(directory, spec)) throw new Error(`${vm} was not prepared under token ${fenceToken}`);
    const { accelerator, program = 'qemu-system-x86_64', migrationHost } = this.#options;
    const images = await imagesOf(this.#files, spec);
    const args = qemuArguments({ directory, spec, exports, images, accelerator, incoming });
    const { instance, exited } = await spawnQemu(program, directory, args, { incoming, paused });
    const watched = this.#watched.held(instance);
    void exited.then(() => watched.vm.onClosed());
    try {
      await untilUp(watched.vm);
      if (incoming) {
        watched.vm.incomingUri = await listenForState(watched.vm, migrationHost);
        this.#awaitState(watched, paused);
      } else if (!paused) await watched.vm.execute('cont');
    } catch (cause) {
      await watched.vm.kill();
      this.#watched.drop(watched);
      throw cause;
    }
    return {
      report: { kind: 'launched', actId, instance, incomingUri: watched.vm.incomingUri },
      releases: [watched],
    };
  }

  /** When its state has come it runs, if it is to: by itself it never does. */
  #awaitState(watched: WatchedVm, paused: boolean): void {
    const { vm } = watched;
    const tell = (report: HypervisorReport): void => {
      if (watched.held === undefined) this.#report(report);
      else watched.held.push(report);
    };
    const arrived = async (): Promise<void> => {
      if (vm.incomingUri === undefined) return;
      vm.incomingUri = undefined;
      try {
        if (!paused) await vm.execute('cont');
        tell({ kind: 'arrived', instance: vm.instance });
      } catch (cause) {
        if (vm.ended) return;
        const message = cause instanceof Error ? cause.message : String(cause);
        tell({ kind: 'migrationFailed', instance: vm.instance, message });
      }
    };
    vm.onMigration = (status) => {
      if (status === 'completed') void arrived();
    };
  }

  #strike(instance: InstanceId): void {
    if (!this.#closed) this.#watched.watch(instance)?.vm.strike();
  }

  /** Whatever its token is, if none is named. */
  #refuseAlive({ vm, fenceToken }: { readonly vm: VmId; readonly fenceToken: FenceToken | undefined }): void {
    const alive = this.#watched.alive(vm);
    if (alive === undefined || (fenceToken !== undefined && alive.fenceToken !== fenceToken)) return;
    throw new Error(`${vm} is alive here under token ${alive.fenceToken}, as process ${alive.pid}`);
  }

  #directory({ vm, fenceToken }: { readonly vm: VmId; readonly fenceToken: FenceToken }): VmDirectory {
    return new VmDirectory(this.#watched.vmsDir, vm, fenceToken);
  }

  get #files(): { readonly imageProgram: string; readonly image: QemuOptions['images']['image'] } {
    const { images, imageProgram = 'qemu-img' } = this.#options;
    return { imageProgram, image: (digest) => images.image(digest) };
  }

  #report(report: HypervisorReport): void {
    if (!this.#closed) this.onReport(report);
  }
}

function vmOf(act: HypervisorAct): string {
  if (act.kind === 'inventory') return wholeNode;
  return 'instance' in act ? act.instance.vm : act.vm;
}
