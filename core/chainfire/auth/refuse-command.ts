import { type Command, txnLeases } from '../command.ts';
import { type MemberRefusal, type MemberRequest } from '../member-protocol.ts';
import { Accesses, type LeaseKeys } from './accesses.ts';
import { type Authorizer, type Caller } from './caller.ts';

/**
 * Asked where an entry is applied, by what is replicated: every member finds the same. What nobody asked for (a leader's word
 * on leases and members) is nobody's to refuse; leases are granted and renewed for everybody, as in etcd.
 */
export function refuseCommand(
  authorizer: Authorizer,
  command: Command,
  leaseKeys: LeaseKeys,
): MemberRefusal | undefined {
  if (!authorizer.enabled) return undefined;
  const { caller, put, txn, deleteRange, leaseRevoke } = command;
  const accesses = new Accesses(authorizer, leaseKeys, caller);
  if (put !== undefined) return accesses.put(put);
  if (txn !== undefined) return accesses.txn(txn);
  if (deleteRange !== undefined) return accesses.deleteRange(deleteRange);
  if (leaseRevoke !== undefined) return accesses.leaseWrite(leaseRevoke.id);
  return isAdministration(command) ? authorizer.refuseAdministration(caller) : undefined;
}

/** Asked where a request is answered, by the state that answers it. */
export function refuseRead(
  authorizer: Authorizer,
  request: MemberRequest,
  caller: Caller | undefined,
  leaseKeys: LeaseKeys,
): MemberRefusal | undefined {
  if (!authorizer.enabled) return undefined;
  switch (request.kind) {
    case 'range':
      return new Accesses(authorizer, leaseKeys, caller).range(request.request);
    case 'txn':
      return new Accesses(authorizer, leaseKeys, caller).txn(request.request);
    case 'leaseTimeToLive': {
      const { id, keys } = request.request;
      return keys ? new Accesses(authorizer, leaseKeys, caller).leaseRead(id) : undefined;
    }
    case 'hash':
    case 'hashKv':
    case 'namespaceList':
      return authorizer.refuseAdministration(caller);
    default:
      return undefined;
  }
}

/** Whether to decide about a command is to look for keys of leases, which are seen in the store only. */
export function readsAttachments(authorizer: Authorizer, { put, txn }: Command): boolean {
  if (!authorizer.enabled) return false;
  if (put !== undefined) return put.lease !== 0n;
  return txn !== undefined && txnLeases(txn);
}

function isAdministration(command: Command): boolean {
  const { compact, alarm, memberAdd, memberRemove, memberUpdate, memberPromote } = command;
  const { namespacePut, namespaceRemove } = command;
  return (
    compact !== undefined ||
    alarm !== undefined ||
    memberAdd !== undefined ||
    memberRemove !== undefined ||
    memberUpdate !== undefined ||
    memberPromote !== undefined ||
    namespacePut !== undefined ||
    namespaceRemove !== undefined
  );
}
