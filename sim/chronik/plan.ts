import { type BrokerSettings } from '../../core/chronik/settings.ts';
import { type RaftOptions } from '../../core/raft/types.ts';
import { type FaultKind } from '../fault.ts';
import { type FailingDiskFault } from '../faults/failing-disks.ts';
import { type CommonFault } from '../faults/scheduled-faults.ts';
import { type PlanSource } from '../types.ts';

/** The faults that mean something to a cluster of brokers whose members do not change. */
export type ChronikFault = CommonFault | FailingDiskFault;

/** A run of a cluster of brokers, by hand or drawn from a seed: cluster, workload, faults, checks, in that order. */
export interface ChronikScenario {
  readonly name: string;
  /** One sentence: what must hold, and why it might not. */
  readonly about: string;
  readonly cluster: ChronikClusterPlan;
  readonly workload: ChronikWorkloadPlan;
  readonly faults: readonly ChronikFault[];
  /** What is done at its time by hand, beside the workload: an operator's word, or a crash of whoever leads then. */
  readonly acts?: readonly Act[] | undefined;
  /** Names of `sim/chronik/checkers`; all of them unless said otherwise. */
  readonly checks: readonly string[] | 'all';
  /** Length of the safety phase. At least 60 s for the swarm. */
  readonly durationUs: number;
  readonly floors: ChronikFloors;
}

export interface ChronikClusterPlan {
  readonly brokers: number;
  readonly settings: Partial<BrokerSettings>;
  readonly raft: Partial<RaftOptions>;
  /** Clients' calls go through the Kafka codec, in versions that each client draws. */
  readonly throughCodec: boolean;
}

export interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
  /** Brokers by partition, the preferred first; none: as the cluster chooses. */
  readonly assignments?: readonly (readonly number[])[] | undefined;
}

export interface ChronikWorkloadPlan {
  /** Made first of all. */
  readonly topics: readonly TopicPlan[];
  readonly producers: readonly ProducerPlan[];
  readonly consumers: readonly ConsumerPlan[];
  /** Groups whose members share out the first topic; none unless said otherwise. */
  readonly groups?: readonly GroupPlan[] | undefined;
  /** Producers with transactional ids; none unless said otherwise. */
  readonly transactional?: readonly TransactionalPlan[] | undefined;
  /** What an administrator does at random, so often; none: nothing. */
  readonly admin?: AdminPlan | undefined;
}

export interface ProducerPlan {
  readonly acks: -1 | 0 | 1;
  /** Has a producer id and sequence numbers: nothing is lost, doubled or out of order. */
  readonly idempotent: boolean;
  /** Requests to one broker that are under way at once: 1 to 5. */
  readonly inFlightMax: number;
  /** Records in a batch, drawn uniformly up to this. */
  readonly recordsMax: number;
  /** Values are padded to a size drawn uniformly up to this. */
  readonly valueBytesMax: number;
  /** Pause between batches, drawn uniformly. */
  readonly thinkUsMin: number;
  readonly thinkUsMax: number;
  readonly requestTimeoutUs: number;
}

export interface ConsumerPlan {
  readonly isolation: 'readUncommitted' | 'readCommitted';
  readonly requestTimeoutUs: number;
  /** Asks for records again so long after an answer. */
  readonly pauseUsMax: number;
  readonly fetchBytesMax: number;
}

export interface GroupPlan {
  readonly groupId: string;
  readonly members: number;
  /** So many of them have a name, under which they come back after a restart (KIP-345). */
  readonly staticMembers: number;
  readonly sessionTimeoutMs: number;
  /** Pause between commits, drawn uniformly up to this. */
  readonly thinkUsMax: number;
  /** A member leaves or is killed within this time, drawn uniformly; and comes back within the other. */
  readonly lifeUsMax: number;
  readonly awayUsMax: number;
}

export interface TransactionalPlan {
  readonly transactionalId: string;
  /** What nobody ends is aborted after so long. */
  readonly timeoutMs: number;
  /** Partitions of one transaction, drawn uniformly up to this. */
  readonly partitionsMax: number;
  /** Pause between transactions, drawn uniformly up to this. */
  readonly thinkUsMax: number;
  /** It is killed within this time, drawn uniformly, and comes back at once. */
  readonly lifeUsMax: number;
}

export interface AdminPlan {
  readonly thinkUsMin: number;
  readonly thinkUsMax: number;
  /** Relative weights; what is not named never happens. */
  readonly mix: Readonly<Partial<Record<AdminOperation, number>>>;
}

export type AdminOperation =
  | 'reassign'
  | 'electPreferred'
  | 'createTopic'
  | 'deleteTopic'
  | 'createPartitions'
  | 'deleteRecords'
  | 'minInsync';

/** Whom an act or its victim is: the broker that leads this partition, or one that follows it, or the controller. */
export type Role =
  | { readonly kind: 'leader'; readonly topic: string; readonly partition: number }
  | { readonly kind: 'follower'; readonly topic: string; readonly partition: number; readonly nth: number }
  | { readonly kind: 'controller' };

/** Something at its time that depends on who does what by then, which no schedule of faults can know. */
export type Act =
  | {
      readonly kind: 'crash';
      readonly atUs: number;
      readonly who: Role;
      readonly downUs: number;
      readonly scope?: 'process' | 'machine';
    }
  | { readonly kind: 'pause'; readonly atUs: number; readonly who: Role; readonly forUs: number }
  /** It and the clients that reach it are cut off from all other brokers. */
  | { readonly kind: 'isolate'; readonly atUs: number; readonly who: Role; readonly forUs: number }
  | { readonly kind: 'diskFull'; readonly atUs: number; readonly who: Role; readonly forUs: number }
  /** An administrator gives a partition other replicas. */
  | {
      readonly kind: 'reassign';
      readonly atUs: number;
      readonly topic: string;
      readonly partition: number;
      readonly replicas: readonly number[];
    };

/** Least counts over one run. Below one it fails as `idle`: nothing was shown. */
export interface ChronikFloors {
  /** Records that acks=-1 producers were told of. */
  readonly acknowledged?: number;
  /** Records that consumers were given. */
  readonly consumed?: number;
  /** Leader epochs in which somebody was seen to lead a partition, beside the first of each. */
  readonly elections?: number;
  /** Elections of the controller. */
  readonly controllers?: number;
  /** Changes of in-sync sets that were seen in the metadata. */
  readonly isrChanges?: number;
  /** Cuts of partitions' logs that took something away. */
  readonly truncations?: number;
  readonly uncleanElections?: number;
  /** Produce requests that were refused for too small an in-sync set. */
  readonly notEnoughReplicas?: number;
  readonly reassignments?: number;
  /** Batches that brokers were sent again and knew. */
  readonly duplicates?: number;
  /** Generations of groups whose shares somebody was told. */
  readonly generations?: number;
  /** Transactions whose commit was acknowledged. */
  readonly transactions?: number;
  /** Commits of groups' offsets that were acknowledged. */
  readonly commits?: number;
  readonly fired?: Readonly<Partial<Record<FaultKind, number>>>;
}

export type ChronikScenarioSource = PlanSource<ChronikScenario>;
