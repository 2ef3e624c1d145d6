import { assert, present, unreachable } from '../base/assert.ts';
import { passArray, passNumber, type StateForm } from '../base/capture.ts';
import { type GroupId, type NodeId } from '../base/ids.ts';
import { type Machine } from '../base/machine.ts';
import { type CapturablePrng } from '../base/prng.ts';
import { type SegmentRepair } from '../storage/segment-files.ts';
import { DataLossError } from './data-loss.ts';
import { DeadlineHeap } from './deadlines.ts';
import { GroupLog, type GroupLogOptions } from './group-log.ts';
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
  /**
   * This member's log was durable before: an empty one has lost what the member had promised, its votes above all. False
   * (the default) for a member that may be at its first start.
   */
  readonly mustExist?: boolean;
  /** Members of the running cluster: whom to ask, beside those of the configuration, when no leader is heard. */
  readonly contacts?: readonly NodeId[];
}

/** What a node is lent. */
export interface RaftPorts {
  readonly segments: SegmentRepair;
  /** Whether the group's state machine knows that this member was removed, for good. Default: nobody ever is. */
  readonly isRemoved?: (group: GroupId, id: NodeId) => boolean;
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
  static recover(ports: RaftPorts, config: RaftNodeConfig, prng: CapturablePrng, nowUs: number): RaftNode {
    const log = GroupLog.recover(ports.segments, logOptions(config));
    return new RaftNode(config, log, { ports, prng, nowUs, stateOf: recoverGroup });
  }

  /** A node that knows nothing, for `passState` to fill: reads nothing of its log, and writes nothing. */
  static blank(ports: RaftPorts, config: RaftNodeConfig, prng: CapturablePrng, nowUs: number): RaftNode {
    const log = GroupLog.blank(ports.segments, logOptions(config));
    return new RaftNode(config, log, { ports, prng, nowUs, stateOf: blankGroup });
  }

  private constructor(
    config: RaftNodeConfig,
    log: GroupLog,
    given: {
      readonly ports: RaftPorts;
      readonly prng: CapturablePrng;
      readonly nowUs: number;
      readonly stateOf: (journal: GroupJournal, start: GroupStart) => GroupState;
    },
  ) {
    const { options } = config;
    const { ports, prng, nowUs } = given;
    assert(
      options.heartbeatIntervalUs * 2 <= options.electionTimeoutUs,
      'a lost heartbeat does not cost an election',
    );
    this.#heartbeatIntervalUs = options.heartbeatIntervalUs;
    this.#nowUs = nowUs;
    this.#outbox = new Outbox();
    this.#log = log;
    for (const group of config.groups) {
      const state = given.stateOf(log.journal(group.group), {
        node: config,
        group,
        prng,
        nowUs,
        outbox: this.#outbox,
        isRemoved: (id) => ports.isRemoved?.(group.group, id) ?? false,
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

  passState(form: StateForm): void {
    form.part('outbox', this.#outbox);
    form.part('log', this.#log);
    for (const [id, group] of this.#groups) form.part(`group ${id}`, group);
    const keys = {
      of: (group: RaftGroup): number => group.state.group,
      at: (key: number): RaftGroup => this.#group(key as GroupId),
    };
    form.fields('deadlines', (fields) => {
      this.#deadlines.passState(fields, keys);
    });
    const passGroups = (fields: StateForm, name: string, groups: Iterable<RaftGroup>): RaftGroup[] =>
      fields.list(name, [...groups].map(keys.of), 0, passNumber).map(keys.at);
    const leaders = passGroups(form, 'leaders', this.#leaders);
    const touched = passGroups(form, 'touched', this.#touched);
    passArray(form, 'unsynced', this.#unsynced, { syncSeq: 0, groups: [] }, (row, { syncSeq, groups }) => ({
      syncSeq: row.number('syncSeq', syncSeq),
      groups: passGroups(row, 'groups', groups),
    }));
    if (form.restores) {
      this.#leaders.clear();
      this.#touched.clear();
      for (const group of leaders) this.#leaders.add(group);
      for (const group of touched) this.#touched.add(group);
    }
    this.#nowUs = form.number('nowUs', this.#nowUs);
    this.#beatUs = form.number('beatUs', this.#beatUs);
    this.#started = form.flag('started', this.#started);
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

interface GroupStart {
  readonly node: RaftNodeConfig;
  readonly group: RaftGroupConfig;
  readonly prng: CapturablePrng;
  readonly nowUs: number;
  readonly outbox: Outbox;
  readonly isRemoved: (id: NodeId) => boolean;
}

function logOptions({ segmentPrefix, options, groups }: RaftNodeConfig): GroupLogOptions {
  const applied = new Map<GroupId, Position>();
  for (const group of groups) if (group.applied !== undefined) applied.set(group.group, group.applied);
  return {
    prefix: segmentPrefix,
    segmentBytesMax: options.segmentBytesMax,
    groups: groups.map(({ group }) => group),
    applied,
  };
}

/** Brings a group's log and its store together, and counts the start. */
function recoverGroup(journal: GroupJournal, given: GroupStart): GroupState {
  const { node, group } = given;
  const { repairing } = journal;
  if (group.mustExist === true && journal.hardState.boot === 0) {
    throw new DataLossError(
      `the log of group ${group.group} is empty, though member ${node.id} has written one before: its votes and what it ` +
        'had acknowledged are lost; remove this member from the cluster and add it anew, under a new id',
    );
  }
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
  return newGroupState(given, log, { appliedIndex: start.index, bootSyncSeq: journal.writeSeq });
}

/** A group that knows nothing, to be filled. */
function blankGroup(journal: GroupJournal, given: GroupStart): GroupState {
  const start = { index: 0, term: 0, configuration: given.group.initialConfiguration };
  const log = new RaftLog(journal, { cacheBytesMax: given.node.options.cacheBytesMax, start });
  return newGroupState(given, log, { appliedIndex: 0, bootSyncSeq: 0 });
}

function newGroupState(
  { node, group, prng, outbox, isRemoved, nowUs }: GroupStart,
  log: RaftLog,
  start: { readonly appliedIndex: LogIndex; readonly bootSyncSeq: number },
): GroupState {
  return new GroupState({
    id: node.id,
    group: group.group,
    options: node.options,
    prng: prng.fork(`group ${group.group}`),
    log,
    outbox,
    contacts: group.contacts ?? [],
    isRemoved,
    nowUs,
    ...start,
  });
}
