import { type NodeId } from '../core/base/ids.ts';

/**
 * One fault, independent of the others: data, so that a schedule can be generated, written by hand, stored and shrunk.
 * Times are µs since the run's start. Probabilities are integer ratios in millionths (`ppm`).
 */
export type Fault =
  | {
      readonly kind: 'crash';
      readonly atUs: number;
      readonly node: NodeId;
      readonly downUs: number;
      /** Default: the whole machine. */
      readonly scope?: CrashScope;
      /** Default: at `atUs` itself. */
      readonly moment?: CrashMoment;
    }
  /** Every member at once. */
  | {
      readonly kind: 'crashAll';
      readonly atUs: number;
      readonly downUs: number;
      /** Default: the whole machine. */
      readonly scope?: CrashScope;
    }
  /** The process does not run (SIGSTOP): events wait. */
  | { readonly kind: 'pause'; readonly atUs: number; readonly node: NodeId; readonly forUs: number }
  /** Nothing passes between the two sides, in both directions. */
  | {
      readonly kind: 'partition';
      readonly atUs: number;
      readonly forUs: number;
      readonly side: readonly NodeId[];
      readonly otherSide: readonly NodeId[];
    }
  /** Nothing passes from `from` to `to`; the way back works. */
  | {
      readonly kind: 'oneWay';
      readonly atUs: number;
      readonly forUs: number;
      readonly from: readonly NodeId[];
      readonly to: readonly NodeId[];
      /** Begins only when a member of `from` becomes the leader, with its first words as one. Default: at `atUs` itself. */
      readonly moment?: 'elected';
    }
  /** These clients do not reach these members (`requests`), or are not reached by them (`answers`), or neither. */
  | {
      readonly kind: 'clientCut';
      readonly atUs: number;
      readonly forUs: number;
      readonly clients: readonly number[];
      readonly nodes: readonly NodeId[];
      readonly direction: 'requests' | 'answers' | 'both';
    }
  /** Messages are lost, doubled or delayed out of order. */
  | {
      readonly kind: 'lossy';
      readonly atUs: number;
      readonly forUs: number;
      readonly lossPpm: number;
      readonly duplicatePpm: number;
      readonly reorderPpm: number;
    }
  /** A link holds everything back and lets it out at the end. */
  | {
      readonly kind: 'clog';
      readonly atUs: number;
      readonly forUs: number;
      readonly from: NodeId;
      readonly to: NodeId;
    }
  /** Every latency is multiplied. */
  | { readonly kind: 'slowNetwork'; readonly atUs: number; readonly forUs: number; readonly factor: number }
  | {
      readonly kind: 'slowDisk';
      readonly atUs: number;
      readonly forUs: number;
      readonly node: NodeId;
      readonly factor: number;
    }
  /** The next sync fails: the process stops, and starts again after `downUs`. */
  | { readonly kind: 'syncFails'; readonly atUs: number; readonly node: NodeId; readonly downUs: number }
  /** Some bits of an acknowledged sector of the log are flipped. */
  | ({ readonly kind: 'bitRot' } & SectorFault)
  /** An acknowledged sector of the log can never be read again. */
  | ({ readonly kind: 'latentSector' } & SectorFault)
  /**
   * A sector of the newest sync went to the place of another acknowledged sector, of the same file or another: its own place
   * shows what lay there before, and the other's is overwritten.
   */
  | ({ readonly kind: 'misdirectedWrite' } & SectorFault)
  /** Nothing can be read. A process that has to read ends, and starts again and again until it can. */
  | { readonly kind: 'readFails'; readonly atUs: number; readonly forUs: number; readonly node: NodeId }
  /** The next append is not taken, or only a part of it: the process stops, and starts again after `downUs`. */
  | { readonly kind: 'appendFails'; readonly atUs: number; readonly node: NodeId; readonly downUs: number }
  /**
   * The ordered store's flushes do not fit: the process stops with a prefix of what it would have written, and every start
   * ends the same way until there is room again.
   */
  | { readonly kind: 'storeFull'; readonly atUs: number; readonly forUs: number; readonly node: NodeId }
  /** A row of the store's history changes on the disk, under a process that runs or not: nobody is told. */
  | { readonly kind: 'storeRot'; readonly atUs: number; readonly node: NodeId }
  /** One sync takes this much longer. */
  | { readonly kind: 'diskStall'; readonly atUs: number; readonly forUs: number; readonly node: NodeId }
  /** Links carry so much and no more: what comes faster waits in line, and what the line does not hold is dropped. */
  | {
      readonly kind: 'narrowLink';
      readonly atUs: number;
      readonly forUs: number;
      readonly from: readonly NodeId[];
      readonly to: readonly NodeId[];
      readonly bytesPerSecond: number;
    }
  /** A share of the packets on some links is late by up to `tailUs`, and what comes behind them waits. */
  | {
      readonly kind: 'longTail';
      readonly atUs: number;
      readonly forUs: number;
      readonly from: readonly NodeId[];
      readonly to: readonly NodeId[];
      readonly tailPpm: number;
      readonly tailUs: number;
    }
  /**
   * Each member sees some of the others, and no two see the same: in the order given they form a `ring`, a `chain`, a `star`
   * around the first, or two halves that only the first, the `bridge`, sees both of.
   */
  | {
      readonly kind: 'partialPartition';
      readonly atUs: number;
      readonly forUs: number;
      readonly shape: 'ring' | 'chain' | 'star' | 'bridge';
      readonly order: readonly NodeId[];
    }
  /** The wall clock of one machine jumps, by ten years at most. Its monotonic clock goes on. */
  | {
      readonly kind: 'wallJump';
      readonly atUs: number;
      readonly node: NodeId;
      readonly byUs: number;
      readonly direction: 'forward' | 'backward';
    }
  | { readonly kind: 'clockDrift'; readonly atUs: number; readonly node: NodeId; readonly driftPpm: number }
  /** A link between two members comes and goes: down for `downUs`, up for `upUs`, again and again. */
  | {
      readonly kind: 'flap';
      readonly atUs: number;
      readonly forUs: number;
      readonly between: readonly [NodeId, NodeId];
      readonly downUs: number;
      readonly upUs: number;
    }
  /**
   * From here on syncs report success without reaching the disk, until the power fails after `forUs`: what was appended
   * meanwhile is lost. Only where the atlas allows it: other members hold what this one loses.
   */
  | {
      readonly kind: 'lostSync';
      readonly atUs: number;
      readonly forUs: number;
      readonly node: NodeId;
      readonly downUs: number;
      readonly atlas?: 'ignored';
    }
  /** No append fits any more: the process stops, and every start fails the same way until there is room again. */
  | { readonly kind: 'diskFull'; readonly atUs: number; readonly forUs: number; readonly node: NodeId }
  /** The operator takes the member at this machine out of the cluster, wipes its disks, and adds another there. */
  | { readonly kind: 'replace'; readonly atUs: number; readonly node: NodeId }
  /**
   * The machine loses its power and its disks with it. Its member never comes back: the operator replaces it. Only where the
   * atlas allows it, as with all damage; the new member then is hurt until it holds everything.
   */
  | { readonly kind: 'wipe'; readonly atUs: number; readonly node: NodeId }
  /** The operator adds a member at a machine where nobody lives. */
  | { readonly kind: 'grow'; readonly atUs: number; readonly as: 'voter' | 'learner' }
  /** The operator takes the member at this machine out of the cluster, unless fewer than two voters would be left. */
  | { readonly kind: 'shrink'; readonly atUs: number; readonly node: NodeId }
  /** The operator makes a learner a voter, once one has been added. */
  | { readonly kind: 'promote'; readonly atUs: number }
  /** The operator hands the leadership to the member at this machine. */
  | { readonly kind: 'moveLeader'; readonly atUs: number; readonly node: NodeId };

export type FaultKind = Fault['kind'];

/** Damage to a part of the log that a sync had acknowledged. */
export interface SectorFault {
  readonly atUs: number;
  readonly node: NodeId;
  readonly downUs: number;
  /**
   * For so long the member runs on with it, unless it comes across it: then it ends by itself, and starts again after
   * `downUs`. Default: the power is cut at once.
   */
  readonly latentUs?: number;
  /** Strikes even where nobody else holds what is lost: the run may be classed unrecoverable. */
  readonly atlas?: 'ignored';
}

/** What a crash takes: the process alone, so that the system's cache lives on, or the machine's power with it. */
export type CrashScope = 'process' | 'machine';

/** A crash that waits, from `atUs` on, for a sync to be under way, or for a snapshot to have just been installed. */
export type CrashMoment = 'syncing' | 'installing';
