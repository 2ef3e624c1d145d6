import { type HypervisorReport } from '../../core/plasma/hypervisor.ts';
import { type InstanceId, type VmId } from '../../core/plasma/types.ts';
import { OutgoingMigration } from './outgoing-migration.ts';
import { findInstances, isInstance } from './proc.ts';
import { type QemuOptions } from './qemu-options.ts';
import { RunningVm } from './running-vm.ts';
import { VmDirectory } from './vm-directory.ts';

export interface WatchedVm {
  readonly vm: RunningVm;
  readonly migration: OutgoingMigration;
  /** What it tells before it was told of itself; undefined once that has happened. */
  held: HypervisorReport[] | undefined;
}

/** The processes that are looked at: each from when it was launched, found or named, until it is gone. */
export class WatchedVms {
  readonly vmsDir: string;
  readonly #options: QemuOptions;
  readonly #report: (report: HypervisorReport) => void;
  readonly #watched = new Map<string, WatchedVm>();

  constructor(vmsDir: string, options: QemuOptions, report: (report: HypervisorReport) => void) {
    this.vmsDir = vmsDir;
    this.#options = options;
    this.#report = report;
  }

  /** Everything that is alive, whether it was known or not. What is new tells nothing before `released`. */
  found(): readonly WatchedVm[] {
    return findInstances(this.vmsDir).map((instance) => this.#known(instance) ?? this.held(instance));
  }

  /** Any process of it on this node, under whatever token. */
  alive(vm: VmId): InstanceId | undefined {
    return findInstances(this.vmsDir).find((instance) => instance.vm === vm);
  }

  /** Undefined: it is gone. */
  watch(instance: InstanceId): WatchedVm | undefined {
    const known = this.#known(instance);
    if (known !== undefined) return known;
    if (!isInstance(instance, this.vmsDir)) return undefined;
    const watched = this.held(instance);
    this.release(watched);
    return watched;
  }

  /** One that is new: what becomes of it is kept back until it is `released`, or `dropped`. */
  held(instance: InstanceId): WatchedVm {
    const { pingEveryMs = 2_000, answerWithinMs = 5_000, consoleBytesMax = 1_048_576 } = this.#options;
    const report = (told: HypervisorReport): void => {
      if (told.kind === 'exited') this.#watched.delete(keyOf(instance));
      if (watched.held === undefined) this.#report(told);
      else watched.held.push(told);
    };
    const directory = new VmDirectory(this.vmsDir, instance.vm, instance.fenceToken);
    const vm = new RunningVm({ instance, directory, pingEveryMs, answerWithinMs, consoleBytesMax, report });
    const watched: WatchedVm = { vm, migration: new OutgoingMigration(vm, report), held: [] };
    this.#watched.set(keyOf(instance), watched);
    return watched;
  }

  release(watched: WatchedVm): void {
    const held = watched.held ?? [];
    watched.held = undefined;
    for (const report of held) this.#report(report);
  }

  /** Of a launch that came to nothing nobody hears. */
  drop(watched: WatchedVm): void {
    watched.held = [];
    watched.vm.close();
    this.#watched.delete(keyOf(watched.vm.instance));
  }

  close(): void {
    for (const { vm } of this.#watched.values()) vm.close();
    this.#watched.clear();
  }

  #known(instance: InstanceId): WatchedVm | undefined {
    return this.#watched.get(keyOf(instance));
  }
}

function keyOf({ pid, startTicks }: InstanceId): string {
  return `${pid}.${startTicks}`;
}
