import { assert, present, unreachable } from '../base/assert.ts';
import { type GroupId, type NodeId } from '../base/ids.ts';
import { type Machine } from '../base/machine.ts';
import { type Prng } from '../base/prng.ts';
import { type SegmentRepair } from '../storage/segment-files.ts';
import { DataLossError } from './data-loss.ts';
import { DeadlineHeap } from './deadlines.ts';
import { GroupLog } from './group-log.ts';
import { RaftGroup } from './group.ts';
import { GroupState } from './group-state.ts';
import { type GroupJournal } from './journal.ts';
import { RaftLog } from './log.ts';
import { Outbox } from './outbox.ts';
import { type Position } from './records.ts';
import {
  type Configuration,
  type Entry,
  type LogIndex,
  type RaftNodeEffect,
  type RaftNodeEvent,
  type RaftOptions,
  type RaftView,
  type Term,
} from './types.ts';

export interface RaftNodeConfig {
  readonly id: NodeId;
  readonly options: RaftOptions;
  /** Begins the names of the log's files. */
  readonly segmentPrefix: string;
  readonly groups: readonly RaftGroupConfig[];
}

export interface RaftGroupConfig {
  readonly group: GroupId;
  /** In force before the log's first entry; the same on every initial member. */
  readonly initialConfiguration: Configuration;
  /** What the durable store reflects; undefined for a new store. */
  readonly applied:
    { readonly index: LogIndex; readonly term: Term; readonly configuration: Configuration } | undefined;
}

/** Groups that wrote under a sync number. */
interface Unsynced {
  readonly syncSeq: number;
  readonly groups: readonly RaftGroup[];
}

/**
 * All the Raft groups of one node. They share a log, a heartbeat and the messages to each peer; what a step costs depends on
 * the groups that it touches, not on those that there are.
 */
export class RaftNode implements Machine<RaftNodeEvent, RaftNodeEffect> {
  readonly #heartbeatIntervalUs: number;
  readonly #log: GroupLog;
  readonly #outbox: Outbox;
  readonly #groups = new Map<GroupId, RaftGroup>();
  readonly #deadlines = new DeadlineHeap<RaftGroup>();
  /** In the order in which they became leaders. */
  readonly #leaders = new Set<RaftGroup>();
  /** Oldest first; one element a step that wrote, until the next sync. */
  readonly #unsynced: Unsynced[] = [];
  /** Groups that this step has touched. */
  readonly #touched = new Set<RaftGroup>();
  #nowUs: number;
  /** The next beat of the heartbeat, one for all groups. Counts only while this node leads a group. */
  #beatUs = 0;
  #started = false;

  /**
   * Builds the node from its log. What that writes (the start's number, above all) goes out with the first step, which is
   * due at once.
   *
   * @throws DataLossError when the node must not take part; says what a human can do
   */
  static recover(
    ports: { readonly segments: SegmentRepair },
    config: RaftNodeConfig,
    prng: Prng,
    nowUs: number,
  ): RaftNode {
    return new RaftNode(ports.segments, config, prng, nowUs);
  }

