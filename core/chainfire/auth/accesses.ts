import {
  type PutRequest,
  type DeleteRangeRequest,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
} from '../api/kv.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { keyRange } from '../mvcc/key-range.ts';
import { type Authorizer, type Caller } from './caller.ts';

/** Keys that a lease has, in the replicated state. */
export type LeaseKeys = (lease: bigint) => readonly string[];

/**
 * What the requests of clients touch, put before the authorizer: everything that could be read or changed, whichever way a
 * transaction goes. Asked only where authorization is enabled.
 */
export class Accesses {
  readonly #authorizer: Authorizer;
  readonly #leaseKeys: LeaseKeys;
  readonly #caller: Caller | undefined;

  constructor(authorizer: Authorizer, leaseKeys: LeaseKeys, caller: Caller | undefined) {
    this.#authorizer = authorizer;
    this.#leaseKeys = leaseKeys;
    this.#caller = caller;
  }

  range({ key, rangeEnd }: RangeRequest): MemberRefusal | undefined {
    return this.#refuse('read', key, rangeEnd);
  }

  put({ key, lease, prevKv }: PutRequest): MemberRefusal | undefined {
    return (
      this.#refuse('write', key, '') ??
      // Whoever cannot write all of a lease's keys cannot revoke it, and may not hang others on it.
      (lease === 0n ? undefined : this.leaseWrite(lease)) ??
      (prevKv ? this.#refuse('read', key, '') : undefined)
    );
  }

  deleteRange({ key, rangeEnd, prevKv }: DeleteRangeRequest): MemberRefusal | undefined {
    return this.#refuse('write', key, rangeEnd) ?? (prevKv ? this.#refuse('read', key, rangeEnd) : undefined);
  }

  /** All branches, and those of nested ones: which way it goes tells of values as well as a read does. */
  txn(txn: TxnRequest): MemberRefusal | undefined {
    for (const { key, rangeEnd } of txn.compare) {
      const refusal = this.#refuse('read', key, rangeEnd);
      if (refusal !== undefined) return refusal;
    }
    return this.#branch(txn.success) ?? this.#branch(txn.failure);
  }

  /** To revoke a lease is to delete its keys. */
  leaseWrite(lease: bigint): MemberRefusal | undefined {
    return this.#leaseAccess(lease, 'write');
  }

  leaseRead(lease: bigint): MemberRefusal | undefined {
    return this.#leaseAccess(lease, 'read');
  }

  #branch(operations: readonly RequestOp[]): MemberRefusal | undefined {
    for (const operation of operations) {
      const refusal = this.#operation(operation);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #operation({
    requestRange,
    requestPut,
    requestDeleteRange,
    requestTxn,
  }: RequestOp): MemberRefusal | undefined {
    if (requestRange !== undefined) return this.range(requestRange);
    if (requestPut !== undefined) return this.put(requestPut);
    if (requestDeleteRange !== undefined) return this.deleteRange(requestDeleteRange);
    return requestTxn === undefined ? undefined : this.txn(requestTxn);
  }

  #leaseAccess(lease: bigint, kind: 'read' | 'write'): MemberRefusal | undefined {
    for (const key of this.#leaseKeys(lease)) {
      const refusal = this.#refuse(kind, key, '');
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #refuse(kind: 'read' | 'write', key: string, rangeEnd: string): MemberRefusal | undefined {
    return this.#authorizer.refuse(this.#caller, { kind, range: keyRange(key, rangeEnd) });
  }
}
