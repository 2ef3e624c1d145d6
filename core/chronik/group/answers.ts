import { noBytes } from '../../base/bytes.ts';
import { type KafkaError, kafkaErrors } from '../../wire/kafka/error-codes.ts';
import { JoinGroupResponse, SyncGroupResponse } from '../../wire/kafka/messages/group-membership.ts';
import { type Group } from './group.ts';
import { type Member, metadataFor } from './member.ts';

/** A member's place in the present generation. Its leader learns who the others are: it is to share out. */
export function joined(group: Group, member: Member): JoinGroupResponse {
  const leads = group.leader === member.id;
  return JoinGroupResponse.create({
    generationId: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocol,
    leader: group.leader ?? '',
    memberId: member.id,
    members: leads
      ? [...group.members()].map((one) => ({
          memberId: one.id,
          groupInstanceId: one.traits.instanceId,
          metadata: metadataFor(one, group.protocol),
        }))
      : [],
  });
}

/** Older versions have no null for the protocol's name. */
export function joinRefused(memberId: string, error: KafkaError): JoinGroupResponse {
  return JoinGroupResponse.create({ errorCode: kafkaErrors[error], memberId, protocolName: '' });
}

export function synced(group: Group, member: Member): SyncGroupResponse {
  return SyncGroupResponse.create({
    protocolType: group.protocolType,
    protocolName: group.protocol,
    assignment: member.assignment,
  });
}

export function syncRefused(error: KafkaError): SyncGroupResponse {
  return SyncGroupResponse.create({ errorCode: kafkaErrors[error], assignment: noBytes });
}
