import {
  type MemberRefusal,
  type MemberRequest,
  type MemberResponse,
} from '../../../core/chainfire/member-protocol.ts';
import { statusOfRefusal } from '../errors.ts';
import { type CallContext } from '../service.ts';

/** What the services need of a member: the runner gives it. */
export interface MemberPort {
  /** Rejects only when the member stops before it has answered. */
  request(request: MemberRequest, signal: AbortSignal): Promise<MemberResponse>;
}

type Answer<Kind extends MemberRequest['kind']> = Extract<
  Exclude<MemberResponse, MemberRefusal>,
  { readonly kind: Kind }
>['response'];

/** Asks the member; its refusal is thrown as the status that etcd's clients know. */
export async function ask<Kind extends MemberRequest['kind']>(
  member: MemberPort,
  request: Extract<MemberRequest, { readonly kind: Kind }>,
  context: CallContext,
): Promise<Answer<Kind>> {
  const response = await member.request(request, context.signal);
  if (response.kind === 'refused') throw statusOfRefusal(response);
  return response.response as Answer<Kind>;
}
