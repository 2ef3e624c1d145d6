import { type AgentSettings } from '../../core/plasma/agent/protocol.ts';
import { type ControlPlaneSettings } from '../../core/plasma/control-plane/settings.ts';
import { type Quota } from '../../core/plasma/api.ts';
import { type Labels, type Resources } from '../../core/plasma/types.ts';
import { type MemberConfig } from '../../core/chainfire/member-protocol.ts';
import { type OwnEndDeed } from './hypervisor-types.ts';
import { type FaultKind } from '../fault.ts';
import { type CommonFault } from '../faults/scheduled-faults.ts';
import { type PlanSource } from '../types.ts';

/** The faults that mean something to the platform. Whom they strike is told by his number, see `addresses.ts`. */
export type PlasmaFault = Exclude<CommonFault, { kind: 'crashAll' | 'clientCut' | 'partialPartition' }>;

/** A run of the VM platform, by hand or drawn from a seed: cloud, workload, faults, checks, in that order. */
export interface PlasmaScenario {
  readonly name: string;
  /** One sentence: what must hold, and why it might not. */
  readonly about: string;
  readonly cloud: PlasmaCloudPlan;
  readonly workload: PlasmaWorkloadPlan;
  readonly faults: readonly PlasmaFault[];
  /** What is done at its time by hand, beside the workload. */
  readonly acts?: readonly PlasmaAct[] | undefined;
  /** Names of `sim/plasma/checkers`; all of them unless said otherwise. */
  readonly checks: readonly string[] | 'all';
  /** Length of the safety phase. At least 60 s. */
  readonly durationUs: number;
  readonly floors: PlasmaFloors;
}

export interface PlasmaCloudPlan {
  /** Members of Chainfire. */
  readonly members: number;
  readonly chainfire: Partial<MemberConfig>;
  readonly servers: number;
  readonly controlPlane: Partial<Omit<ControlPlaneSettings, 'server'>>;
  readonly agent: Partial<AgentSettings>;
  readonly nodes: readonly ComputeNodePlan[];
  /** Of guests: each writes to its shared disks so often. */
  readonly guestTickUs: number;
  /** Every server has them in the beginning. Default: none. */
  readonly images?: readonly ImagePlan[] | undefined;
  /** Nodes fetch them in pieces of this size. Default 4,096. */
  readonly imageChunkBytes?: number | undefined;
}

export interface ImagePlan {
  readonly fileBytes: number;
}

export interface ComputeNodePlan {
  readonly capacity: Resources;
  readonly labels: Labels;
  /** Of the machine's clock. Within the bound that servers count on. */
  readonly driftPpm: number;
}

export interface PlasmaWorkloadPlan {
  readonly users: readonly UserPlan[];
}

/** A user with a project of his own. */
export interface UserPlan {
  /** Set before anything else; undefined: none. */
  readonly quota: Quota | undefined;
  /** Shared disks that he makes first. */
  readonly sharedDisks: number;
  /** Virtual machines that he has at once at most. */
  readonly vmsMax: number;
  /** Pause between operations, drawn uniformly. */
  readonly thinkUsMin: number;
  readonly thinkUsMax: number;
  readonly requestTimeoutUs: number;
  /** One in so many operations is asked again after it was answered; 0: none. */
  readonly repeatOneIn: number;
  /** Relative weights; what is not named never happens. */
  readonly mix: Readonly<Partial<Record<UserOperation, number>>>;
  /** Share of virtual machines that must not be on a node with another of their group, in tenths. */
  readonly spreadOfTen: number;
  /** Share that stays on its node whatever becomes of the lease, in tenths. */
  readonly keepRunningOfTen: number;
  /** Share that is never started again when it has ended, in tenths. Default 0. */
  readonly neverAgainOfTen?: number;
  /** Share that boots from an image of the cloud, on a disk of its node, in tenths. Default 0. */
  readonly imageOfTen?: number;
}

export type UserOperation =
  | 'create'
  | 'delete'
  | 'start'
  | 'stop'
  | 'pause'
  | 'migrate'
  | 'evict'
  | 'drain'
  | 'uncordon'
  | 'quota'
  /** Of a shared disk that no virtual machine has; it is made again under the same name. */
  | 'diskDelete'
  | 'attach'
  | 'resize'
  /** Takes one out of the catalogue, or puts it there again. */
  | 'image'
  | 'snapshot'
  | 'snapshotDelete'
  | 'restore';

/** Something at its time that depends on who does what by then, which no schedule of faults can know. */
export type PlasmaAct =
  /** The server that leads then. `cutFrom`: it does not reach the store, or is not reached by agents. */
  | { readonly kind: 'crashLeader'; readonly atUs: number; readonly downUs: number }
  | { readonly kind: 'pauseLeader'; readonly atUs: number; readonly forUs: number }
  /** It is told to stop, hands over, and is started again when it has been gone for so long. */
  | { readonly kind: 'stopLeader'; readonly atUs: number; readonly downUs: number }
  | { readonly kind: 'cutLeaderFromStore'; readonly atUs: number; readonly forUs: number }
  /** The agent of a node that fetches an image then, or a while later; so long after it was seen to. */
  | {
      readonly kind: 'crashFetching';
      readonly atUs: number;
      readonly afterUs: number;
      readonly downUs: number;
    }
  /** One of the guests that execute then ends by itself; `pick` says which, round and round. */
  | { readonly kind: 'guestEnds'; readonly atUs: number; readonly pick: number; readonly by: OwnEndDeed }
  /** A server's copy of an image is gone, or has come to harm, and is imported anew later. Both by their positions. */
  | {
      readonly kind: 'loseImage' | 'spoilImage';
      readonly atUs: number;
      readonly server: number;
      readonly image: number;
      readonly forUs: number;
    };

/** Least counts over one run. Below one it fails as `idle`: nothing was shown. */
export interface PlasmaFloors {
  /** Operations that users were told to be committed. */
  readonly committed?: number;
  /** Guests that began to execute. */
  readonly executions?: number;
  /** Terms of leaders. */
  readonly terms?: number;
  /** Nodes that were given up. */
  readonly nodesLost?: number;
  /** Live migrations that changed the owner. */
  readonly handOvers?: number;
  /** Writes that were refused since their token was not the newest, or not open. */
  readonly writesRefused?: number;
  /** Processes that watchdogs killed. */
  readonly watchdogKills?: number;
  /** Guests' processes that an agent found there when it started. */
  readonly adopted?: number;
  /** Shared disks of which nothing is left on the storage node, as it has answered. */
  readonly disksDeleted?: number;
  /** Images that nodes have fetched whole; of those, fetches that went on where an earlier one was cut. */
  readonly imagesFetched?: number;
  readonly fetchesResumed?: number;
  /** Images that were fetched and turned out to be others. */
  readonly imagesRefused?: number;
  /** Guests that ended by themselves, and were started again. */
  readonly restarted?: number;
  /** Snapshots that an agent has had taken, gone back to or removed. */
  readonly operated?: number;
  /** Operations that were asked again and answered the same. */
  readonly repeated?: number;
  readonly fired?: Readonly<Partial<Record<FaultKind, number>>>;
}

export type PlasmaScenarioSource = PlanSource<PlasmaScenario>;
