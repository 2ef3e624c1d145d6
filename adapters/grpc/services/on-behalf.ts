import {
  AuthQuery,
  authQuestions,
  credentialKinds,
  processCredential,
} from '../../../core/chainfire/auth/protocol.ts';
import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { type CancelSignal } from '../../runner/cancellation.ts';
import { type CallContext } from '../service.ts';
import { type MemberPort, type WatchListener, type WatchStream } from './member-port.ts';

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
