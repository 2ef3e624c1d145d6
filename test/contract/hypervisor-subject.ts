import { type HypervisorAct, type HypervisorReport } from '../../core/plasma/hypervisor.ts';
import { type Digest, type InstanceId, type VmSpec } from '../../core/plasma/types.ts';

/** `Omit` of each member of the union by itself. */
type WithoutId<Act> = Act extends HypervisorAct ? Omit<Act, 'actId'> : never;
export type AskedAct = WithoutId<HypervisorAct>;

/** A node with an agent on it, as the suite plays it. */
export interface HypervisorNode {
  /** Of the agent's present life, oldest first. */
  readonly reports: readonly HypervisorReport[];
  /** The number under which it will be answered. */
  act(act: AskedAct): number;
  /** The agent ends without warning, and starts again. */
  restartAgent(): Promise<void>;
  /** The agent ends without warning, and does not. */
  endAgent(): void;
  /** How far the guest has counted that runs there; 0 before it has begun. */
  tick(instance: InstanceId): number;
  guest(instance: InstanceId, does: 'shutdown' | 'reset' | 'panic' | 'hang'): Promise<void>;
  /** As by something else than the agent. */
  killProcess(instance: InstanceId): void;
  freeze(instance: InstanceId): void;
  thaw(instance: InstanceId): void;
}

/** Two nodes and what both reach. What an implementation of the hypervisor port is to the suite. */
export interface HypervisorSubject {
  readonly a: HypervisorNode;
  readonly b: HypervisorNode;
  /** Of a disk from which the counting guest boots. */
  readonly bootImage: Digest;
  readonly bootImageBytes: number;
  /** Serves such a disk to both nodes. */
  serveBootDisk(): Promise<string>;
  /** Serves an empty one. */
  serveDisk(): Promise<string>;
  /** What a guest of this implementation needs besides its disks. */
  readonly machine: Pick<VmSpec, 'cpus' | 'memoryBytes'>;
  /** Lets the world go on until `done`. Rejects when it does not come to that. */
  until(done: () => boolean): Promise<void>;
  /** Lets it go on for as long as a guest that ran would have counted several times. */
  pass(): Promise<void>;
  close(): Promise<void>;
}
