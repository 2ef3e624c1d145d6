import {
  AuthQuery,
  authQuestions,
  credentialKinds,
  processCredential,
} from '../../../core/chainfire/auth/protocol.ts';
import { type CancelSignal } from '../../runner/cancellation.ts';
import { type WatchRequest, type WatchResponse } from '../../../core/chainfire/api/watch.ts';
import {
  type MemberRequest,
  type MemberResponse,
  type MemberStream,
} from '../../../core/chainfire/member-protocol.ts';
import { statusOfRefusal } from '../errors.ts';
import {
  type MemberMethod,
  memberMethods,
  type MemberRequestKind,
  type ResponseOf,
} from '../member-methods.ts';
import { type CallContext, type Method, unary } from '../service.ts';
import { type StatusError } from '../status.ts';

/** What the services need of a member: the runner gives it. */
export interface MemberPort {
  /** Rejects with a `StatusError` when there is no member to answer. */
  request(request: MemberRequest, signal: CancelSignal): Promise<MemberResponse>;
  /** Throws a `StatusError` when there is no member to watch. */
  openWatchStream(stream: MemberStream, listener: WatchListener): WatchStream;
}

/** What a member says over a stream of watches. None of it may throw. */
export interface WatchListener {
  /** To be written at once; what it counts for is given to `drained` when the transport has taken it. */
  item(response: WatchResponse, bytes: number): void;
  /** The last that is said. Undefined: a good end. */
  ended(status: StatusError | undefined): void;
}

/** Behind its end, nothing that is said to a stream has an effect. */
export interface WatchStream {
  /** Resolves when the member has taken it up; to wait for it is the back-pressure. */
  send(request: WatchRequest): Promise<void>;
  drained(bytes: number): void;
  /** The client is gone: nothing is said to the listener any more. */
  close(): void;
}

type Shown = Pick<CallContext, 'by'>;

/** The member as the caller may use it; as nobody where the caller shows nothing. */
export function onBehalfOf(member: MemberPort, context: Shown): MemberPort {
  const { by } = context;
  if (by === undefined) return member;
  return {
    async request(request: MemberRequest, signal: CancelSignal): Promise<MemberResponse> {
      const response = await member.request({ ...request, by }, signal);
      if (!mayBeBehind(response)) return response;
      await catchUp(member, context, signal);
      return member.request({ ...request, by }, signal);
    },
    openWatchStream: (stream, listener: WatchListener): WatchStream =>
      member.openWatchStream({ ...stream, by }, listener),
  };
}

/** A token may be newer than what this member has applied: it learns of all that was there when it was asked. */
export async function catchUp(member: MemberPort, { by }: Shown, signal: CancelSignal): Promise<void> {
  if (by?.kind !== credentialKinds.token) return;
  const request = AuthQuery.create({ question: authQuestions.status });
  await member.request({ kind: 'authQuery', request, by: processCredential }, signal);
}

/** Refused for who asks, which promises that nothing was done. */
function mayBeBehind(response: MemberResponse): boolean {
  return (
    response.kind === 'refused' &&
    (response.code === 'INVALID_AUTH_TOKEN' || response.code === 'USER_NAME_EMPTY')
  );
}

/** Asks the member; its refusal is thrown as the status that etcd's clients know. */
export async function ask<Kind extends MemberRequestKind>(
  member: MemberPort,
  request: Extract<MemberRequest, { readonly kind: Kind }>,
  context: CallContext,
): Promise<ResponseOf<Kind>> {
  const response = await onBehalfOf(member, context).request(request, context.signal);
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
