/** A virtual machine, for ever: `vm-` and 32 hex digits. QEMU is given the digits as its UUID. */
export type VmId = string;
/** A compute node, by the name in its certificate. */
export type NodeName = string;
/**
 * Counts the registrations of a node: each start of its agent, and each return of a node that was given up, begins a new one.
 * Leases, desired states and reports belong to one epoch; what carries an older one is refused.
 */
export type NodeEpoch = number;
/**
 * Counts the places of a virtual machine: it rises with each decision that it runs somewhere. Its shared disks accept writes
 * only from the newest, so whoever runs it on an older one can change nothing that others see.
 */
export type FenceToken = number;
/** Counts the changes of what is wanted of a virtual machine. */
export type Generation = number;
/** Counts the commits of the control plane, whoever its leader is: what was told at a lower one is older. */
export type Revision = number;
/** Chosen by whoever asks, unique in his project: asked twice under the same one, a thing is done once. */
export type OperationId = string;
export type ProjectName = string;
/** `sha256:` and 64 hex digits. */
export type Digest = string;

/** What machines offer and virtual machines take. Whole numbers. */
export interface Resources {
  /** Thousandths of a processor. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Of local disk: overlays, images that are kept. */
  readonly diskBytes: number;
}

/** By name. Names and values match `[A-Za-z0-9._/-]{0,63}`, names are not empty. At most 64. */
export type Labels = Readonly<Record<string, string>>;

export type RunState = 'running' | 'paused' | 'stopped';
/** What becomes of a virtual machine whose guest has ended: `on-failure` when it did not shut itself down. */
export type RestartPolicy = 'always' | 'on-failure' | 'never';
/**
 * What becomes of it when its node loses its lease. `must-stop`: it is stopped there, and may be placed elsewhere afterwards.
 * `keep-running`: it goes on, and is never placed anywhere else while nobody says that its node is gone for good.
 */
export type LeasePolicy = 'must-stop' | 'keep-running';

export interface DiskSpec {
  /** Unique in its virtual machine, `[a-z0-9-]{1,32}`. */
  readonly name: string;
  /** `local`: an overlay on its node, gone with it. `shared`: served by a storage node under the fencing token. */
  readonly kind: 'local' | 'shared';
  /** What it begins as; undefined: empty. Of a local disk only. */
  readonly image: Digest | undefined;
  /** Name of the shared disk; undefined for a local one. */
  readonly sharedDisk: string | undefined;
  readonly sizeBytes: number;
}

export interface NicSpec {
  readonly name: string;
  /** `user`: the hypervisor's own network, without privileges. `tap`: an interface of the node, by name. */
  readonly kind: 'user' | 'tap';
  readonly tap: string | undefined;
  /** `52:54:00:xx:xx:xx`, small. */
  readonly mac: string;
}

/** Files of a NoCloud seed; undefined: none is attached. */
export interface CloudInit {
  readonly userData: string;
  readonly metaData: string;
  readonly networkConfig: string | undefined;
}

/** A rule over the labels of other virtual machines of the project, within nodes that share the value of a label. */
export interface AffinityRule {
  readonly kind: 'affinity' | 'anti-affinity';
  /** Label of nodes; `node` is the node itself. */
  readonly topology: string;
  /** The others it is about: all of these labels with these values. */
  readonly matches: Labels;
  /** A rule that is not required only weighs. */
  readonly required: boolean;
}

/** What a user wants a virtual machine to be. */
export interface VmSpec {
  /** Unique in its project, `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`. */
  readonly name: string;
  readonly project: ProjectName;
  readonly labels: Labels;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly disks: readonly DiskSpec[];
  readonly nics: readonly NicSpec[];
  readonly cloudInit: CloudInit | undefined;
  readonly restartPolicy: RestartPolicy;
  readonly leasePolicy: LeasePolicy;
  /** Labels that its node must have. */
  readonly nodeSelector: Labels;
  readonly affinity: readonly AffinityRule[];
  /** 0 to 1,000; a higher one may displace lower ones where nothing else fits. */
  readonly priority: number;
  /** It may be moved while it runs. */
  readonly migratable: boolean;
}

/** Where a virtual machine runs, or is to run. */
export interface Placement {
  readonly node: NodeName;
  readonly fenceToken: FenceToken;
}

/** One life of a hypervisor process. Two are the same only if all of it is. */
export interface InstanceId {
  readonly vm: VmId;
  readonly fenceToken: FenceToken;
  readonly pid: number;
  /** Clock ticks after the boot of the node, as the system tells: a pid comes back, both together do not. */
  readonly startTicks: number;
}

/** What a node's agent knows of a virtual machine. */
export type VmState =
  /** Overlays, images and exports are being made ready. */
  | 'preparing'
  /** The process runs and waits for the state of one on another node. */
  | 'incoming'
  | 'running'
  | 'paused'
  /** On its way to another node, stopped just before the hand-over. */
  | 'handing-over'
  | 'stopping'
  /** There is no process, surely, and none will be started. */
  | 'stopped'
  /** There is no process, and the agent does not start one again by itself: `cause` says why. */
  | 'failed'
  /** No process, and nothing of it is left on the node. */
  | 'gone';

/** Why a hypervisor process ended, or was never there. */
export type EndCause =
  | 'guest-shutdown'
  | 'guest-reset'
  | 'guest-panic'
  | 'process-died'
  | 'killed'
  | 'lease-lost'
  | 'migrated'
  | 'launch-failed'
  | 'unresponsive';
