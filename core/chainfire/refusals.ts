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
  COMPACTED: 'etcdserver: mvcc: required revision has been compacted',
  FUTURE_REVISION: 'etcdserver: mvcc: required revision is a future revision',
  TOO_MANY_REQUESTS: 'etcdserver: too many requests',
  NO_LEADER: 'etcdserver: no leader',
  LEADER_CHANGED: 'etcdserver: leader changed',
  TIMEOUT: 'etcdserver: request timed out',
  STOPPED: 'etcdserver: server stopped',
} as const satisfies Partial<Record<MemberRefusalCode, string>>;

/** A refusal that etcd has too. */
export function etcdRefusal(code: keyof typeof etcdTexts): MemberRefusal {
  return refused(code, etcdTexts[code]);
}
