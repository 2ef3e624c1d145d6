import { assert, unreachable } from '../../base/assert.ts';
import { type Prng } from '../../base/prng.ts';
import { usPerMs } from '../../base/units.ts';
import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type HeartbeatRequest,
  HeartbeatResponse,
  type JoinGroupRequest,
  type LeaveGroupRequest,
  LeaveGroupResponse,
  type SyncGroupRequest,
} from '../../wire/kafka/messages/group-membership.ts';
import {
  type OffsetCommitRequest,
  type OffsetDeleteRequest,
  OffsetDeleteResponse,
} from '../../wire/kafka/messages/group-offsets.ts';
import { type TxnOffsetCommitRequest } from '../../wire/kafka/messages/transactions.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';
import { joinRefused, syncRefused } from './answers.ts';
import { type GroupClock } from './clock.ts';
import { GroupAdmin } from './group-admin.ts';
import { GroupRemoval } from './group-removal.ts';
import { Joins } from './joins.ts';
import { type AfterAppend, LedPartition } from './led-partition.ts';
import { beginLoading, endLoading, loadPauseUs, loadTurn } from './loading.ts';
import { Memberships } from './memberships.ts';
import { failed, OffsetCommits, refusedPartitions } from './offset-commits.ts';
import { type FoundPartition, OffsetFetches } from './offset-fetches.ts';
import { OffsetsWriter } from './offsets-writer.ts';
import { partitionOfGroup } from './placement.ts';
import { type GroupCall, type GroupClient, type GroupLog, type GroupMarker, type GroupPort } from './port.ts';
import { type GroupParts, Rebalances } from './rebalances.ts';
import { GroupSchedule } from './schedule.ts';
import { type GroupSettings } from './settings.ts';

export interface LedOffsetsPartition {
  readonly partition: number;
  readonly leaderEpoch: LeaderEpoch;
  readonly log: GroupLog;
}

/** Groups that are looked through for expired offsets at once, so that others are served between. */
const expiryGroupsPerTurn = 500;

/**
 * Consumer groups: who is in which, who consumes what, and how far they have come. A broker coordinates the groups whose
 * partition of `__consumer_offsets` it leads; everything that outlives it is a record there.
 *
 * Nothing is answered before the records that it rests on are below the high watermark. A new leader first reads the
 * partition up to where its log ended when it was elected, so it knows all that any coordinator before it has answered.
 *
 * Any of its methods may append: none of them is to be called while an append is under way.
 *
 * Source: Kafka protocol guide, group membership; KIP-62, KIP-98, KIP-211, KIP-345, KIP-394, KIP-447.
 */
export class GroupCoordinator {
  readonly #settings: GroupSettings;
  readonly #port: GroupPort;
  readonly #clock: GroupClock = { nowUs: 0, wallMs: undefined };
  readonly #schedule = new GroupSchedule();
  readonly #rebalances: Rebalances;
  readonly #joins: Joins;
  readonly #memberships: Memberships;
  readonly #commits: OffsetCommits;
  readonly #fetches: OffsetFetches;
  readonly #removal: GroupRemoval;
  readonly #admin: GroupAdmin;
  /** Those that this broker leads, by number. */
  readonly #led = new Map<number, LedPartition>();
  /** When to look for expired offsets next. */
  #expiryUs = Infinity;
  /** Groups that are still to be looked at of those that there were then. */
  #expiring: { readonly led: LedPartition; readonly groupId: string }[] = [];

