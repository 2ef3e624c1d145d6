import { equalBytes, noBytes } from '../core/base/bytes.ts';
import { type NodeId } from '../core/base/ids.ts';
import { type Prng } from '../core/base/prng.ts';
import { decodeBatch } from '../core/raft/records.ts';
import { type LogIndex, type RaftView, type Term } from '../core/raft/types.ts';
import { type MemorySegments } from '../core/storage/memory-segments.ts';
import { RecordLog } from '../core/storage/record-log.ts';
import { type MemberProcess } from './cluster.ts';
import { type Sector, type SimulatedSegments } from './disk/segments.ts';

/** What the atlas sees of a member: its disk, and its log while it runs. */
export interface AtlasMember {
  readonly node: NodeId;
  readonly segments: SimulatedSegments;
  /** Undefined while it is down. */
  readonly raft: RaftView | undefined;
}

/** The end of a member's durable log, as it was before it was hurt. */
export interface LogEnd {
  readonly index: LogIndex;
  readonly term: Term;
}

export function atlasMember(process: MemberProcess): AtlasMember {
  return {
    node: process.node,
    segments: process.segments,
    get raft() {
      return process.machine?.view.raft;
    },
  };
}

/** How many sectors are tried before a member is left in peace. */
const attemptsMax = 12;
const logPrefix = 'log/';

/**
 * Keeps account of what the simulator has destroyed, so that every failure is the system's and never the simulator's.
 * What a disk has acknowledged may be damaged only
 * - on one member at a time, until that member holds again what it held,
 * - when a quorum of *other* members, all of them running and whole, holds every entry that it held,
 * - and never the newest term, vote and start number, which exist nowhere else.
 */
export class FaultAtlas {
  readonly #members: readonly AtlasMember[];
  /** The member that was hurt last, and what it has to hold again. */
  #hurt: { readonly node: NodeId; readonly end: LogEnd } | undefined;

  constructor(members: readonly AtlasMember[]) {
    this.#members = members;
  }

  /** The member that is not yet whole again. */
  get hurt(): NodeId | undefined {
    this.#forgetHealed();
    return this.#hurt?.node;
  }

  /** Whether this member, whose durable log ends there, may lose a part of it. */
  allows(node: NodeId, end: LogEnd): boolean {
    if (this.hurt !== undefined) return false;
    const intact = this.#members.filter((other) => other.node !== node && holds(other.raft, end)).length;
    return intact * 2 > this.#members.length;
  }

  /**
   * Damages one acknowledged sector of a member that is down.
   *
   * @returns what was damaged; undefined when nothing may be
   */
  rot(member: AtlasMember, end: LogEnd, prng: Prng): Sector | undefined {
    if (!this.allows(member.node, end)) return undefined;
    const sectors = member.segments.acknowledgedSectors(logPrefix);
    if (sectors.length === 0) return undefined;
    const before = newestHardState(member.segments.copy());
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const sector = sectors[prng.below(sectors.length)];
      if (sector === undefined) return undefined;
      const label = `rot ${attempt}`;
      const damaged = member.segments.copy({ target: sector, prng: prng.fork(label) });
      if (!equalBytes(before, newestHardState(damaged))) continue;
      if (!member.segments.rot(sector, prng.fork(label))) continue;
      this.#hurt = { node: member.node, end };
      return sector;
    }
    return undefined;
  }

  /**
   * Whether a running member, whose durable log ends there, may lose all that its disk only pretends to have written: the
   * rules for damage, and term, vote and start number are on the platter.
   */
  mayLose(member: AtlasMember, end: LogEnd): boolean {
    if (!this.allows(member.node, end)) return false;
    const { segments } = member;
    return equalBytes(newestHardState(segments.copy()), newestHardState(segments.platter()));
  }

  /** It has lost it. */
  lost(node: NodeId, end: LogEnd): void {
    this.#hurt = { node, end };
  }

  #forgetHealed(): void {
    const hurt = this.#hurt;
    if (hurt === undefined) return;
    const raft = this.#members.find((member) => member.node === hurt.node)?.raft;
    if (holds(raft, hurt.end)) this.#hurt = undefined;
  }
}

/** True when this log, whole and durable, holds everything up to this end. */
function holds(raft: RaftView | undefined, end: LogEnd): boolean {
  if (raft === undefined || raft.repairing || raft.syncedIndex < end.index) return false;
  // Below its beginning a log holds what was committed; two logs with the same entry are the same up to it (Raft §3.5).
  const term = raft.termAt(end.index);
  return term === undefined ? end.index < raft.firstIndex : term === end.term;
}

/** The record of term, vote and start that a recovery of these files would find, encoded; no bytes when there is none. */
function newestHardState(segments: MemorySegments): Uint8Array {
  const { batches } = RecordLog.recover(segments, { prefix: logPrefix, segmentBytesMax: 1 });
  const newest = batches.at(-1);
  if (newest === undefined) return noBytes;
  const numbers = decodeBatch(newest.payload).records.flatMap((record) => [
    record.term,
    record.vote,
    record.boot,
  ]);
  return new Uint8Array(new Float64Array(numbers).buffer);
}
