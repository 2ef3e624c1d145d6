import { type MemberRefusal, type MemberRefusalCode } from '../../core/chainfire/member-protocol.ts';
import { StatusError, type StatusName } from './status.ts';

/**
 * Refusals of a member as gRPC statuses. Clients of etcd match on the code and the exact text together, so where etcd has
 * a text it is given word for word, whatever the machine says; where it has none, the machine's own message goes out.
 */
interface RefusalStatus {
  readonly status: StatusName;
  /** etcd's text; undefined where the refusal is ours alone. */
  readonly text: string | undefined;
}

const refusalStatuses: Readonly<Record<MemberRefusalCode, RefusalStatus>> = {
  EMPTY_KEY: { status: 'INVALID_ARGUMENT', text: 'etcdserver: key is not provided' },
  KEY_TOO_LONG: { status: 'INVALID_ARGUMENT', text: undefined },
  RANGE_BACKWARDS: { status: 'INVALID_ARGUMENT', text: undefined },
  NEGATIVE_REVISION: { status: 'INVALID_ARGUMENT', text: undefined },
  NEGATIVE_LIMIT: { status: 'INVALID_ARGUMENT', text: undefined },
  INVALID_SORT_OPTION: { status: 'INVALID_ARGUMENT', text: 'etcdserver: invalid sort option' },
  INVALID_COMPARE: { status: 'INVALID_ARGUMENT', text: undefined },
  INVALID_OPERATION: { status: 'INVALID_ARGUMENT', text: undefined },
  VALUE_PROVIDED: { status: 'INVALID_ARGUMENT', text: 'etcdserver: value is provided' },
  LEASE_PROVIDED: { status: 'INVALID_ARGUMENT', text: 'etcdserver: lease is provided' },
  KEY_NOT_FOUND: { status: 'INVALID_ARGUMENT', text: 'etcdserver: key not found' },
  LEASE_NOT_FOUND: { status: 'NOT_FOUND', text: 'etcdserver: requested lease not found' },
  LEASE_EXISTS: { status: 'FAILED_PRECONDITION', text: 'etcdserver: lease already exists' },
  LEASE_TTL_TOO_LARGE: { status: 'OUT_OF_RANGE', text: 'etcdserver: too large lease TTL' },
  TOO_MANY_LEASES: { status: 'RESOURCE_EXHAUSTED', text: undefined },
  TOO_MANY_OPERATIONS: { status: 'INVALID_ARGUMENT', text: 'etcdserver: too many operations in txn request' },
  DUPLICATE_KEY: { status: 'INVALID_ARGUMENT', text: 'etcdserver: duplicate key given in txn request' },
  REQUEST_TOO_LARGE: { status: 'INVALID_ARGUMENT', text: 'etcdserver: request is too large' },
  NO_SPACE: { status: 'RESOURCE_EXHAUSTED', text: 'etcdserver: mvcc: database space exceeded' },
  CORRUPT: { status: 'DATA_LOSS', text: 'etcdserver: corrupt cluster' },
  INVALID_ALARM: { status: 'INVALID_ARGUMENT', text: undefined },
  TOO_MANY_ALARMS: { status: 'RESOURCE_EXHAUSTED', text: undefined },
  COMPACTED: { status: 'OUT_OF_RANGE', text: 'etcdserver: mvcc: required revision has been compacted' },
  FUTURE_REVISION: {
    status: 'OUT_OF_RANGE',
    text: 'etcdserver: mvcc: required revision is a future revision',
  },
  MEMBER_NOT_FOUND: { status: 'NOT_FOUND', text: 'etcdserver: member not found' },
  MEMBER_NOT_LEARNER: {
    status: 'FAILED_PRECONDITION',
    text: 'etcdserver: can only promote a learner member',
  },
  MEMBER_CHANGE_IN_PROGRESS: { status: 'FAILED_PRECONDITION', text: undefined },
  PEER_URL_EXISTS: { status: 'FAILED_PRECONDITION', text: 'etcdserver: Peer URLs already exists' },
  INVALID_PEER_URLS: { status: 'INVALID_ARGUMENT', text: 'etcdserver: given member URLs are invalid' },
  TOO_MANY_LEARNERS: {
    status: 'FAILED_PRECONDITION',
    text: 'etcdserver: too many learner members in cluster',
  },
  LEARNER_NOT_READY: {
    status: 'FAILED_PRECONDITION',
    text: 'etcdserver: can only promote a learner member which is in sync with leader',
  },
  NOT_ENOUGH_STARTED_MEMBERS: {
    status: 'FAILED_PRECONDITION',
    text: 'etcdserver: re-configuration failed due to not enough started members',
  },
  UNHEALTHY: { status: 'UNAVAILABLE', text: 'etcdserver: unhealthy cluster' },
  NOT_LEADER: { status: 'FAILED_PRECONDITION', text: 'etcdserver: not leader' },
  BAD_LEADER_TRANSFEREE: { status: 'FAILED_PRECONDITION', text: 'etcdserver: bad leader transferee' },
  TOO_MANY_REQUESTS: { status: 'RESOURCE_EXHAUSTED', text: 'etcdserver: too many requests' },
  NO_LEADER: { status: 'UNAVAILABLE', text: 'etcdserver: no leader' },
  LEADER_CHANGED: { status: 'UNAVAILABLE', text: 'etcdserver: leader changed' },
  TIMEOUT: { status: 'UNAVAILABLE', text: 'etcdserver: request timed out' },
  STOPPED: { status: 'UNAVAILABLE', text: 'etcdserver: server stopped' },
  AUTH_NOT_ENABLED: { status: 'FAILED_PRECONDITION', text: 'etcdserver: authentication is not enabled' },
  AUTH_FAILED: {
    status: 'INVALID_ARGUMENT',
    text: 'etcdserver: authentication failed, invalid user ID or password',
  },
  AUTH_REVISION_OLD: { status: 'INVALID_ARGUMENT', text: 'etcdserver: revision of auth store is old' },
  INVALID_AUTH_TOKEN: { status: 'UNAUTHENTICATED', text: 'etcdserver: invalid auth token' },
  INVALID_AUTH_MANAGEMENT: { status: 'INVALID_ARGUMENT', text: 'etcdserver: invalid auth management' },
  PERMISSION_DENIED: { status: 'PERMISSION_DENIED', text: 'etcdserver: permission denied' },
  PERMISSION_NOT_GIVEN: { status: 'INVALID_ARGUMENT', text: 'etcdserver: permission not given' },
  PERMISSION_NOT_GRANTED: {
    status: 'FAILED_PRECONDITION',
    text: 'etcdserver: permission is not granted to the role',
  },
  ROOT_USER_NOT_FOUND: { status: 'FAILED_PRECONDITION', text: 'etcdserver: root user does not exist' },
  ROOT_ROLE_NOT_GRANTED: {
    status: 'FAILED_PRECONDITION',
    text: 'etcdserver: root user does not have root role',
  },
  USER_NAME_EMPTY: { status: 'INVALID_ARGUMENT', text: 'etcdserver: user name is empty' },
  USER_EXISTS: { status: 'FAILED_PRECONDITION', text: 'etcdserver: user name already exists' },
  USER_NOT_FOUND: { status: 'FAILED_PRECONDITION', text: 'etcdserver: user name not found' },
  ROLE_NAME_EMPTY: { status: 'INVALID_ARGUMENT', text: 'etcdserver: role name is empty' },
  ROLE_EXISTS: { status: 'FAILED_PRECONDITION', text: 'etcdserver: role name already exists' },
  ROLE_NOT_FOUND: { status: 'FAILED_PRECONDITION', text: 'etcdserver: role name not found' },
  ROLE_NOT_GRANTED: { status: 'FAILED_PRECONDITION', text: 'etcdserver: role is not granted to the user' },
  NAME_TOO_LONG: { status: 'INVALID_ARGUMENT', text: undefined },
  TOO_MANY_GRANTS: { status: 'RESOURCE_EXHAUSTED', text: undefined },
  INVALID_NAMESPACE: { status: 'INVALID_ARGUMENT', text: undefined },
  NAMESPACE_EXISTS: { status: 'FAILED_PRECONDITION', text: undefined },
  NAMESPACE_NOT_FOUND: { status: 'NOT_FOUND', text: undefined },
  NAMESPACE_OVERLAPS: { status: 'FAILED_PRECONDITION', text: undefined },
  NAMESPACE_QUOTA_EXCEEDED: { status: 'RESOURCE_EXHAUSTED', text: undefined },
  TOO_MANY_NAMESPACES: { status: 'RESOURCE_EXHAUSTED', text: undefined },
};

/** Trailer with the refusal's own code, so that our client need not guess from texts. */
export const refusalTrailer = 'photon-refusal';

const codeByText = new Map<string, MemberRefusalCode>();
for (const [code, { text }] of Object.entries(refusalStatuses)) {
  if (text !== undefined) codeByText.set(text, code as MemberRefusalCode);
}

export function statusOfRefusal(refusal: MemberRefusal): StatusError {
  const { status, text } = refusalStatuses[refusal.code];
  return new StatusError(status, text ?? refusal.message, { [refusalTrailer]: refusal.code });
}

/**
 * The inverse, for clients: what a member refused, or undefined when the status did not come from a member's machine (the
 * transport, a proxy, a deadline).
 *
 * @param trailer value of `refusalTrailer`, when there was one; a real etcd sends none
 */
export function refusalOfStatus(message: string, trailer: string | undefined): MemberRefusal | undefined {
  const code =
    trailer !== undefined && Object.hasOwn(refusalStatuses, trailer)
      ? (trailer as MemberRefusalCode)
      : codeByText.get(message);
  return code === undefined ? undefined : { kind: 'refused', code, message };
}