  constructor(given: { readonly settings: GroupSettings; readonly port: GroupPort; readonly prng: Prng }) {
    const { settings, port, prng } = given;
    this.#settings = settings;
    this.#port = port;
    const clock = this.#clock;
    const writer = new OffsetsWriter({ settings, port, clock });
    const parts: GroupParts = { settings, port, clock, schedule: this.#schedule, writer };
    this.#rebalances = new Rebalances(parts);
    this.#joins = new Joins(parts, this.#rebalances, prng);
    this.#memberships = new Memberships(parts, this.#rebalances);
    this.#commits = new OffsetCommits(parts, this.#rebalances);
    this.#fetches = new OffsetFetches(port);
    this.#removal = new GroupRemoval(parts);
    this.#admin = new GroupAdmin(port, this.#removal);
  }

  /** When `tick` is to be called at the latest. */
  get deadlineUs(): number {
    let earliest = Math.min(this.#schedule.deadlineUs, this.#expiryUs);
    for (const led of this.#led.values()) {
      earliest = Math.min(earliest, led.deadlineUs);
      if (led.loading !== undefined && this.#clock.wallMs !== undefined) {
        earliest = Math.min(earliest, led.loading.turnUs);
      }
    }
    return earliest;
  }

  /** A client's request; its answer goes out through the port, at once or later. */
  request(requestId: number, call: GroupCall, client: GroupClient, nowUs: number): void {
    this.#setNow(nowUs);
    switch (call.api) {
      case 'joinGroup':
        return this.#joinGroup(requestId, call.version, call.body, client);
      case 'syncGroup':
        return this.#syncGroup(requestId, call.body, client);
      case 'heartbeat':
        return this.#heartbeat(requestId, call.body, client);
      case 'leaveGroup':
        return this.#leaveGroup(requestId, call.version, call.body, client);
      case 'offsetCommit':
        return this.#offsetCommit(requestId, call.body, client);
      case 'txnOffsetCommit':
        return this.#txnOffsetCommit(requestId, call.body, client);
      case 'offsetDelete':
        return this.#offsetDelete(requestId, call.body, client);
      case 'offsetFetch':
        return this.#port.reply(requestId, this.#fetches.answer(call.version, call.body, client, this.#find));
      case 'describeGroups':
        return this.#port.reply(requestId, this.#admin.describe(call.body, client, this.#find));
      case 'listGroups':
        return this.#port.reply(requestId, this.#admin.list(call.body, client, this.#led.values()));
      case 'deleteGroups':
        return this.#admin.delete(requestId, call.body, client, this.#find);
      default:
        return unreachable(call);
    }
  }

  /**
   * This broker leads a partition of `__consumer_offsets`, in this epoch. Also called when it led it before, in another epoch:
   * what was not durable then is not known to be now, so the groups are read again.
   */
  partitionLed(led: LedOffsetsPartition, nowUs: number): void {
    this.#setNow(nowUs);
    this.partitionLeft(led.partition);
    this.#led.set(
      led.partition,
      new LedPartition({
        partition: led.partition,
        leaderEpoch: led.leaderEpoch,
        loading: beginLoading(led.log, nowUs),
        pendingAppendsMax: this.#settings.pendingAppendsMax,
      }),
    );
    if (this.#expiryUs === Infinity) this.#expiryUs = nowUs + this.#expiryIntervalUs;
  }

  /** It leads it no more, or the topic is gone. Whoever waits is told to look for the coordinator again. */
  partitionLeft(partition: number): void {
    const led = this.#led.get(partition);
    if (led === undefined) return;
    this.#led.delete(partition);
    for (const after of led.abandon()) this.#failed(led, after, 'NOT_COORDINATOR');
    for (const group of led.groups.values()) {
      for (const member of group.members()) this.#rebalances.dismiss(group, member, 'NOT_COORDINATOR');
    }
    led.groups.clear();
  }

  /** Records below it are durable, and so are the answers that rest on them. */
  highWatermarkMoved(partition: number, highWatermark: Offset, nowUs: number): void {
    this.#setNow(nowUs);
    const led = this.#led.get(partition);
    if (led === undefined) return;
    if (led.loading !== undefined) {
      led.loading.turnUs = nowUs;
      return;
    }
    for (;;) {
      const after = led.takeDurable(highWatermark);
      if (after === undefined) return;
      this.#durable(led, after);
    }
  }

  /** A transaction that offsets were committed in has ended (KIP-98): they count, or never did, once the marker is durable. */
  markerAppended(marker: GroupMarker): void {
    const led = this.#led.get(marker.partition);
    if (led === undefined) return;
    const { nowUs } = this.#clock;
    if (led.loading !== undefined) {
      // It is read with the rest.
      led.loading.endOffset = Math.max(led.loading.endOffset, marker.endOffset);
      return;
    }
    if (led.full) {
      // A marker cannot be refused any more. Read again, the log says all of it.
      this.partitionLed({ partition: led.partition, leaderEpoch: led.leaderEpoch, log: led.log }, nowUs);
      return;
    }
    led.pend({
      endOffset: marker.endOffset,
      change: { kind: 'marker', producerId: marker.producerId, committed: marker.committed },
      deadlineUs: nowUs + this.#settings.offsetCommitTimeoutMs * usPerMs,
      after: { kind: 'nothing' },
    });
  }

  /** Offsets of partitions that are no more are forgotten. */
  topicDeleted(topic: string, nowUs: number): void {
    this.#setNow(nowUs);
    for (const led of this.#led.values()) {
      if (led.loading === undefined) this.#forgetTopic(led, topic);
      else led.loading.deletedTopics.add(topic);
    }
  }

  /** Wall time: stamps commits, and decides which offsets have expired. No group is known before the first one. */
  wallClock(wallMs: number): void {
    this.#clock.wallMs = wallMs;
  }

  /** Time-outs of members and rebalances, a turn of loading, a turn of expiry. */
  tick(nowUs: number): void {
    this.#setNow(nowUs);
    for (const led of [...this.#led.values()]) this.#answerOverdue(led, nowUs);
    for (let due = this.#schedule.takeDue(nowUs); due !== undefined; due = this.#schedule.takeDue(nowUs)) {
      this.#rebalances.tick(due.led, due.group);
    }
    this.#load(nowUs);
    this.#expire(nowUs);
  }

  get #expiryIntervalUs(): number {
    return this.#settings.offsetsRetentionCheckIntervalMs * usPerMs;
  }

  #setNow(nowUs: number): void {
    assert(nowUs >= this.#clock.nowUs, 'time is monotonic');
    this.#clock.nowUs = nowUs;
  }

  /** The partition of a group whose groups are known. */
  readonly #find = (groupId: string): FoundPartition => {
    const partitionCount = this.#port.partitionCount();
    if (partitionCount === 0) return { kind: 'refused', error: 'COORDINATOR_NOT_AVAILABLE' };
    const led = this.#led.get(partitionOfGroup(groupId, partitionCount));
    if (led === undefined) return { kind: 'refused', error: 'NOT_COORDINATOR' };
    if (led.loading !== undefined) return { kind: 'refused', error: 'COORDINATOR_LOAD_IN_PROGRESS' };
    return { kind: 'found', led };
  };

  #findReadable(groupId: string, client: GroupClient): FoundPartition {
    if (this.#port.allows(client, { operation: 'READ', resource: 'GROUP', name: groupId })) {
      return this.#find(groupId);
    }
    return { kind: 'refused', error: 'GROUP_AUTHORIZATION_FAILED' };
  }

  /** For those that join: a group that has members has a name. */
  #findNamed(groupId: string, client: GroupClient): FoundPartition {
    if (groupId === '') return { kind: 'refused', error: 'INVALID_GROUP_ID' };
    return this.#findReadable(groupId, client);
  }

