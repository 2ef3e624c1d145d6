import { type KafkaError } from '../../wire/kafka/error-codes.ts';
import { type Group } from './group.ts';
import { type Member } from './member.ts';

export type FoundMember =
  | { readonly kind: 'found'; readonly member: Member }
  | { readonly kind: 'refused'; readonly error: KafkaError };

/**
 * Who speaks. A static member is fenced once another process has come under its name, and is told so: it must not come back
 * and fence the other one in turn (KIP-345).
 */
export function memberOf(group: Group, memberId: string, instanceId: string | undefined): FoundMember {
  if (instanceId !== undefined) {
    const holder = group.memberOfInstance(instanceId);
    if (holder === undefined) return { kind: 'refused', error: 'UNKNOWN_MEMBER_ID' };
    if (holder.id !== memberId) return { kind: 'refused', error: 'FENCED_INSTANCE_ID' };
  }
  const member = group.member(memberId);
  return member === undefined ? { kind: 'refused', error: 'UNKNOWN_MEMBER_ID' } : { kind: 'found', member };
}
