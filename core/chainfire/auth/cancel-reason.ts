import { type MemberRefusal } from '../member-protocol.ts';
import { etcdRefusal } from '../refusals.ts';

/** gRPC's statuses by Go's names, as clients of etcd find them in the reason for which a watch ended. */
const cancelCodes: Readonly<Record<string, string>> = {
  PERMISSION_DENIED: 'PermissionDenied',
  INVALID_AUTH_TOKEN: 'Unauthenticated',
};

export function cancelReasonOf({ code, message }: MemberRefusal): string {
  return `rpc error: code = ${cancelCodes[code] ?? 'InvalidArgument'} desc = ${message}`;
}

/** Reasons with which a watch is refused to somebody who should show a password anew. */
export const staleTokenReasons: ReadonlySet<string> = new Set(
  (['INVALID_AUTH_TOKEN', 'AUTH_REVISION_OLD', 'USER_NAME_EMPTY'] as const).map((code) =>
    cancelReasonOf(etcdRefusal(code)),
  ),
);
