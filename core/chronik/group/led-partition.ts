import { assert, present } from '../../base/assert.ts';
import { Ring } from '../../base/ring.ts';
import { type JoinGroupResponse } from '../../wire/kafka/messages/group-membership.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';
import { type DeletionWait } from './deletion-wait.ts';
import { Group } from './group.ts';
import { type OffsetRecord, type OffsetsRecord, type StoredGroup } from './offset-records.ts';
import { type GroupLog } from './port.ts';

/** An answer that names every partition: commits of offsets have it, and their removal. */
export interface PartitionsAnswer {
  /** Only where the API has one. */
  readonly errorCode: number;
  readonly throttleTimeMs: number;
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[];
  }[];
}

/** What happens when an append is durable, or takes too long, or will never be known to be. */
export type AfterAppend =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'answerPartitions'; readonly requestId: number; readonly answer: PartitionsAnswer }
  | { readonly kind: 'answerJoin'; readonly requestId: number; readonly answer: JoinGroupResponse }
  | { readonly kind: 'assign'; readonly group: Group; readonly generation: number }
  | { readonly kind: 'answerDeletion'; readonly wait: DeletionWait; readonly groupId: string };

/** What an append changes once it is durable. Offsets of an open transaction change nothing before its marker. */
export type AppendedChange =
  | { readonly kind: 'records'; readonly records: readonly OffsetsRecord[] }
  | { readonly kind: 'transactional'; readonly records: readonly OffsetRecord[] }
  | { readonly kind: 'marker'; readonly producerId: number; readonly committed: boolean };

export interface PendingAppend {
  /** Behind its last record. */
  readonly endOffset: Offset;
  readonly change: AppendedChange;
  /** When whoever waits for it is answered that it took too long. */
  readonly deadlineUs: number;
  after: AfterAppend;
}

/** How far the log has been read. */
export interface Loading {
  readonly log: GroupLog;
  nextOffset: Offset;
  /** Where the log ended when this broker was elected: nothing that anybody was answered lies behind it, but markers since. */
  endOffset: Offset;
  /** When to read on. */
  turnUs: number;
  /** The last that was read of each group. */
  readonly stored: Map<string, StoredGroup>;
  /** Topics that were deleted meanwhile. */
  readonly deletedTopics: Set<string>;
}

interface PlacedRecord {
  readonly record: OffsetRecord;
  readonly recordOffset: Offset;
}

const nothing: AfterAppend = { kind: 'nothing' };

/**
 * A partition of `__consumer_offsets` that this broker leads: its groups, and what was appended and is not durable yet.
 *
 * Invariant: the offsets of its groups are what the records below the high watermark say, no more and no less. So a
 * coordinator that reads the log knows the same.
 */
export class LedPartition {
  readonly partition: number;
  readonly leaderEpoch: LeaderEpoch;
  readonly groups = new Map<string, Group>();
  /** The log is still being read: nothing is known of any group. */
  loading: Loading | undefined;
  readonly log: GroupLog;
  /** In the order of the log. Bounded by its capacity. */
  readonly #pending: Ring<PendingAppend>;
  /** So many of the oldest have had their time; what waited for them was answered. */
  #overdue = 0;
  /** Offsets committed in transactions that are open, by producer. */
  readonly #transactions = new Map<number, PlacedRecord[]>();

  constructor(given: {
    readonly partition: number;
    readonly leaderEpoch: LeaderEpoch;
    readonly loading: Loading;
    readonly pendingAppendsMax: number;
  }) {
    this.partition = given.partition;
    this.leaderEpoch = given.leaderEpoch;
    this.loading = given.loading;
    this.log = given.loading.log;
    this.#pending = new Ring(given.pendingAppendsMax);
  }

  get full(): boolean {
    return this.#pending.full;
  }

  /** When the oldest append that somebody still waits for has had its time. */
  get deadlineUs(): number {
    return this.#pending.at(this.#overdue)?.deadlineUs ?? Infinity;
  }

  groupOrNew(id: string): Group {
    const known = this.groups.get(id);
    if (known !== undefined) return known;
    const group = new Group(id);
    this.groups.set(id, group);
    return group;
  }

  /** A group of which no record speaks and that nobody is about to join is none. */
  dropIfVacant(group: Group): void {
    if (group.generation > 0 || group.state !== 'Empty' || group.offsetCount > 0 || group.inFlight > 0)
      return;
    if (group.pendingMembers.size > 0 || group.unstable.size > 0) return;
    if (this.groups.get(group.id) === group) this.groups.delete(group.id);
  }

