import { assert, present } from '../../base/assert.ts';
import {
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type KeyValue,
  type PutRequest,
  type PutResponse,
  type RequestOp,
  type ResponseHeader,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from '../api/kv.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { keyRange } from '../mvcc/key-range.ts';
import { type Mvcc } from '../mvcc/mvcc.ts';
import { checkRevision, evaluateRange } from '../mvcc/range.ts';
import { decodeRecord } from '../mvcc/record.ts';
import { etcdRefusal } from '../refusals.ts';
import { choosePath, type TxnPath } from './compare.ts';

/** Has a say before anything is changed: why a write may not be, although it says nothing wrong. */
export interface WriteLimits {
  put(request: PutRequest): MemberRefusal | undefined;
  /** @param path the branches that it takes */
  txn(request: TxnRequest, path: TxnPath): MemberRefusal | undefined;
}

/** Whether a lease exists, in the replicated state. */
export type LeaseLookup = (lease: bigint) => boolean;

/**
 * Executes what validation let through, on the state as it is now. Whatever can be refused is refused before the first
 * change, so that a refusal changes nothing; the same state gives the same answer on every member.
 */
export function executePut(
  mvcc: Mvcc,
  leaseExists: LeaseLookup,
  request: PutRequest,
  limits?: WriteLimits,
): PutResponse | MemberRefusal {
  const refusal = checkPut(mvcc, leaseExists, request) ?? limits?.put(request);
  if (refusal !== undefined) return refusal;
  mvcc.begin();
  const response = put(mvcc, request);
  mvcc.end();
  return response;
}

export function executeDeleteRange(mvcc: Mvcc, request: DeleteRangeRequest): DeleteRangeResponse {
  mvcc.begin();
  const response = deleteRange(mvcc, request);
  mvcc.end();
  return response;
}

/** A transaction: choose the branches, check every operation on them, then carry them out at one revision. */
export function executeTxn(
  mvcc: Mvcc,
  leaseExists: LeaseLookup,
  request: TxnRequest,
  limits?: WriteLimits,
): TxnResponse | MemberRefusal {
  const path = choosePath(mvcc, request);
  const refusal = checkBranch(mvcc, leaseExists, request, path) ?? limits?.txn(request, path);
  if (refusal !== undefined) return refusal;
  mvcc.begin();
  const responses = runBranch(mvcc, request, path);
  const header = headerOf(mvcc);
  mvcc.end();
  return { header, succeeded: path.succeeded, responses };
}

function checkPut(mvcc: Mvcc, leaseExists: LeaseLookup, request: PutRequest): MemberRefusal | undefined {
  if (request.lease !== 0n && !leaseExists(request.lease)) return etcdRefusal('LEASE_NOT_FOUND');
  if ((request.ignoreValue || request.ignoreLease) && mvcc.row(request.key) === undefined) {
    return etcdRefusal('KEY_NOT_FOUND');
  }
  return undefined;
}

function checkBranch(
  mvcc: Mvcc,
  leaseExists: LeaseLookup,
  txn: TxnRequest,
  path: TxnPath,
): MemberRefusal | undefined {
  let nested = 0;
  for (const { requestRange, requestPut, requestTxn } of branchOf(txn, path)) {
    let refusal: MemberRefusal | undefined;
    if (requestRange !== undefined) {
      const code = checkRevision(mvcc, requestRange.revision);
      refusal = code === undefined ? undefined : etcdRefusal(code);
    } else if (requestPut !== undefined) {
      refusal = checkPut(mvcc, leaseExists, requestPut);
    } else if (requestTxn !== undefined) {
      const nestedPath = present(path.nested[nested], 'every nested transaction has its path');
      nested += 1;
      refusal = checkBranch(mvcc, leaseExists, requestTxn, nestedPath);
    }
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function runBranch(mvcc: Mvcc, txn: TxnRequest, path: TxnPath): readonly ResponseOp[] {
  const responses: ResponseOp[] = [];
  let nested = 0;
  for (const operation of branchOf(txn, path)) {
    const { requestRange, requestPut, requestDeleteRange, requestTxn } = operation;
    let responseTxn: TxnResponse | undefined;
    if (requestTxn !== undefined) {
      const nestedPath = present(path.nested[nested], 'every nested transaction has its path');
      nested += 1;
      // etcd leaves the header of a nested answer empty.
      responseTxn = {
        header: { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 },
        succeeded: nestedPath.succeeded,
        responses: runBranch(mvcc, requestTxn, nestedPath),
      };
    }
    responses.push({
      responseRange: requestRange === undefined ? undefined : evaluateRange(mvcc, requestRange),
      responsePut: requestPut === undefined ? undefined : put(mvcc, requestPut),
      responseDeleteRange:
        requestDeleteRange === undefined ? undefined : deleteRange(mvcc, requestDeleteRange),
      responseTxn,
    });
  }
  return responses;
}

function branchOf(txn: TxnRequest, path: TxnPath): readonly RequestOp[] {
  return path.succeeded ? txn.success : txn.failure;
}

function put(mvcc: Mvcc, request: PutRequest): PutResponse {
  const wantsPrevious = request.prevKv || request.ignoreValue || request.ignoreLease;
  const previous = wantsPrevious ? mvcc.get(request.key) : undefined;
  assert(
    previous !== undefined || (!request.ignoreValue && !request.ignoreLease),
    'what a put keeps of its key was there when it was checked',
  );
  const value = request.ignoreValue ? (previous as KeyValue).value : request.value;
  const lease = request.ignoreLease ? (previous as KeyValue).lease : request.lease;
  mvcc.put(request.key, value, lease);
  return { header: headerOf(mvcc), prevKv: request.prevKv ? previous : undefined };
}

function deleteRange(mvcc: Mvcc, request: DeleteRangeRequest): DeleteRangeResponse {
  const deleted = mvcc.deleteRange(keyRange(request.key, request.rangeEnd));
  return {
    header: headerOf(mvcc),
    deleted: deleted.length,
    prevKvs: request.prevKv ? deleted.map(([, row]) => decodeRecord(row)) : [],
  };
}

/** Only the revision is known here. */
function headerOf(mvcc: Mvcc): ResponseHeader {
  return { clusterId: 0n, memberId: 0n, revision: mvcc.revision, raftTerm: 0 };
}
