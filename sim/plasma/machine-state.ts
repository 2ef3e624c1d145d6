import { assert } from '../../core/base/assert.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import {
  type EndCause,
  type FenceToken,
  type InstanceId,
  type NodeName,
  type VmId,
  type VmSpec,
} from '../../core/plasma/types.ts';
import { type World } from '../world.ts';
import { GuestProcess, type GuestWatch, sameInstance } from './guest-process.ts';
import { ImageFetches, type ImageSupply } from './image-fetches.ts';
import { NodeImageFiles } from './node-images.ts';

/** As the kernel does where nobody has told it otherwise: pids come round, and soon enough to meet an old one. */
const pidMax = 4_096;
const pidMin = 300;
/** Silent longer, a process is `unresponsive`. */
const answerWithinUs = 5_000_000;

/** What is left on disk of one token of a virtual machine. */
export interface VmFiles {
  readonly vm: VmId;
  readonly fenceToken: FenceToken;
  /** The guest's ticks at each. */
  readonly snapshots: Map<string, number>;
}

/** Whoever hears what becomes of processes: the agent that lives, if one does. */
export interface MachineListener {
  /** It is told what becomes of this one. */
  knows(process: GuestProcess): boolean;
  ended(process: GuestProcess): void;
  arrived(process: GuestProcess): void;
  stopped(process: GuestProcess): void;
  migrationFailed(process: GuestProcess, message: string): void;
  silent(process: GuestProcess): void;
  panicked(process: GuestProcess): void;
}

export interface MachineOptions {
  readonly world: World;
  readonly prng: Prng;
  readonly node: NodeName;
  readonly guestTickUs: number;
  readonly deafOneIn: number;
  readonly watch: GuestWatch;
  /** The process that waits there, wherever it is, if bytes get there now. */
  readonly reach: (from: NodeName, uri: string) => Waiting | undefined;
  /** The same; bytes wait for a frozen machine. */
  readonly reachInTime: (from: NodeName, uri: string) => Waiting | undefined;
  /** Undefined: every image is there when it is needed. */
  readonly imageSupply: ImageSupply | undefined;
}

export interface Waiting {
  readonly machine: MachineState;
  readonly process: GuestProcess;
}

/** Processes and files of one machine, and the time that things take on it. What it is told by an agent is `AgentPort`'s. */
export class MachineState {
  readonly files = new Map<string, VmFiles>();
  readonly images = new NodeImageFiles();
  readonly fetches: ImageFetches;
  listener: MachineListener | undefined;
  readonly #options: MachineOptions;
  /** Alive, oldest first. */
  #processes: readonly GuestProcess[] = [];
  #frozen = false;
  /** Counts the times that power came. */
  #boot = 0;
  #lastPid = pidMin;
  readonly #afterThaw: (() => void)[] = [];

  constructor(options: MachineOptions) {
    this.#options = options;
    this.fetches = new ImageFetches(this, options.imageSupply);
  }

  get nowUs(): number {
    return this.#options.world.nowUs;
  }

  get node(): NodeName {
    return this.#options.node;
  }

  get processes(): readonly GuestProcess[] {
    return this.#processes;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** Of requests to shut down, so many are heard by no guest; 0: all are heard. */
  get deafOneIn(): number {
    return this.#options.deafOneIn;
  }

  /** Integer µs within the two, drawn. */
  delayUs(fromUs: number, toUs: number): number {
    return between(this.#options.prng, fromUs, toUs);
  }

  chance(numerator: number, denominator: number): boolean {
    return this.#options.prng.chance(numerator, denominator);
  }

  /** Something that the machine does: later if it is frozen then, never if it has lost power before. */
  later(delayUs: number, go: () => void): void {
    const boot = this.#boot;
    this.#options.world.after(delayUs, () => {
      if (boot === this.#boot) this.#whenAwake(go);
    });
  }

  find(instance: InstanceId): GuestProcess | undefined {
    return this.#processes.find((process) => sameInstance(process.instance, instance));
  }

  spawn(start: {
    readonly vm: VmId;
    readonly fenceToken: FenceToken;
    readonly spec: VmSpec;
    readonly exports: Readonly<Record<string, string>>;
    readonly incoming: boolean;
  }): GuestProcess {
    assert(
      !this.#processes.some(({ instance }) => instance.vm === start.vm),
      'one process a virtual machine',
    );
    const { world, node, guestTickUs, watch } = this.#options;
    const pid = this.#freePid();
    const startTicks = Math.floor(world.nowUs / 10_000);
    const process = new GuestProcess({
      world,
      node,
      instance: { vm: start.vm, fenceToken: start.fenceToken, pid, startTicks },
      spec: start.spec,
      exports: start.exports,
      incomingUri: start.incoming
        ? `sim://${node}/${start.vm}.${start.fenceToken}/${pid}.${startTicks}`
        : undefined,
      tickUs: guestTickUs,
      watch,
    });
    this.#processes = [...this.#processes, process];
    return process;
  }

  /** It is no more, at once; who is told hears of it a little later. */
  end(process: GuestProcess, cause: EndCause): void {
    if (process.ended !== undefined) return;
    process.end(cause);
    this.#processes = this.#processes.filter((other) => other !== process);
    this.later(this.delayUs(1_000, 8_000), () => this.listener?.ended(process));
    const { migration } = process;
    if (migration !== undefined && cause !== 'migrated')
      this.breakOff(migration.uri, 'the other side is gone');
  }

  /** The process at the other end notices that the connection is broken, which ends it. */
  breakOff(uri: string, message: string): void {
    const waiting = this.#options.reachInTime(this.node, uri);
    if (waiting === undefined) return;
    const { machine, process } = waiting;
    machine.later(machine.delayUs(1_000, 20_000), () =>
      process.whenAwake(() => {
        if (process.incomingUri === undefined || process.ended !== undefined) return;
        machine.listener?.migrationFailed(process, message);
        machine.end(process, 'process-died');
      }),
    );
  }

  reach(uri: string): Waiting | undefined {
    return this.#options.reach(this.node, uri);
  }

  freeze(): void {
    if (this.#frozen) return;
    this.#frozen = true;
    for (const process of this.#processes) process.machineFroze();
  }

  thaw(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    for (const process of this.#processes) process.machineThawed();
    for (const go of this.#afterThaw.splice(0)) this.#whenAwake(go);
  }

  powerOff(): void {
    this.#boot += 1;
    this.#frozen = false;
    this.#afterThaw.length = 0;
    this.listener = undefined;
    this.images.powerLost(this.#options.prng);
    const processes = this.#processes;
    this.#processes = [];
    for (const process of processes) process.end('process-died');
  }

  freezeInstance(process: GuestProcess): void {
    if (process.frozen) return;
    process.freeze();
    this.later(answerWithinUs + this.delayUs(0, 2_000_000), () => {
      if (process.frozen && process.ended === undefined) this.listener?.silent(process);
    });
  }

  #whenAwake(go: () => void): void {
    if (this.#frozen) this.#afterThaw.push(go);
    else go();
  }

  #freePid(): number {
    do {
      this.#lastPid = this.#lastPid >= pidMax ? pidMin : this.#lastPid + between(this.#options.prng, 1, 40);
    } while (this.#processes.some(({ instance }) => instance.pid === this.#lastPid));
    return this.#lastPid;
  }
}