  /** Notes what was appended. The caller has seen that there is room. */
  pend(append: PendingAppend): void {
    for (const { group } of recordsOf(append.change)) this.groupOrNew(group).inFlight += 1;
    this.#pending.push(append);
  }

  /** Applies the oldest append if it is below the high watermark. @returns what follows; undefined when it is not */
  takeDurable(highWatermark: Offset): AfterAppend | undefined {
    const oldest = this.#pending.at(0);
    if (oldest === undefined || oldest.endOffset > highWatermark) return undefined;
    this.#pending.shift();
    if (this.#overdue > 0) this.#overdue -= 1;
    const { change, endOffset, after } = oldest;
    for (const { group } of recordsOf(change)) {
      present(this.groups.get(group), 'a group stays while it has appends in flight').inFlight -= 1;
    }
    if (change.kind === 'marker') this.endTransaction(change.producerId, change.committed);
    if (change.kind === 'records') {
      const firstOffset = endOffset - change.records.length;
      change.records.forEach((record, at) => this.#applyLive(record, firstOffset + at));
    }
    return after;
  }

  /** What waits for the oldest append that has had its time; it may yet become durable. Undefined when there is none. */
  takeOverdue(nowUs: number): AfterAppend | undefined {
    const oldest = this.#pending.at(this.#overdue);
    if (oldest === undefined || oldest.deadlineUs > nowUs) return undefined;
    this.#overdue += 1;
    const { after } = oldest;
    oldest.after = nothing;
    return after;
  }

  /** What waits for any append: nobody will know here whether they become durable. */
  abandon(): readonly AfterAppend[] {
    const waiting: AfterAppend[] = [];
    for (let oldest = this.#pending.shift(); oldest !== undefined; oldest = this.#pending.shift()) {
      waiting.push(oldest.after);
    }
    this.#overdue = 0;
    return waiting;
  }

  /** Records that are not durable yet of a group: they are going to change it. */
  inFlightOf(groupId: string): readonly OffsetsRecord[] {
    const records: OffsetsRecord[] = [];
    for (let at = 0; at < this.#pending.length; at += 1) {
      const { change } = present(this.#pending.at(at), 'within its length');
      for (const record of recordsOf(change)) if (record.group === groupId) records.push(record);
    }
    return records;
  }

  /** An offset's record counts from now on, unless a later one already does. */
  applyOffset({ group: groupId, topic, partition, value }: OffsetRecord, recordOffset: Offset): void {
    const group = this.groupOrNew(groupId);
    const before = group.offset(topic, partition);
    if (before !== undefined && before.recordOffset > recordOffset) return;
    if (value === undefined) group.forgetOffset(topic, partition);
    else group.setOffset(topic, partition, { committed: value, recordOffset });
  }

  /** An offset was committed in a transaction, which has not ended. */
  stage(producerId: number, record: OffsetRecord, recordOffset: Offset): void {
    const staged = this.#transactions.get(producerId) ?? [];
    staged.push({ record, recordOffset });
    this.#transactions.set(producerId, staged);
    const { unstable } = this.groupOrNew(record.group);
    const key = unstableKey(record.topic, record.partition);
    unstable.set(key, (unstable.get(key) ?? 0) + 1);
  }

  /** What was committed in the producer's transaction counts, or never did. */
  endTransaction(producerId: number, committed: boolean): void {
    const staged = this.#transactions.get(producerId) ?? [];
    this.#transactions.delete(producerId);
    for (const { record, recordOffset } of staged) {
      const group = present(this.groups.get(record.group), 'a group stays while a transaction of it is open');
      const key = unstableKey(record.topic, record.partition);
      const left = (group.unstable.get(key) ?? 0) - 1;
      assert(left >= 0, 'what is staged is counted');
      if (left === 0) group.unstable.delete(key);
      else group.unstable.set(key, left);
      if (committed) this.applyOffset(record, recordOffset);
      this.dropIfVacant(group);
    }
  }

  #applyLive(record: OffsetsRecord, recordOffset: Offset): void {
    const group = this.groups.get(record.group);
    if (record.kind === 'offset') {
      this.applyOffset(record, recordOffset);
      if (group !== undefined) this.dropIfVacant(group);
      return;
    }
    // What a record says of members was decided here: only that the group is gone takes effect with it.
    if (record.value !== undefined || group === undefined) return;
    assert(
      group.state === 'Dead' && group.inFlight === 0,
      'behind the end of a group nothing of it was appended',
    );
    this.groups.delete(group.id);
  }
}

export function unstableKey(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}

const noRecords: readonly OffsetsRecord[] = [];

function recordsOf(change: AppendedChange): readonly OffsetsRecord[] {
  return change.kind === 'marker' ? noRecords : change.records;
}
