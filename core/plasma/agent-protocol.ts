import {
  type Digest,
  type EndCause,
  type FenceToken,
  type Generation,
  type InstanceId,
  type Labels,
  type NodeEpoch,
  type NodeName,
  type OperationId,
  type Resources,
  type Revision,
  type RunState,
  type VmId,
  type VmSpec,
  type VmState,
} from './types.ts';

/**
 * Between agents and the control plane (`photon.plasma.v1.AgentService`). The agent asks, the server answers; both may hear a
 * thing twice, late or never. What is wanted of a node is told as a whole, so nothing that was lost is missed.
 *
 * Whoever asks is the node of his certificate; the name in a request must be the same.
 */
export type AgentRequest =
  /** A new life of the agent: makes a new epoch of the node. The lease begins with it, counted from when this was sent. */
  | {
      readonly kind: 'register';
      readonly node: NodeName;
      /** Random for each start of the agent. */
      readonly agentBootId: string;
      /** Of the machine under it: another one means that no process of an earlier one is left. */
      readonly machineBootId: string;
      readonly capacity: Resources;
      readonly labels: Labels;
      /** `kvm`, `tcg`, …: each was seen to run a guest. */
      readonly accelerators: readonly string[];
      /** Where the agent is asked by others (console, migration, images). */
      readonly address: string;
    }
  | {
      readonly kind: 'renewLease';
      readonly node: NodeName;
      readonly epoch: NodeEpoch;
      /** Rises with each; the answer names it, so that the agent counts from when it sent that very one. */
      readonly sequence: number;
      /** What the agent acts on. */
      readonly appliedRevision: Revision;
    }
  /** Answered at once when something newer than `fromRevision` is wanted of the node, else when there is, or after `waitUs`. */
  | {
      readonly kind: 'watchDesired';
      readonly node: NodeName;
      readonly epoch: NodeEpoch;
      readonly fromRevision: Revision;
      readonly waitUs: number;
    }
  /** Everything that was found on the node. Due after each registration, before anything is started. */
  | {
      readonly kind: 'inventory';
      readonly node: NodeName;
      readonly epoch: NodeEpoch;
      readonly found: readonly FoundVm[];
    }
  /** What has become of virtual machines, newest state each. Sent again until it is acknowledged. */
  | {
      readonly kind: 'report';
      readonly node: NodeName;
      readonly epoch: NodeEpoch;
      readonly sequence: number;
      readonly vms: readonly VmReport[];
    };

export type AgentResponse =
  | { readonly kind: 'registered'; readonly epoch: NodeEpoch; readonly leaseTtlUs: number }
  | { readonly kind: 'leaseGranted'; readonly sequence: number; readonly leaseTtlUs: number }
  | { readonly kind: 'desired'; readonly revision: Revision; readonly vms: readonly DesiredVm[] }
  /** For each that was found, by id and token. */
  | { readonly kind: 'inventoryJudged'; readonly verdicts: readonly InventoryVerdict[] }
  | { readonly kind: 'reportTaken'; readonly sequence: number }
  | AgentRefusal;

/** None of these has changed anything. */
export interface AgentRefusal {
  readonly kind: 'refused';
  readonly code:
    /** Ask `leader`, where it is known. */
    | 'NOT_LEADER'
    /** Register again: another epoch of the node has begun, or it was given up. */
    | 'STALE_EPOCH'
    /** Send the inventory first. */
    | 'INVENTORY_DUE'
    | 'UNAVAILABLE'
    | 'PERMISSION_DENIED'
    | 'INVALID';
  readonly message: string;
  /** Position of the leader among the servers. */
  readonly leader: number | undefined;
  /** Where the leader is asked, by the server that refused. */
  readonly leaderAddress?: string | undefined;
}

/** What is wanted of one virtual machine on this node: the whole of it, whatever was told before. */
export interface DesiredVm {
  readonly id: VmId;
  readonly generation: Generation;
  readonly fenceToken: FenceToken;
  readonly spec: VmSpec;
  readonly want: DesiredState;
  /** Operations for it that have not been reported as done, in order. At most 16. */
  readonly operations: readonly DesiredOperation[];
}

export type DesiredState =
  | { readonly kind: 'run'; readonly runState: RunState; readonly force: boolean }
  /** Stop it, keep what belongs to it: it is to move elsewhere, and may only after this was reported. */
  | { readonly kind: 'evict' }
  /** Wait for its state from another node, under this node's token; `source` is where the agent of the other is asked. */
  | { readonly kind: 'receive'; readonly source: NodeName }
  /** Send its state to the node that waits at `uri`, up to the hand-over, and stop there. */
  | { readonly kind: 'migrate'; readonly uri: string }
  /** The other node owns it: hand over and quit, never continue. */
  | { readonly kind: 'handOver' }
  /** The migration is off and this node owns it as before: go on running. */
  | { readonly kind: 'abandonMigration' }
  /** Stop it and remove everything of this token: it belongs elsewhere, or was deleted. Positive evidence for removal. */
  | { readonly kind: 'remove' };

export type DesiredOperation =
  | { readonly id: OperationId; readonly kind: 'snapshot'; readonly snapshot: string }
  | { readonly id: OperationId; readonly kind: 'restore'; readonly snapshot: string }
  | { readonly id: OperationId; readonly kind: 'deleteSnapshot'; readonly snapshot: string }
  | { readonly id: OperationId; readonly kind: 'attachDisk'; readonly disk: string }
  /** To the size in the specification, from `fromBytes`; undefined: from what it has. */
  | {
      readonly id: OperationId;
      readonly kind: 'resizeDisk';
      readonly disk: string;
      readonly fromBytes: number | undefined;
    };

export interface FoundVm {
  readonly vm: VmId;
  readonly fenceToken: FenceToken;
  /** Undefined: files only. */
  readonly instance: InstanceId | undefined;
  readonly state: VmState;
  /** From the agent's journal; undefined where it has nothing of it. */
  readonly generation: Generation | undefined;
}

export interface InventoryVerdict {
  readonly vm: VmId;
  readonly fenceToken: FenceToken;
  /**
   * `adopt`: it belongs here. `kill`: the store says that it belongs elsewhere, under a newer token, or that it was deleted.
   * `orphan`: the store knows nothing of it: it is left as it is, counted, and shown to operators, who decide.
   */
  readonly verdict: 'adopt' | 'kill' | 'orphan';
}

export interface VmReport {
  readonly vm: VmId;
  readonly fenceToken: FenceToken;
  /** The last one that the agent has carried out. */
  readonly generation: Generation;
  readonly state: VmState;
  readonly instance: InstanceId | undefined;
  readonly cause: EndCause | undefined;
  /** For operators: what the hypervisor said. At most 1 KiB. */
  readonly message: string;
  /** Where an incoming one waits, in state `incoming`. */
  readonly incomingUri: string | undefined;
  /** The migration that is wanted has failed: the guest goes on here as before. Default: it has not. */
  readonly migrationFailed?: boolean | undefined;
  /** Operations that have ended since they were wanted; told until they are wanted no more. */
  readonly operations: readonly OperationReport[];
  readonly restarts: number;
}

export interface OperationReport {
  readonly id: OperationId;
  readonly outcome: 'done' | 'failed';
  readonly message: string;
}

/** An image that an agent lacks is fetched from a server by this name, in pieces, and checked against it. */
export interface ImageChunkRequest {
  readonly digest: Digest;
  readonly fromByte: number;
  readonly bytesMax: number;
}