  #joinGroup(requestId: number, version: number, body: JoinGroupRequest, client: GroupClient): void {
    const found = this.#findNamed(body.groupId, client);
    if (found.kind === 'found') return this.#joins.request(found.led, requestId, version, body, client);
    return this.#port.reply(requestId, joinRefused(body.memberId, found.error));
  }

  #syncGroup(requestId: number, body: SyncGroupRequest, client: GroupClient): void {
    const found = this.#findNamed(body.groupId, client);
    if (found.kind === 'found') return this.#memberships.sync(found.led, requestId, body);
    // The rebalance that it was part of is lost: it has to begin again.
    const lost = found.error === 'COORDINATOR_LOAD_IN_PROGRESS';
    return this.#port.reply(requestId, syncRefused(lost ? 'REBALANCE_IN_PROGRESS' : found.error));
  }

  #heartbeat(requestId: number, body: HeartbeatRequest, client: GroupClient): void {
    const found = this.#findNamed(body.groupId, client);
    if (found.kind === 'found') return this.#memberships.heartbeat(found.led, requestId, body);
    // Clients know no such answer to a heartbeat; once it has loaded, every member has a whole session.
    const loads = found.error === 'COORDINATOR_LOAD_IN_PROGRESS';
    const errorCode = kafkaErrors[loads ? 'NONE' : found.error];
    return this.#port.reply(requestId, HeartbeatResponse.create({ errorCode }));
  }

  #leaveGroup(requestId: number, version: number, body: LeaveGroupRequest, client: GroupClient): void {
    const found = this.#findNamed(body.groupId, client);
    if (found.kind === 'found') return this.#memberships.leave(found.led, requestId, version, body);
    return this.#port.reply(requestId, LeaveGroupResponse.create({ errorCode: kafkaErrors[found.error] }));
  }

  #offsetCommit(requestId: number, body: OffsetCommitRequest, client: GroupClient): void {
    const found = this.#findReadable(body.groupId, client);
    if (found.kind === 'found') return this.#commits.commit(found.led, requestId, body, client);
    return this.#port.reply(requestId, refusedPartitions(body, found.error));
  }

  #txnOffsetCommit(requestId: number, body: TxnOffsetCommitRequest, client: GroupClient): void {
    const name = body.transactionalId;
    const mayWrite = this.#port.allows(client, { operation: 'WRITE', resource: 'TRANSACTIONAL_ID', name });
    const found: FoundPartition = mayWrite
      ? this.#findReadable(body.groupId, client)
      : { kind: 'refused', error: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' };
    if (found.kind === 'found') return this.#commits.commitInTransaction(found.led, requestId, body, client);
    return this.#port.reply(requestId, refusedPartitions(body, found.error));
  }

  #offsetDelete(requestId: number, body: OffsetDeleteRequest, client: GroupClient): void {
    const mayDelete = this.#port.allows(client, {
      operation: 'DELETE',
      resource: 'GROUP',
      name: body.groupId,
    });
    const found: FoundPartition = mayDelete
      ? this.#find(body.groupId)
      : { kind: 'refused', error: 'GROUP_AUTHORIZATION_FAILED' };
    const error =
      found.kind === 'found' ? this.#commits.delete(found.led, requestId, body, client) : found.error;
    if (error === 'NONE') return;
    this.#port.reply(requestId, OffsetDeleteResponse.create({ errorCode: kafkaErrors[error] }));
  }

  #durable(led: LedPartition, after: AfterAppend): void {
    switch (after.kind) {
      case 'nothing':
        return;
      case 'answerPartitions':
      case 'answerJoin':
        return this.#port.reply(after.requestId, after.answer);
      case 'assign':
        return this.#rebalances.assigned(led, after.group, after.generation);
      case 'answerDeletion':
        return this.#admin.deleted(after.wait, after.groupId, kafkaErrors.NONE);
      default:
        return unreachable(after);
    }
  }

  /** What was to follow does not: for now, or because nobody here will know. */
  #failed(led: LedPartition, after: AfterAppend, error: 'NOT_COORDINATOR' | 'REQUEST_TIMED_OUT'): void {
    const isLate = error === 'REQUEST_TIMED_OUT';
    switch (after.kind) {
      case 'nothing':
        return;
      case 'answerPartitions':
        return this.#port.reply(after.requestId, failed(after.answer, error));
      case 'answerJoin':
        // Members know no time-out here; they look for the coordinator, and join again.
        return this.#port.reply(
          after.requestId,
          joinRefused('', isLate ? 'COORDINATOR_NOT_AVAILABLE' : error),
        );
      case 'assign': {
        if (!isLate) return;
        const { group, generation } = after;
        return this.#rebalances.assignmentFailed(led, group, generation, 'REBALANCE_IN_PROGRESS');
      }
      case 'answerDeletion':
        return this.#admin.deleted(after.wait, after.groupId, kafkaErrors[error]);
      default:
        return unreachable(after);
    }
  }

  #answerOverdue(led: LedPartition, nowUs: number): void {
    for (let after = led.takeOverdue(nowUs); after !== undefined; after = led.takeOverdue(nowUs)) {
      this.#failed(led, after, 'REQUEST_TIMED_OUT');
    }
  }

  /** One turn, of the partition that has waited longest. */
  #load(nowUs: number): void {
    if (this.#clock.wallMs === undefined) return;
    let next: LedPartition | undefined;
    for (const led of this.#led.values()) {
      const turnUs = led.loading?.turnUs ?? Infinity;
      if (turnUs <= nowUs && turnUs < (next?.loading?.turnUs ?? Infinity)) next = led;
    }
    if (next?.loading === undefined) return;
    const { loading } = next;
    const turn = loadTurn(next, loading, this.#settings.loadBytesPerTurn);
    if (turn !== 'done') loading.turnUs = turn === 'more' ? nowUs : nowUs + loadPauseUs;
    else this.#loaded(next);
  }

  #loaded(led: LedPartition): void {
    const { loading } = led;
    if (loading === undefined) return;
    led.loading = undefined;
    for (const group of endLoading(led, loading)) {
      // A member may just have been told by nobody but a coordinator that is gone: it has a whole session to find this one.
      for (const member of group.members()) this.#rebalances.touch(led, group, member);
    }
    for (const topic of loading.deletedTopics) this.#forgetTopic(led, topic);
  }

  #forgetTopic(led: LedPartition, topic: string): void {
    for (const group of [...led.groups.values()]) {
      if (group.offsets.has(topic) || group.inFlight > 0) this.#removal.forgetTopic(led, group, topic);
    }
  }

  #expire(nowUs: number): void {
    if (this.#expiryUs > nowUs) return;
    if (this.#expiring.length === 0) {
      for (const led of this.#led.values()) {
        for (const groupId of led.groups.keys()) this.#expiring.push({ led, groupId });
      }
    }
    for (const { led, groupId } of this.#expiring.splice(0, expiryGroupsPerTurn)) {
      const group = this.#led.get(led.partition) === led ? led.groups.get(groupId) : undefined;
      if (group !== undefined && led.loading === undefined) this.#removal.expire(led, group);
    }
    this.#expiryUs = this.#expiring.length > 0 ? nowUs : nowUs + this.#expiryIntervalUs;
  }
}
