import { latin1FromBytes } from '../../core/base/bytes.ts';
import { AuthState } from '../../core/chainfire/auth/auth-state.ts';
import { LeaseTable } from '../../core/chainfire/lease/lease-table.ts';
import { type MemberView } from '../../core/chainfire/member.ts';
import { readApplied } from '../../core/chainfire/mvcc/meta.ts';
import { Mvcc } from '../../core/chainfire/mvcc/mvcc.ts';
import { type StorageBackend } from '../../core/storage/backend.ts';

/** What a member has come to, so that two of them can be compared: equal in every field, or not the same state. */
export interface StateInWords {
  readonly index: number;
  readonly term: number;
  readonly hash: number;
  readonly revision: number;
  readonly compactRevision: number;
  /** Ids, times to live and last renewals of all leases, with their keys. */
  readonly leases: string;
  /** Users, roles and permissions. */
  readonly auth: string;
}

/** As the member's machine has it in memory. */
export function stateOfMember(view: MemberView): StateInWords {
  return {
    index: view.appliedIndex,
    term: view.appliedTerm,
    hash: view.appliedHash,
    revision: view.revision,
    compactRevision: view.compactRevision,
    leases: view
      .leases()
      .map((lease) => leaseInWords(lease, view.leaseKeys(lease.id)))
      .join(', '),
    auth: authInWords(view.auth),
  };
}

/** As a machine would find it in a store. */
export function stateOfStore(store: StorageBackend): StateInWords {
  const { index, term, hash, revision, compactRevision } = readApplied(store);
  const mvcc = new Mvcc(store);
  const leases = [...new LeaseTable(mvcc).leases()].sort((left, right) => (left.id < right.id ? -1 : 1));
  const auth = new AuthState(store, () => undefined);
  return {
    ...{ index, term, hash, revision, compactRevision },
    leases: leases.map((lease) => leaseInWords(lease, mvcc.attachedKeys(lease.id))).join(', '),
    auth: authInWords(auth),
  };
}

/** @returns the first field in which they differ, in words; undefined when they are the same */
export function stateDifference(expected: StateInWords, found: StateInWords): string | undefined {
  for (const field of Object.keys(expected) as (keyof StateInWords)[]) {
    if (expected[field] === found[field]) continue;
    return `${field} ${String(found[field]) || 'none'}, where ${String(expected[field]) || 'none'} is right`;
  }
  return undefined;
}

function leaseInWords(
  { id, ttlSeconds, renewedIndex }: { id: bigint; ttlSeconds: number; renewedIndex: number },
  keys: readonly string[],
): string {
  return `${id.toString(16)} (${ttlSeconds} s, entry ${renewedIndex}, keys ${keys.join(' ')})`;
}

function authInWords(auth: MemberView['auth']): string {
  const users = auth.userNames().map((name) => auth.user(name));
  const roles = auth.roleNames().map((name) => auth.role(name));
  return JSON.stringify(
    { enabled: auth.enabled, revision: auth.revision, users, roles },
    (_, value: unknown) => (value instanceof Uint8Array ? latin1FromBytes(value) : value),
  );
}
