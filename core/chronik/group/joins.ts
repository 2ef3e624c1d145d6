import { present } from '../../base/assert.ts';
import { type Prng } from '../../base/prng.ts';
import { usPerMs } from '../../base/units.ts';
import { type KafkaError } from '../../wire/kafka/error-codes.ts';
import { type JoinGroupRequest, type JoinGroupResponse } from '../../wire/kafka/messages/group-membership.ts';
import { joined, joinRefused } from './answers.ts';
import { type Group } from './group.ts';
import { type LedPartition } from './led-partition.ts';
import { type Member, type MemberTraits, sameProtocols } from './member.ts';
import { newMemberId } from './member-ids.ts';
import { type OffsetsWriter } from './offsets-writer.ts';
import { type GroupClient, type GroupPort } from './port.ts';
import { type GroupParts, type Rebalances } from './rebalances.ts';
import { type GroupSchedule } from './schedule.ts';
import { type GroupClock } from './clock.ts';
import { type GroupSettings } from './settings.ts';
import { memberOf } from './validation.ts';

/** From this version on a newcomer without a name is given an id first, and joins with that (KIP-394). */
const memberIdFirstFrom = 4;
/** From this version on a leader can be told that there is nothing to share out (KIP-814). */
const skipAssignmentFrom = 9;

interface Join {
  readonly requestId: number;
  readonly version: number;
  readonly body: JoinGroupRequest;
  readonly traits: MemberTraits;
}

/** JoinGroup: newcomers, members that come again, and static members that were restarted. */
export class Joins {
  readonly #settings: GroupSettings;
  readonly #port: GroupPort;
  readonly #clock: GroupClock;
  readonly #schedule: GroupSchedule;
  readonly #writer: OffsetsWriter;
  readonly #rebalances: Rebalances;
  readonly #prng: Prng;

  constructor(parts: GroupParts, rebalances: Rebalances, prng: Prng) {
    this.#settings = parts.settings;
    this.#port = parts.port;
    this.#clock = parts.clock;
    this.#schedule = parts.schedule;
    this.#writer = parts.writer;
    this.#rebalances = rebalances;
    this.#prng = prng;
  }

  /** Of a client that may, for a partition whose groups are known. */
  request(
    led: LedPartition,
    requestId: number,
    version: number,
    body: JoinGroupRequest,
    client: GroupClient,
  ): void {
    const { sessionTimeoutMs, memberId } = body;
    const { sessionTimeoutMsMin, sessionTimeoutMsMax } = this.#settings;
    if (sessionTimeoutMs < sessionTimeoutMsMin || sessionTimeoutMs > sessionTimeoutMsMax) {
      return this.#refuse(requestId, memberId, 'INVALID_SESSION_TIMEOUT');
    }
    if (!led.groups.has(body.groupId)) {
      // Only who has no id yet can be the first.
      if (memberId !== '') return this.#refuse(requestId, memberId, 'UNKNOWN_MEMBER_ID');
      if (led.groups.size >= this.#settings.groupsPerPartitionMax) {
        return this.#refuse(requestId, memberId, 'POLICY_VIOLATION');
      }
    }
    const group = led.groupOrNew(body.groupId);
    const join = { requestId, version, body, traits: traitsOf(body, client) };
    this.#join(led, group, join);
    led.dropIfVacant(group);
  }

  /** A static member's new self is durable. It is told of the generation that it was in then; if that has passed, it will learn. */
  replaced(requestId: number, answer: JoinGroupResponse): void {
    this.#port.reply(requestId, answer);
  }

  #join(led: LedPartition, group: Group, join: Join): void {
    const { requestId, body, traits } = join;
    const { memberId } = body;
    if (group.state === 'Dead') return this.#refuse(requestId, memberId, 'COORDINATOR_NOT_AVAILABLE');
    if (!this.#hasRoomFor(group, body)) return this.#refuse(requestId, '', 'GROUP_MAX_SIZE_REACHED');
    if (!group.admits(body.protocolType, traits.protocols)) {
      return this.#refuse(requestId, memberId, 'INCONSISTENT_GROUP_PROTOCOL');
    }
    if (memberId === '') return this.#joinUnnamed(led, group, join);
    if (traits.instanceId === undefined && group.pendingMembers.delete(memberId)) {
      return this.#admit(led, group, memberId, join);
    }
    const found = memberOf(group, memberId, traits.instanceId);
    if (found.kind === 'refused') return this.#refuse(requestId, memberId, found.error);
    return this.#joinAgain(led, group, found.member, join);
  }

