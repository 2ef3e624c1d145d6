import { present } from '../core/base/assert.ts';
import { type NodeId } from '../core/base/ids.ts';
import { isQuorum } from '../core/raft/quorum.ts';
import { type Configuration, type RaftView } from '../core/raft/types.ts';
import { type MemberProcess } from './cluster.ts';
import { type SectorDamage } from './disk/damage.ts';
import { type SimulatedSegments } from './disk/segments.ts';
import { findLaterStart, findStart, keepsHardState, type LogEnd } from './found-start.ts';

/** What the atlas sees of a member: its disk, and its log while it runs. */
export interface AtlasMember {
  readonly node: NodeId;
  /** Counts its starts. */
  readonly boot: number;
  readonly segments: SimulatedSegments;
  /** All that it has written is durable, and it was told so. */
  readonly settled: boolean;
  /** Undefined while it is down. */
  readonly raft: RaftView | undefined;
}

export function atlasMember(process: MemberProcess): AtlasMember {
  return {
    node: process.node,
    get boot() {
      return process.boot;
    },
    get segments() {
      return process.segments;
    },
    get settled() {
      return process.settled;
    },
    get raft() {
      return process.machine?.view.raft;
    },
  };
}

/** What a member has lost, and has to hold again. */
interface Hurt {
  readonly node: NodeId;
  readonly end: LogEnd;
  /** Its newest start then: while it runs on, it may not know. */
  readonly boot: number;
  /** Files that the damage is in; with all of them gone, so is the damage. None: it was lost with the power. */
  readonly files: readonly string[];
}

/**
 * Keeps account of what the simulator has destroyed, so that every failure is the system's and never the simulator's.
 * What a disk has acknowledged may be damaged only
 * - on one member at a time, until that member has started since and holds again what it held,
 * - when a quorum of *other* members, all of them running and whole, holds every entry that it held, and still does when
 *   those have left whose removal was asked for, when a learner has become a voter, or both,
 * - and never so that a start would not find the newest term, vote and start number, which exist nowhere else, or would find
 *   that it cannot tell: one now, and of a member that runs on one later, after a crash that tears what it writes next.
 *
 * Damage that was ordered to ignore all this is in the account as well: see recoverability.ts for what becomes of the run.
 */
export class FaultAtlas {
  readonly #members: readonly AtlasMember[];
  readonly #isLeaving: (member: NodeId) => boolean;
  #hurt: readonly Hurt[] = [];

  /** @param isLeaving whether a member's removal was asked for, which may come about at any time */
  constructor(members: readonly AtlasMember[], isLeaving: (member: NodeId) => boolean = () => false) {
    this.#members = members;
    this.#isLeaving = isLeaving;
  }

  /** A member that is not yet whole again. */
  get hurt(): NodeId | undefined {
    this.#forgetHealed();
    return this.#hurt[0]?.node;
  }

  /** Whether this member is not whole again. */
  isHurt(node: NodeId): boolean {
    this.#forgetHealed();
    return this.#hurt.some((hurt) => hurt.node === node);
  }

  /** Whether this member, whose durable log ends there, may lose a part of it. */
  allows(node: NodeId, end: LogEnd): boolean {
    if (this.hurt !== undefined) return false;
    const intact = new Set<NodeId>();
    for (const other of this.#members) {
      if (other.node !== node && holds(other.raft, end)) intact.add(present(other.raft, 'it holds it').id);
    }
    // Of every configuration that one of them has or was asked for, since any of those may be in force, or come to be.
    return this.#members.every(
      ({ raft }) =>
        raft === undefined ||
        this.#toCome(raft.configuration).every((each) => isQuorum(each, (id) => intact.has(id))),
    );
  }

  /** Whether this member, whose durable log ends there, may suffer this damage. */
  mayDamage(member: AtlasMember, end: LogEnd, damages: readonly SectorDamage[]): boolean {
    if (!this.allows(member.node, end)) return false;
    const { segments } = member;
    if (!keepsHardState(findStart(segments.copy()), findStart(segments.copy(damages)))) return false;
    if (member.raft === undefined) return true;
    // It runs on. What it frames before it knows all to be durable vouches for less than is lost, and goes with it even once it
    // is acknowledged.
    if (!member.settled) return false;
    // What would pass for a torn end if it started now is known for a loss once something is written behind it,
    // and with that torn there is nothing left to say what was lost.
    const found = findStart(segments.platter());
    return found.kind !== 'goesOn' || keepsHardState(found, findLaterStart(segments, damages));
  }

  /**
   * Whether a running member, whose durable log ends there, may lose all that its disk only pretends to have written: the
   * rules for damage, and term, vote and start number are on the platter.
   */
  mayLose(member: AtlasMember, end: LogEnd): boolean {
    if (!this.allows(member.node, end)) return false;
    const { segments } = member;
    return keepsHardState(findStart(segments.copy()), findStart(segments.platter()));
  }

  /** It has lost what these files held, or, without any, what its disk had only pretended to write. */
  lost(member: Pick<AtlasMember, 'node' | 'boot'>, end: LogEnd, files: readonly string[] = []): void {
    this.#hurt = [...this.#hurt, { node: member.node, boot: member.boot, end, files }];
  }

  /** This one, without each of those that are to leave and without them all; and each such with a learner as a voter, or all. */
  #toCome(configuration: Configuration): readonly Configuration[] {
    const { voters, learners } = configuration;
    const leaving = voters.filter(this.#isLeaving);
    const left = [
      voters,
      ...leaving.map((member) => voters.filter((voter) => voter !== member)),
      voters.filter((voter) => !leaving.includes(voter)),
    ];
    const joining = [[], ...learners.map((learner) => [learner]), learners];
    return left.flatMap((some) =>
      joining.map((others) => ({ ...configuration, voters: [...some, ...others] })),
    );
  }

  #forgetHealed(): void {
    if (this.#hurt.length > 0) this.#hurt = this.#hurt.filter((hurt) => !this.#healed(hurt));
  }

  #healed({ node, end, boot, files }: Hurt): boolean {
    const member = this.#members.find((candidate) => candidate.node === node);
    if (member === undefined || !holds(member.raft, end)) return false;
    if (member.boot > boot) return true;
    // It runs on since before it was hurt, and may still come across the damage.
    return files.length > 0 && files.every((file) => member.segments.list(file).length === 0);
  }
}

/** True when this log, whole and durable, holds everything up to this end. */
export function holds(raft: RaftView | undefined, end: LogEnd): boolean {
  if (raft === undefined || raft.repairing || raft.syncedIndex < end.index) return false;
  // Below its beginning a log holds what was committed; two logs with the same entry are the same up to it (Raft §3.5).
  const term = raft.termAt(end.index);
  return term === undefined ? end.index < raft.firstIndex : term === end.term;
}
