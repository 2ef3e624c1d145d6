import { refused } from '../base/refusal.ts';
import { type MemberRefusal, type MemberRefusalCode } from './member-protocol.ts';

/** The exact texts of etcd's errors: clients match on them. Codes that etcd does not have carry their own message. */
const etcdTexts = {
  EMPTY_KEY: 'etcdserver: key is not provided',
  INVALID_SORT_OPTION: 'etcdserver: invalid sort option',
  VALUE_PROVIDED: 'etcdserver: value is provided',
  LEASE_PROVIDED: 'etcdserver: lease is provided',
  KEY_NOT_FOUND: 'etcdserver: key not found',
  LEASE_NOT_FOUND: 'etcdserver: requested lease not found',
  LEASE_EXISTS: 'etcdserver: lease already exists',
  LEASE_TTL_TOO_LARGE: 'etcdserver: too large lease TTL',
  TOO_MANY_OPERATIONS: 'etcdserver: too many operations in txn request',
  DUPLICATE_KEY: 'etcdserver: duplicate key given in txn request',
  REQUEST_TOO_LARGE: 'etcdserver: request is too large',
  NO_SPACE: 'etcdserver: mvcc: database space exceeded',
  CORRUPT: 'etcdserver: corrupt cluster',
  COMPACTED: 'etcdserver: mvcc: required revision has been compacted',
  FUTURE_REVISION: 'etcdserver: mvcc: required revision is a future revision',
  MEMBER_NOT_FOUND: 'etcdserver: member not found',
  MEMBER_NOT_LEARNER: 'etcdserver: can only promote a learner member',
  // etcd drops the later of two changes without a word, and its request times out.
  MEMBER_CHANGE_IN_PROGRESS: 'another change of the members is under way; try again when it has ended',
  PEER_URL_EXISTS: 'etcdserver: Peer URLs already exists',
  INVALID_PEER_URLS: 'etcdserver: given member URLs are invalid',
  TOO_MANY_LEARNERS: 'etcdserver: too many learner members in cluster',
  LEARNER_NOT_READY: 'etcdserver: can only promote a learner member which is in sync with leader',
  NOT_ENOUGH_STARTED_MEMBERS: 'etcdserver: re-configuration failed due to not enough started members',
  UNHEALTHY: 'etcdserver: unhealthy cluster',
  NOT_LEADER: 'etcdserver: not leader',
  BAD_LEADER_TRANSFEREE: 'etcdserver: bad leader transferee',
  TOO_MANY_REQUESTS: 'etcdserver: too many requests',
  NO_LEADER: 'etcdserver: no leader',
  LEADER_CHANGED: 'etcdserver: leader changed',
  TIMEOUT: 'etcdserver: request timed out',
  STOPPED: 'etcdserver: server stopped',
  AUTH_NOT_ENABLED: 'etcdserver: authentication is not enabled',
  AUTH_FAILED: 'etcdserver: authentication failed, invalid user ID or password',
  AUTH_REVISION_OLD: 'etcdserver: revision of auth store is old',
  INVALID_AUTH_TOKEN: 'etcdserver: invalid auth token',
  INVALID_AUTH_MANAGEMENT: 'etcdserver: invalid auth management',
  PERMISSION_DENIED: 'etcdserver: permission denied',
  PERMISSION_NOT_GIVEN: 'etcdserver: permission not given',
  PERMISSION_NOT_GRANTED: 'etcdserver: permission is not granted to the role',
  ROOT_USER_NOT_FOUND: 'etcdserver: root user does not exist',
  ROOT_ROLE_NOT_GRANTED: 'etcdserver: root user does not have root role',
  USER_NAME_EMPTY: 'etcdserver: user name is empty',
  USER_EXISTS: 'etcdserver: user name already exists',
  USER_NOT_FOUND: 'etcdserver: user name not found',
  ROLE_NAME_EMPTY: 'etcdserver: role name is empty',
  ROLE_EXISTS: 'etcdserver: role name already exists',
  ROLE_NOT_FOUND: 'etcdserver: role name not found',
  ROLE_NOT_GRANTED: 'etcdserver: role is not granted to the user',
} as const satisfies Partial<Record<MemberRefusalCode, string>>;

/** A refusal that etcd has too. */
export function etcdRefusal(code: keyof typeof etcdTexts): MemberRefusal {
  return refused(code, etcdTexts[code]);
}