  private constructor(segments: SegmentRepair, config: RaftNodeConfig, prng: Prng, nowUs: number) {
    const { options } = config;
    assert(
      options.heartbeatIntervalUs * 2 <= options.electionTimeoutUs,
      'a lost heartbeat does not cost an election',
    );
    this.#heartbeatIntervalUs = options.heartbeatIntervalUs;
    this.#nowUs = nowUs;
    this.#outbox = new Outbox();
    const applied = new Map<GroupId, Position>();
    for (const group of config.groups)
      if (group.applied !== undefined) applied.set(group.group, group.applied);
    this.#log = GroupLog.recover(segments, {
      prefix: config.segmentPrefix,
      segmentBytesMax: options.segmentBytesMax,
      groups: config.groups.map(({ group }) => group),
      applied,
    });
    for (const group of config.groups) {
      const state = recoverGroup(this.#log.journal(group.group), {
        node: config,
        group,
        prng,
        nowUs,
        outbox: this.#outbox,
      });
      this.#groups.set(group.group, new RaftGroup(state));
    }
    for (const group of this.#groups.values()) {
      this.#touched.add(group);
      this.#deadlines.schedule(group, group.deadlineUs);
    }
  }

  get deadlineUs(): number {
    if (!this.#started) return this.#nowUs;
    return this.#leaders.size === 0
      ? this.#deadlines.earliestUs
      : Math.min(this.#deadlines.earliestUs, this.#beatUs);
  }

  /** A live view of a group. @throws InvariantError for a group that the node does not hold */
  view(group: GroupId): RaftView {
    return this.#group(group).view;
  }

  /**
   * The next entries after those taken before that are committed and durable here, at most `bytesMax` of them but at least
   * one, or none when there are none. The caller applies them in order and steps `applied`.
   */
  take(group: GroupId, bytesMax: number): readonly Entry[] {
    return this.#group(group).take(bytesMax);
  }

  step(event: RaftNodeEvent, nowUs: number): readonly RaftNodeEffect[] {
    assert(nowUs >= this.#nowUs, 'time is monotonic');
    this.#nowUs = nowUs;
    this.#started = true;
    switch (event.kind) {
      case 'tick':
        this.#onTick();
        break;
      case 'received':
        for (const { group, message } of event.messages) {
          if (this.#groups.has(group)) this.#touch(group).received(event.from, message);
        }
        break;
      case 'synced':
        this.#onSynced(event.syncSeq);
        break;
      case 'proposed':
        this.#touch(event.group).proposed(event.proposals);
        break;
      case 'configurationProposed':
        this.#touch(event.group).configurationProposed(event.configuration);
        break;
      case 'readRequested':
        this.#touch(event.group).readRequested(event.context);
        break;
      case 'applied':
        this.#touch(event.group).applied(event.index);
        break;
      case 'compacted':
        this.#touch(event.group).compacted(event.index);
        break;
      case 'transferRequested':
        this.#touch(event.group).transferRequested(event.to);
        break;
      case 'snapshotInstalled':
        this.#touch(event.group).snapshotInstalled(event.from, event.header);
        break;
      case 'snapshotSent':
        this.#touch(event.group).snapshotSent(event.to);
        break;
      case 'snapshotFailed':
        this.#touch(event.group).snapshotFailed(event.to);
        break;
      default:
        unreachable(event);
    }
    return this.#settle();
  }

  #onTick(): void {
    for (
      let due = this.#deadlines.popDue(this.#nowUs);
      due !== undefined;
      due = this.#deadlines.popDue(this.#nowUs)
    ) {
      this.#touched.add(due);
      due.state.nowUs = this.#nowUs;
      if (due.deadlineUs <= this.#nowUs) due.tick();
      this.#deadlines.schedule(due, Math.max(due.deadlineUs, this.#nowUs + 1));
    }
    if (this.#leaders.size === 0 || this.#nowUs < this.#beatUs) return;
    this.#beatUs = this.#nowUs + this.#heartbeatIntervalUs;
    for (const group of this.#leaders) {
      this.#touched.add(group);
      group.state.nowUs = this.#nowUs;
      if (group.isLeader) group.beat();
    }
  }

  #onSynced(syncSeq: number): void {
    this.#outbox.syncedSeq = Math.max(this.#outbox.syncedSeq, syncSeq);
    this.#log.synced(syncSeq);
    for (
      let next = this.#unsynced[0];
      next !== undefined && next.syncSeq <= syncSeq;
      next = this.#unsynced[0]
    ) {
      this.#unsynced.shift();
      for (const group of next.groups) {
        this.#touched.add(group);
        group.state.nowUs = this.#nowUs;
        group.synced(next.syncSeq);
      }
    }
  }

  /** Lets every touched group say what follows, writes what they write, and collects it all. */
  #settle(): readonly RaftNodeEffect[] {
    for (const group of this.#touched) {
      group.settle();
      this.#noteLeadership(group);
      this.#deadlines.schedule(group, group.deadlineUs);
    }
    const written = this.#log.flush();
    if (written !== undefined) {
      const { syncSeq } = written.persist;
      const groups = [...this.#touched].filter((group) => group.state.log.journal.writeSeq === syncSeq);
      if (groups.length > 0) this.#unsynced.push({ syncSeq, groups });
    }
    this.#touched.clear();
    const effects = this.#outbox.take();
    if (written === undefined) return effects;
    effects.unshift(written.persist);
    if (written.removed.length > 0) effects.push({ kind: 'removeSegments', files: written.removed });
    return effects;
  }

  #noteLeadership(group: RaftGroup): void {
    if (!group.isLeader) {
      this.#leaders.delete(group);
      return;
    }
    if (this.#leaders.size === 0) this.#beatUs = this.#nowUs + this.#heartbeatIntervalUs;
    this.#leaders.add(group);
  }

  #touch(id: GroupId): RaftGroup {
    const group = this.#group(id);
    group.state.nowUs = this.#nowUs;
    this.#touched.add(group);
    return group;
  }

  #group(id: GroupId): RaftGroup {
    return present(this.#groups.get(id), 'the node holds the group');
  }
}

/** Brings a group's log and its store together, and counts the start. */
function recoverGroup(
  journal: GroupJournal,
  given: {
    readonly node: RaftNodeConfig;
    readonly group: RaftGroupConfig;
    readonly prng: Prng;
    readonly nowUs: number;
    readonly outbox: Outbox;
  },
): GroupState {
  const { node, group, outbox, nowUs } = given;
  const { repairing } = journal;
  const start = group.applied ?? { index: 0, term: 0, configuration: group.initialConfiguration };
  const log = new RaftLog(journal, { cacheBytesMax: node.options.cacheBytesMax, start });
  if (log.termAt(start.index) !== start.term) {
    // The log ends below what the store reflects, or is of another history there: a snapshot was installed, and the
    // node stopped before the log said so. What was given up for damage may also begin above.
    if (start.index < journal.base.index && !repairing) {
      throw new DataLossError(
        `the store of group ${group.group} reflects entry ${start.index}, but its log begins behind ${journal.base.index}: ` +
          'the store is older than the log; restore both together, or remove this member and add it anew',
      );
    }
    log.restart({ index: start.index, term: start.term }, start.configuration);
  }
  const { voters, outgoing } = log.configuration;
  if (repairing && voters.length === 1 && voters[0] === node.id && outgoing.length === 0) {
    throw new DataLossError(
      `the log of group ${group.group} is damaged, and this member is its only voter: entries that were acknowledged ` +
        'are lost and nobody else has them; restore a backup',
    );
  }
  const { term, vote, boot } = journal.hardState;
  journal.saveHardState({ term, vote, boot: boot + 1 });
  if (repairing) journal.saveRepairing(true);
  return new GroupState({
    id: node.id,
    group: group.group,
    options: node.options,
    prng: given.prng.fork(`group ${group.group}`),
    log,
    outbox,
    appliedIndex: start.index,
    bootSyncSeq: journal.writeSeq,
    nowUs,
  });
}
