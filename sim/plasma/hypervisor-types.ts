import { type Hypervisor, type HypervisorAct } from '../../core/plasma/hypervisor.ts';
import { type NodeImageFiles } from './node-images.ts';
import {
  type EndCause,
  type FenceToken,
  type InstanceId,
  type NodeName,
  type VmId,
} from '../../core/plasma/types.ts';

/** A span of the true clock in which a guest's processors ran. */
export interface Execution {
  readonly node: NodeName;
  readonly instance: InstanceId;
  readonly fromUs: number;
  /** Undefined: it runs still. */
  readonly toUs: number | undefined;
}

/** What a guest does, every `guestTickUs` while it executes: it writes to each of its shared disks. */
export interface GuestWrite {
  readonly node: NodeName;
  readonly instance: InstanceId;
  /** Name of the disk in its virtual machine, and where it is served. */
  readonly disk: string;
  readonly exportUri: string;
  /** Rises with each tick of the guest, and moves with it. */
  readonly tick: number;
}

/**
 * Something that goes wrong with the next act of a kind on a node. `hang`: it is answered `failed` once its virtual machine
 * has ended, or after `hangUsMax`, whichever is first.
 */
export interface ActFault {
  readonly act: HypervisorAct['kind'];
  readonly kind: 'fail' | 'hang';
}

/** A machine with its hypervisor processes and files. All of it outlives the agents. */
export interface SimulatedMachine {
  /** The port for one life of the agent; the one before is closed by it. */
  hypervisor(): Hypervisor;
  /** The agent's process has died: what it was about to do is not done, what it began may still come to be. */
  agentDied(): void;
  /** All processes stand still, the hypervisors' too; nothing they are told is heard before `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Power is gone, and back: no process is left. Files are. */
  powerOff(): void;
  /** One hypervisor process only, as SIGSTOP and SIGCONT do. */
  freezeInstance(instance: InstanceId): void;
  thawInstance(instance: InstanceId): void;
  /** What a watchdog does, or the kernel's out-of-memory killer. Whether there was such a process. */
  killProcess(pid: number, startTicks: number): boolean;
  /** The guest by itself, while it executes. */
  guest(instance: InstanceId, does: GuestDeed): void;
  /** The process dies by itself. */
  processDies(instance: InstanceId): void;
  /** Hits the next act of that kind. */
  fault(fault: ActFault): void;
  /** Processes that are alive. */
  readonly instances: readonly SimulatedInstance[];
  readonly images: NodeImageFiles;
  /** Names of those on its disk. */
  snapshotsOf(vm: VmId, fenceToken: FenceToken): readonly string[];
  /** The agent that lives fetches one now. */
  readonly fetching: boolean;
}

export type GuestDeed = 'shutdown' | 'reset' | 'panic' | 'hang';

/** What ends a guest that nobody has asked to. `die`: its process is gone, as when memory has run out. */
export type OwnEndDeed = 'shutdown' | 'panic' | 'die';

/** A hypervisor process that is no more. */
export interface EndedProcess {
  readonly node: NodeName;
  readonly instance: InstanceId;
  readonly cause: EndCause;
  /** What it had done by itself. */
  readonly deed: OwnEndDeed | undefined;
}

export interface SimulatedInstance {
  readonly instance: InstanceId;
  readonly executing: boolean;
  /** Set when it has ended. */
  readonly ended: EndCause | undefined;
  /** What it has done by itself, and ends by. */
  readonly deed: OwnEndDeed | undefined;
  /** How often the guest has ticked. */
  readonly tick: number;
}
