import { type FenceToken, type NodeEpoch, type Revision, type VmId, type VmState } from '../types.ts';

/** What metrics, operators and the simulator's checkers see of an agent. */
export interface AgentView {
  /** 0: has none. */
  readonly epoch: NodeEpoch;
  readonly phase: AgentPhase;
  /** Position of the server that is asked first. */
  readonly server: number;
  /** What is acted on. */
  readonly revision: Revision;
  /** When must-stop virtual machines are killed; undefined: no lease holds for them. */
  readonly leaseEndUs: number | undefined;
  readonly vms: readonly AgentVmView[];
  /** Launches after the end of a guest, since the agent's start. */
  readonly restarts: number;
  /** Virtual machines that were wanted and not taken on, since there are `vmsMax` already. */
  readonly refusedVms: number;
  /** What a server last refused, for operators; undefined: nothing since the last answer that was none. */
  readonly lastRefusal: string | undefined;
}

export type AgentPhase = 'inventorying' | 'registering' | 'judging' | 'serving';

export interface AgentVmView {
  readonly vm: VmId;
  readonly fenceToken: FenceToken;
  readonly state: VmState;
  /** The store knows nothing of it: left as it is. */
  readonly orphan: boolean;
}
