import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { statusOfRefusal } from '../errors.ts';
import {
  type MemberMethod,
  memberMethods,
  type MemberRequestKind,
  type ResponseOf,
} from '../member-methods.ts';
import { type CallContext, type Method, unary } from '../service.ts';

/** What the services need of a member: the runner gives it. */
export interface MemberPort {
  /** Rejects with a `StatusError` when there is no member to answer. */
  request(request: MemberRequest, signal: AbortSignal): Promise<MemberResponse>;
}

/** Asks the member; its refusal is thrown as the status that etcd's clients know. */
export async function ask<Kind extends MemberRequestKind>(
  member: MemberPort,
  request: Extract<MemberRequest, { readonly kind: Kind }>,
  context: CallContext,
): Promise<ResponseOf<Kind>> {
  const response = await member.request(request, context.signal);
  if (response.kind === 'refused') throw statusOfRefusal(response);
  return response.response as ResponseOf<Kind>;
}

/** Methods that hand their request to the member as it is. */
export function memberAnswers(member: MemberPort, kinds: readonly MemberRequestKind[]): readonly Method[] {
  return kinds.map((kind) => {
    const { path, request, response } = memberMethods[kind] as MemberMethod<unknown, unknown>;
    return unary(path, request, response, (value, context) =>
      ask(member, { kind, request: value } as MemberRequest, context),
    );
  });
}
