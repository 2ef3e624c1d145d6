import { type Prng } from '../../core/base/prng.ts';
import { type Hypervisor, type HypervisorAct } from '../../core/plasma/hypervisor.ts';
import { type EndCause, type InstanceId, type NodeName } from '../../core/plasma/types.ts';
import { type World } from '../world.ts';

/** A span of the true clock in which a guest's processors ran. */
export interface Execution {
  readonly node: NodeName;
  readonly instance: InstanceId;
  readonly fromUs: number;
  /** Undefined: it runs still. */
  readonly toUs: number | undefined;
}

/** What a guest does, every `tickUs` while it executes and its hypervisor is not frozen: it writes to its shared disks. */
export interface GuestWrite {
  readonly node: NodeName;
  readonly instance: InstanceId;
  /** Name of the disk in its virtual machine, and where it is served. */
  readonly disk: string;
  readonly exportUri: string;
  /** Rises with each tick of the guest, and moves with it. */
  readonly tick: number;
}

export interface SimulatedHypervisorsOptions {
  readonly world: World;
  readonly prng: Prng;
  /** The write may be refused, late or lost: that is for whoever serves the disk. */
  readonly write: (write: GuestWrite) => void;
  /** Whether bytes of a migration get from one node to the other now. Default: always. */
  readonly reaches?: (from: NodeName, to: NodeName) => boolean;
  /** Told when an instance begins and ceases to execute, by the true clock. */
  readonly executionBegan?: (execution: Execution) => void;
  readonly executionEnded?: (execution: Execution) => void;
  /** Default 100,000. */
  readonly guestTickUs?: number;
}

/** Something that goes wrong with the next act of a kind on a node. `hang`: it is never answered while the agent lives. */
export interface ActFault {
  readonly act: HypervisorAct['kind'];
  readonly kind: 'fail' | 'hang';
}

/** The machines under all nodes of a simulated cloud: they outlive the agents on them, and know what executes where. */
export class SimulatedHypervisors {
  constructor(_options: SimulatedHypervisorsOptions) {
    throw new Error('not there yet');
  }

  /** The machine of this name; made when first asked for. */
  machine(_node: NodeName): SimulatedMachine {
    throw new Error('not there yet');
  }

  /** Everything that executes now, by the true clock. A frozen machine's guests do not. */
  executing(): readonly Execution[] {
    throw new Error('not there yet');
  }
}

/** A machine with its hypervisor processes and files. */
export interface SimulatedMachine {
  /** The port for one life of the agent; the one before is closed by it. */
  hypervisor(): Hypervisor;
  /** The agent's process has died: what it was about to do is not done, what it began may still come to be. */
  agentDied(): void;
  /** All processes stand still, the hypervisors' too; nothing they are told is heard before `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Power is gone: no process is left. Files are. */
  powerOff(): void;
  /** One hypervisor process only, as SIGSTOP and SIGCONT do. */
  freezeInstance(instance: InstanceId): void;
  thawInstance(instance: InstanceId): void;
  /** What a watchdog does, or the kernel's out-of-memory killer. Whether there was such a process. */
  killProcess(pid: number, startTicks: number): boolean;
  /** The guest by itself. */
  guest(instance: InstanceId, does: 'shutdown' | 'reset' | 'panic' | 'hang'): void;
  /** Hits the next act of that kind. */
  fault(fault: ActFault): void;
  readonly instances: readonly SimulatedInstance[];
}

export interface SimulatedInstance {
  readonly instance: InstanceId;
  readonly executing: boolean;
  /** Set when it has ended. */
  readonly ended: EndCause | undefined;
}
