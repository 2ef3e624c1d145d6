import { type KafkaError, kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type HeartbeatRequest,
  HeartbeatResponse,
  type LeaveGroupRequest,
  LeaveGroupResponse,
  type SyncGroupRequest,
} from '../../wire/kafka/messages/group-membership.ts';
import { syncRefused } from './answers.ts';
import { type Group } from './group.ts';
import { type LedPartition } from './led-partition.ts';
import { type OffsetsWriter } from './offsets-writer.ts';
import { type GroupPort } from './port.ts';
import { type GroupParts, type Rebalances } from './rebalances.ts';
import { memberOf } from './validation.ts';

/** From this version on LeaveGroup takes many members (KIP-345). */
const leaveManyFrom = 3;

/** What a member does once it has joined: SyncGroup, Heartbeat, LeaveGroup. */
export class Memberships {
  readonly #port: GroupPort;
  readonly #writer: OffsetsWriter;
  readonly #rebalances: Rebalances;

  constructor(parts: GroupParts, rebalances: Rebalances) {
    this.#port = parts.port;
    this.#writer = parts.writer;
    this.#rebalances = rebalances;
  }

  sync(led: LedPartition, requestId: number, body: SyncGroupRequest): void {
    const group = led.groups.get(body.groupId);
    if (group === undefined) return this.#refuseSync(requestId, 'UNKNOWN_MEMBER_ID');
    if (group.state === 'Dead') return this.#refuseSync(requestId, 'COORDINATOR_NOT_AVAILABLE');
    const found = memberOf(group, body.memberId, body.groupInstanceId);
    if (found.kind === 'refused') return this.#refuseSync(requestId, found.error);
    const { member } = found;
    if (body.generationId !== group.generation) return this.#refuseSync(requestId, 'ILLEGAL_GENERATION');
    if (differs(body.protocolType, group.protocolType) || differs(body.protocolName, group.protocol)) {
      return this.#refuseSync(requestId, 'INCONSISTENT_GROUP_PROTOCOL');
    }
    if (group.state === 'PreparingRebalance') return this.#refuseSync(requestId, 'REBALANCE_IN_PROGRESS');
    this.#rebalances.memberSyncs(group, member, requestId);
    if (group.state === 'Stable') return this.#rebalances.answerSync(led, group, member);
    if (group.leader === member.id && group.storing === undefined) this.#store(led, group, body);
  }

  heartbeat(led: LedPartition, requestId: number, body: HeartbeatRequest): void {
    const group = led.groups.get(body.groupId);
    const error = group === undefined ? 'UNKNOWN_MEMBER_ID' : this.#heard(led, group, body);
    this.#port.reply(requestId, HeartbeatResponse.create({ errorCode: kafkaErrors[error] }));
  }

  leave(led: LedPartition, requestId: number, version: number, body: LeaveGroupRequest): void {
    const group = led.groups.get(body.groupId);
    const leaving =
      version >= leaveManyFrom ? body.members : [{ memberId: body.memberId, groupInstanceId: undefined }];
    const members = leaving.map(({ memberId, groupInstanceId }) => ({
      memberId,
      groupInstanceId,
      errorCode: kafkaErrors[this.#left(led, group, memberId, groupInstanceId)],
    }));
    // The older versions know one member and one error.
    const answer =
      version >= leaveManyFrom ? { members } : { errorCode: members[0]?.errorCode ?? kafkaErrors.NONE };
    this.#port.reply(requestId, LeaveGroupResponse.create(answer));
  }

  /** The leader's assignment is made durable, and told to everybody then. */
  #store(led: LedPartition, group: Group, { assignments }: SyncGroupRequest): void {
    const { generation } = group;
    // Copies: the request's buffer is larger than what is kept of it.
    const given = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment.slice()]));
    const value = { ...group.stored(given), generation };
    const after = { kind: 'assign', group, generation } as const;
    const error = this.#writer.append(led, [{ kind: 'group', group: group.id, value }], after);
    if (error === 'NONE') group.storing = given;
    else this.#rebalances.assignmentFailed(led, group, generation, storeError(error));
  }

  #heard(led: LedPartition, group: Group, body: HeartbeatRequest): KafkaError {
    if (group.state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
    const found = memberOf(group, body.memberId, body.groupInstanceId);
    if (found.kind === 'refused') return found.error;
    if (body.generationId !== group.generation) return 'ILLEGAL_GENERATION';
    this.#rebalances.touch(led, group, found.member);
    return group.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE';
  }

  #left(
    led: LedPartition,
    group: Group | undefined,
    memberId: string,
    instanceId: string | undefined,
  ): KafkaError {
    if (group === undefined) return 'UNKNOWN_MEMBER_ID';
    if (group.state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
    if (instanceId === undefined && group.pendingMembers.has(memberId)) {
      this.#rebalances.forgetPending(led, group, memberId);
      return 'NONE';
    }
    // An operator takes out a static member by its name alone.
    const named =
      memberId === '' && instanceId !== undefined ? group.memberOfInstance(instanceId)?.id : memberId;
    const found = memberOf(group, named ?? memberId, instanceId);
    if (found.kind === 'refused') return found.error;
    this.#rebalances.remove(led, group, found.member);
    return 'NONE';
  }

  #refuseSync(requestId: number, error: KafkaError): void {
    this.#port.reply(requestId, syncRefused(error));
  }
}

/** What members are told when the leader's assignment could not be written. */
function storeError(error: KafkaError): KafkaError {
  return error === 'INVALID_COMMIT_OFFSET_SIZE' ? 'UNKNOWN_SERVER_ERROR' : error;
}

/** Older versions do not say. */
function differs(said: string | undefined, known: string | undefined): boolean {
  return said !== undefined && said !== known;
}
