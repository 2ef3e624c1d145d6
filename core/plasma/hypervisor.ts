import {
  type Digest,
  type EndCause,
  type FenceToken,
  type InstanceId,
  type VmId,
  type VmSpec,
} from './types.ts';

/**
 * The hypervisor port: what an agent has done on its node. Three implementations pass one contract suite
 * (`test/contract/hypervisor-contract.ts`): QEMU, Firecracker's API, the simulator's.
 *
 * Each act is answered by one report with its number, unless the agent's process ends first. Acts on one virtual machine are
 * carried out one after the other, in order; those on different ones side by side. Processes outlive the agent.
 */
export type HypervisorAct =
  /** Everything of this agent's directory on the node: processes, files. */
  | { readonly kind: 'inventory'; readonly actId: number }
  /** Images, overlays, seeds and connections to shared disks of this token are made ready. Again is harmless. */
  | {
      readonly kind: 'prepare';
      readonly actId: number;
      readonly vm: VmId;
      readonly fenceToken: FenceToken;
      readonly spec: VmSpec;
      /** Where its shared disks are served, by disk's name. */
      readonly exports: Readonly<Record<string, string>>;
    }
  /** Starts a process. Refused while one of the same virtual machine is alive on the node, whatever its token. */
  | {
      readonly kind: 'launch';
      readonly actId: number;
      readonly vm: VmId;
      readonly fenceToken: FenceToken;
      readonly spec: VmSpec;
      readonly exports: Readonly<Record<string, string>>;
      /** Waits for the state of another; its uri comes with the report. */
      readonly incoming: boolean;
      readonly paused: boolean;
    }
  /** Refused, as `resume` is, on its way to another node, and while the state is awaited. */
  | { readonly kind: 'pause'; readonly actId: number; readonly instance: InstanceId }
  /** Refused for ever by an instance that has handed over, or begun to. */
  | { readonly kind: 'resume'; readonly actId: number; readonly instance: InstanceId }
  /** Asks the guest to shut down; whether it does shows as `exited`. */
  | { readonly kind: 'powerDown'; readonly actId: number; readonly instance: InstanceId }
  /** Done when the process is gone, surely. One that is gone already is done. */
  | { readonly kind: 'kill'; readonly actId: number; readonly instance: InstanceId }
  /** Sends the state to `uri`, stops the guest and waits there (`stoppedBeforeHandOver`). Again with the same uri is harmless. */
  | {
      readonly kind: 'migrateOut';
      readonly actId: number;
      readonly instance: InstanceId;
      readonly uri: string;
    }
  /** Hands over: the process ends afterwards, and never runs its guest again, whatever comes of it. */
  | { readonly kind: 'handOver'; readonly actId: number; readonly instance: InstanceId }
  /** Before the hand-over only: the guest goes on here if it ran before. Without a migration under way nothing is done. */
  | { readonly kind: 'cancelMigration'; readonly actId: number; readonly instance: InstanceId }
  | {
      readonly kind: 'snapshot' | 'restore' | 'deleteSnapshot';
      readonly actId: number;
      readonly instance: InstanceId;
      readonly snapshot: string;
    }
  | {
      readonly kind: 'attachDisk' | 'resizeDisk';
      readonly actId: number;
      readonly instance: InstanceId;
      readonly spec: VmSpec;
      readonly disk: string;
      /** Of a shared disk. */
      readonly exportUri: string | undefined;
    }
  /** Removes the files of one token of a virtual machine that has no process. Only ever on positive evidence. */
  | {
      readonly kind: 'remove';
      readonly actId: number;
      readonly vm: VmId;
      readonly fenceToken: FenceToken;
    };

/**
 * What an agent's process holds of the port. One at a time on a node's directory; closing it, or the end of the process,
 * ends no virtual machine.
 */
export interface Hypervisor {
  /**
   * Never throws, never waits: what comes of it is reported. At most `actsWaitingMax` acts wait for one virtual machine; one more
   * is answered `failed` at once. A `kill` strikes at once, whatever is under way before it, and is answered in its order.
   */
  act(act: HypervisorAct): void;
  /** Set before the first act; called once for each report, never from within `act`. */
  onReport: (report: HypervisorReport) => void;
  /** Reports nothing from now on. What runs goes on running, to be found by the next one's inventory. */
  close(): void;
}

/** Acts that wait for one virtual machine. */
export const actsWaitingMax = 64;

/**
 * Answers carry their act's number; the others come by themselves, about instances that were launched here, found by an
 * inventory, or named by an act. `exited` is told once of an instance, whatever ended it, and before the `done` of a `kill` or of
 * a `handOver`; of a launch that failed it is not told. `migrateOut` is `done` when it has begun.
 */
export type HypervisorReport =
  | {
      readonly kind: 'inventoried';
      readonly actId: number;
      readonly instances: readonly FoundInstance[];
      readonly files: readonly { readonly vm: VmId; readonly fenceToken: FenceToken }[];
      readonly images: readonly Digest[];
    }
  | {
      readonly kind: 'launched';
      readonly actId: number;
      readonly instance: InstanceId;
      readonly incomingUri: string | undefined;
    }
  | { readonly kind: 'done'; readonly actId: number }
  /** Nothing was done, or what was begun has been taken back; `message` says why. */
  | { readonly kind: 'failed'; readonly actId: number; readonly message: string }
  /** Its guest stands still, all of its state but the last bit is on the other side. It stands until `handOver` or `cancelMigration`. */
  | { readonly kind: 'stoppedBeforeHandOver'; readonly instance: InstanceId }
  /**
   * The other side has handed over, the state is here: the guest runs, or stands until `resume` if it was launched `paused`
   * (as it must be while its shared disks do not take its writes yet).
   */
  | { readonly kind: 'arrived'; readonly instance: InstanceId }
  /**
   * Of the source: before it was `stoppedBeforeHandOver` its guest goes on as if nothing had been; after that it stands still,
   * since the other side may own it by now, until `cancelMigration`. Of an incoming one: its state does not come any more; most end by themselves then,
   * and all are of no use but to be killed.
   */
  | { readonly kind: 'migrationFailed'; readonly instance: InstanceId; readonly message: string }
  /** The process has ended, surely. */
  | { readonly kind: 'exited'; readonly instance: InstanceId; readonly cause: EndCause }
  /** It is alive, and has not answered for its deadline. Told once, and again only if it has answered in between. */
  | { readonly kind: 'unresponsive'; readonly instance: InstanceId }
  /** The guest says so; it stands still, and ends only when it is killed. */
  | { readonly kind: 'guestPanicked'; readonly instance: InstanceId };

export interface FoundInstance {
  readonly instance: InstanceId;
  readonly state: 'running' | 'paused' | 'incoming' | 'handing-over' | 'unresponsive';
  readonly incomingUri: string | undefined;
}
