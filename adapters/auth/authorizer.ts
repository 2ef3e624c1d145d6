import { Accesses } from '../../core/chainfire/auth/accesses.ts';
import { type Access, type Authorizer } from '../../core/chainfire/auth/caller.ts';
import { authQuestions } from '../../core/chainfire/auth/protocol.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { keyRange } from '../../core/chainfire/mvcc/key-range.ts';
import { type WatchCreateRequest } from '../../core/chainfire/api/watch.ts';

/** What somebody wants to do. */
export interface AuthorizationQuestion {
  /** Empty: nobody that is known. */
  readonly user: string;
  /** `maintenance`: snapshots, defragmentation, and whatever else of a member is for administrators. */
  readonly action: MemberRequest['kind'] | 'watch' | 'maintenance';
  /** What it reads and writes, whichever way a transaction goes; none where it is not about keys. */
  readonly accesses: readonly Access[];
}

/**
 * Decides, beside users and roles and before them, what a member takes from its clients. It can only refuse: what it lets pass,
 * users and roles still decide, on every member at the same place of the log. So it need not be deterministic, and may ask
 * somebody far away.
 *
 * Each member asks its own. To keep a lease alive is not asked about: a lease must not end for want of an answer.
 */
export interface RequestAuthorizer {
  /** Whether it may be done. One that throws, rejects or does not answer in time refuses. */
  permits(question: AuthorizationQuestion): boolean | Promise<boolean>;
}

/** Keys that a lease has, as this member knows them. */
export type KeysOfLease = (lease: bigint) => readonly string[];

/** What a request is about; undefined for what nobody is asked about. */
export function questionOf(
  request: MemberRequest,
  user: string,
  leaseKeys: KeysOfLease,
): AuthorizationQuestion | undefined {
  if (request.kind === 'leaseKeepAlive') return undefined;
  if (request.kind === 'authQuery' && request.request.question === authQuestions.root)
    return { user, action: 'maintenance', accesses: [] };
  return { user, action: request.kind, accesses: accessesOf(request, leaseKeys) };
}

export function watchQuestionOf({ key, rangeEnd }: WatchCreateRequest, user: string): AuthorizationQuestion {
  return { user, action: 'watch', accesses: [{ kind: 'read', range: keyRange(key, rangeEnd) }] };
}

function accessesOf(request: MemberRequest, leaseKeys: KeysOfLease): readonly Access[] {
  const found: Access[] = [];
  const collector: Authorizer = {
    enabled: true,
    refuse: (_, access) => {
      found.push(access);
      return undefined;
    },
    refuseAdministration: () => undefined,
  };
  const accesses = new Accesses(collector, leaseKeys, undefined);
  switch (request.kind) {
    case 'range':
      accesses.range(request.request);
      break;
    case 'put':
      accesses.put(request.request);
      break;
    case 'deleteRange':
      accesses.deleteRange(request.request);
      break;
    case 'txn':
      accesses.txn(request.request);
      break;
    case 'leaseRevoke':
      accesses.leaseWrite(request.request.id);
      break;
    case 'leaseTimeToLive':
      if (request.request.keys) accesses.leaseRead(request.request.id);
      break;
    default:
      break;
  }
  return found;
}
