import { noBytes } from '../../base/bytes.ts';
import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type DeleteGroupsRequest,
  DeleteGroupsResponse,
  type DescribeGroupsRequest,
  DescribeGroupsResponse,
  type ListGroupsRequest,
  ListGroupsResponse,
} from '../../wire/kafka/messages/group-admin.ts';
import { type DeletionWait } from './deletion-wait.ts';
import { type Group } from './group.ts';
import { type GroupRemoval } from './group-removal.ts';
import { type LedPartition } from './led-partition.ts';
import { metadataFor } from './member.ts';
import { type FoundPartition } from './offset-fetches.ts';
import { type GroupClient, type GroupPort } from './port.ts';

type DescribedGroup = DescribeGroupsResponse['groups'][number];

/** What a client sees that did not ask for the operations which it may do (KIP-430). */
const operationsNotAsked = -2_147_483_648;

/** What operators ask: DescribeGroups, ListGroups (KIP-518), DeleteGroups (KIP-229). */
export class GroupAdmin {
  readonly #port: GroupPort;
  readonly #removal: GroupRemoval;

  constructor(port: GroupPort, removal: GroupRemoval) {
    this.#port = port;
    this.#removal = removal;
  }

  describe(
    body: DescribeGroupsRequest,
    client: GroupClient,
    find: (groupId: string) => FoundPartition,
  ): DescribeGroupsResponse {
    const { includeAuthorizedOperations } = body;
    const groups = body.groups.map((groupId) => {
      const described = this.#describe(groupId, client, find);
      if (!includeAuthorizedOperations || described.errorCode !== kafkaErrors.NONE) return described;
      return { ...described, authorizedOperations: this.#port.authorizedOperations(client, groupId) };
    });
    return DescribeGroupsResponse.create({ groups });
  }

  /** Groups that the client may see, by name. */
  list(body: ListGroupsRequest, client: GroupClient, partitions: Iterable<LedPartition>): ListGroupsResponse {
    const states = new Set(body.statesFilter.map((state) => state.toLowerCase()));
    const groups: { groupId: string; protocolType: string; groupState: string }[] = [];
    let errorCode: number = kafkaErrors.NONE;
    for (const led of partitions) {
      // The others are told all the same.
      if (led.loading !== undefined) {
        errorCode = kafkaErrors.COORDINATOR_LOAD_IN_PROGRESS;
        continue;
      }
      for (const { id, state, protocolType } of led.groups.values()) {
        if (states.size > 0 && !states.has(state.toLowerCase())) continue;
        if (!this.#port.allows(client, { operation: 'DESCRIBE', resource: 'GROUP', name: id })) continue;
        groups.push({ groupId: id, protocolType: protocolType ?? '', groupState: state });
      }
    }
    groups.sort((left, right) => (left.groupId < right.groupId ? -1 : 1));
    return ListGroupsResponse.create({ errorCode, groups });
  }

  /** Answers when the end of every group is durable that can be ended. */
  delete(
    requestId: number,
    body: DeleteGroupsRequest,
    client: GroupClient,
    find: (groupId: string) => FoundPartition,
  ): void {
    const wait: DeletionWait = { requestId, results: new Map(), outstanding: 0 };
    for (const groupId of body.groupsNames) {
      if (wait.results.has(groupId)) continue;
      wait.results.set(groupId, this.#delete(groupId, client, find, wait));
    }
    if (wait.outstanding === 0) this.#answer(wait);
  }

  /** The end of one of the groups is durable, or is not known to be. */
  deleted(wait: DeletionWait, groupId: string, errorCode: number): void {
    wait.results.set(groupId, errorCode);
    wait.outstanding -= 1;
    if (wait.outstanding === 0) this.#answer(wait);
  }

  #delete(
    groupId: string,
    client: GroupClient,
    find: (groupId: string) => FoundPartition,
    wait: DeletionWait,
  ): number {
    if (!this.#port.allows(client, { operation: 'DELETE', resource: 'GROUP', name: groupId })) {
      return kafkaErrors.GROUP_AUTHORIZATION_FAILED;
    }
    const found = find(groupId);
    if (found.kind === 'refused') return kafkaErrors[found.error];
    const group = found.led.groups.get(groupId);
    if (group === undefined || group.state === 'Dead') return kafkaErrors.GROUP_ID_NOT_FOUND;
    const error = this.#removal.remove(found.led, group, { kind: 'answerDeletion', wait, groupId });
    if (error === 'NONE') wait.outstanding += 1;
    return kafkaErrors[error];
  }

  #answer({ requestId, results }: DeletionWait): void {
    this.#port.reply(
      requestId,
      DeleteGroupsResponse.create({
        results: [...results].map(([groupId, errorCode]) => ({ groupId, errorCode })),
      }),
    );
  }

  #describe(groupId: string, client: GroupClient, find: (groupId: string) => FoundPartition): DescribedGroup {
    const nothing = {
      errorCode: kafkaErrors.NONE as number,
      groupId,
      groupState: '',
      protocolType: '',
      protocolData: '',
      members: [],
      authorizedOperations: operationsNotAsked,
    };
    if (!this.#port.allows(client, { operation: 'DESCRIBE', resource: 'GROUP', name: groupId })) {
      return { ...nothing, errorCode: kafkaErrors.GROUP_AUTHORIZATION_FAILED };
    }
    const found = find(groupId);
    if (found.kind === 'refused') return { ...nothing, errorCode: kafkaErrors[found.error] };
    const group = found.led.groups.get(groupId);
    // These versions know no error for it.
    if (group === undefined) return { ...nothing, groupState: 'Dead' };
    return {
      ...nothing,
      groupState: group.state,
      protocolType: group.protocolType ?? '',
      protocolData: group.state === 'Stable' ? (group.protocol ?? '') : '',
      members: membersOf(group),
    };
  }
}

/** Before a generation is shared out, what members say and have is about to change. */
function membersOf(group: Group): DescribedGroup['members'] {
  const tells = group.state === 'Stable';
  return [...group.members()].map((member) => ({
    memberId: member.id,
    groupInstanceId: member.traits.instanceId,
    clientId: member.traits.clientId,
    clientHost: member.traits.clientHost,
    memberMetadata: tells ? metadataFor(member, group.protocol) : noBytes,
    memberAssignment: tells ? member.assignment : noBytes,
  }));
}