  /** Of those that have no id: a static member is known by its name. */
  #joinUnnamed(led: LedPartition, group: Group, join: Join): void {
    const { requestId, version, traits } = join;
    const { instanceId } = traits;
    const id = newMemberId(instanceId ?? traits.clientId, this.#prng);
    if (instanceId !== undefined) {
      const former = group.memberOfInstance(instanceId);
      if (former !== undefined) return this.#replace(led, group, former, id, join);
      return this.#admit(led, group, id, join);
    }
    if (version < memberIdFirstFrom) return this.#admit(led, group, id, join);
    const deadlineUs = this.#clock.nowUs + traits.sessionTimeoutMs * usPerMs;
    group.pendingMembers.set(id, deadlineUs);
    this.#schedule.noLaterThan(led, group, deadlineUs);
    return this.#refuse(requestId, id, 'MEMBER_ID_REQUIRED');
  }

  #admit(led: LedPartition, group: Group, id: string, { requestId, body, traits }: Join): void {
    if (group.size === 0) group.protocolType = body.protocolType;
    this.#rebalances.memberCame(led, group, id, traits, requestId);
  }

  #joinAgain(led: LedPartition, group: Group, member: Member, { requestId, traits }: Join): void {
    const changed = !sameProtocols(member.traits.protocols, traits.protocols);
    // A leader that comes again has seen a reason to share out anew: other topics, or more partitions of them.
    const asksForMore = changed || (group.state === 'Stable' && group.leader === member.id);
    if (group.state === 'PreparingRebalance' || asksForMore) {
      group.setTraits(member, traits);
      return this.#rebalances.memberWaits(led, group, member, requestId);
    }
    // The answer to its first request was lost.
    this.#port.reply(requestId, joined(group, member));
    this.#rebalances.touch(led, group, member);
  }

  /**
   * A static member was restarted. In a stable group nothing else happens as long as the members' votes stay what they were:
   * it gets back what it had. That its former self is out must be durable before it hears of it.
   */
  #replace(led: LedPartition, group: Group, former: Member, id: string, join: Join): void {
    const { requestId, version, traits } = join;
    const before = former.traits;
    const formerLeader = group.leader;
    const wasNew = former.isNew;
    this.#rebalances.dismiss(group, former, 'FENCED_INSTANCE_ID');
    const member = group.replace(former, id);
    group.setTraits(member, traits);
    if (group.state !== 'Stable' || group.voteProtocol() !== group.protocol) {
      return this.#rebalances.memberWaits(led, group, member, requestId);
    }
    const answer = joined(group, member);
    const leads = group.leader === id;
    const skips = version >= skipAssignmentFrom;
    const error = this.#writer.append(led, [{ kind: 'group', group: group.id, value: group.stored() }], {
      kind: 'answerJoin',
      requestId,
      // A leader that cannot be told to skip is told that it does not lead: it must not share out what is shared out.
      answer:
        leads && skips
          ? { ...answer, skipAssignment: true }
          : leads
            ? { ...answer, leader: present(formerLeader, 'a group with members has a leader'), members: [] }
            : answer,
    });
    if (error === 'NONE') return this.#rebalances.touch(led, group, member);
    // The former self is still the member: what is not written did not happen.
    const restored = group.replace(member, former.id);
    group.setTraits(restored, before);
    restored.isNew = wasNew;
    this.#rebalances.touch(led, group, restored);
    return this.#refuse(requestId, '', error);
  }

  #hasRoomFor(group: Group, { memberId, groupInstanceId }: JoinGroupRequest): boolean {
    const { membersMax } = this.#settings;
    const member = group.member(memberId);
    const replaces = groupInstanceId !== undefined && group.memberOfInstance(groupInstanceId) !== undefined;
    if (member?.joinRequestId !== undefined || replaces) return true;
    switch (group.state) {
      case 'PreparingRebalance':
        return group.awaitingJoin < membersMax && group.pendingMembers.size <= membersMax;
      case 'CompletingRebalance':
      case 'Stable':
        return member !== undefined || group.size < membersMax;
      default:
        return group.pendingMembers.size <= membersMax;
    }
  }

  #refuse(requestId: number, memberId: string, error: KafkaError): void {
    this.#port.reply(requestId, joinRefused(memberId, error));
  }
}

function traitsOf(body: JoinGroupRequest, client: GroupClient): MemberTraits {
  return {
    instanceId: body.groupInstanceId,
    clientId: client.id ?? '',
    clientHost: client.host,
    sessionTimeoutMs: body.sessionTimeoutMs,
    // The first version has one time-out for both.
    rebalanceTimeoutMs: body.rebalanceTimeoutMs >= 0 ? body.rebalanceTimeoutMs : body.sessionTimeoutMs,
    // Copies: the request's buffer is larger than what is kept of it.
    protocols: body.protocols.map(({ name, metadata }) => ({ name, metadata: metadata.slice() })),
  };
}
