import { refused } from '../base/refusal.ts';
import {
  type Compare,
  type CompactionRequest,
  compareResults,
  compareTargets,
  type DeleteRangeRequest,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  sortOrders,
  sortTargets,
  type TxnRequest,
} from './api/kv.ts';
import { checkAlarmRequest } from './alarm/alarm-state.ts';
import { checkAuthQuery } from './auth/answer-query.ts';
import { checkAuthChange } from './auth/apply-change.ts';
import { ttlSecondsMax } from './lease/grant.ts';
import { type MemberConfig, type MemberRefusal, type MemberRequest } from './member-protocol.ts';
import { toTheEnd } from './mvcc/key-range.ts';
import { escapedBytes, keyBytesMax } from './mvcc/keys.ts';
import { checkNamespacePut } from './namespace/check.ts';
import { etcdRefusal } from './refusals.ts';
import { changesKeyTwice } from './txn/overlap.ts';

/** A host name is at most 253 characters long. */
const urlCharsMax = 300;
const urlsMax = 16;
const peerUrlPattern =
  /^(https?|unixs?):\/\/[^/?#\s:@]+(:\d{1,5})?$|^https?:\/\/\[[0-9a-fA-F:.]+\](:\d{1,5})?$/;

type Limits = Pick<MemberConfig, 'txnOperationsMax'>;

/**
 * Refuses what a request says wrong, before anything is proposed or read. Where etcd refuses it too, code and text are
 * etcd's; beyond that, what etcd takes for something else without a word (a negative revision, a range that ends before it
 * begins, an enum value it does not know, an operation that is none) is refused by name.
 *
 * What depends on the state is refused when the request is carried out: COMPACTED, FUTURE_REVISION, KEY_NOT_FOUND,
 * LEASE_NOT_FOUND.
 */
export function validate(request: MemberRequest, limits: Limits): MemberRefusal | undefined {
  switch (request.kind) {
    case 'range':
      return checkRange(request.request, 'RangeRequest');
    case 'put':
      return checkPut(request.request, 'PutRequest');
    case 'deleteRange':
      return checkDeleteRange(request.request, 'DeleteRangeRequest');
    case 'txn':
      return checkTxn(request.request, limits);
    case 'compact':
      return checkCompaction(request.request);
    case 'leaseGrant':
      return request.request.ttlSeconds > ttlSecondsMax ? etcdRefusal('LEASE_TTL_TOO_LARGE') : undefined;
    case 'memberAdd':
    case 'memberUpdate':
      return checkPeerUrls(request.request.peerUrls);
    case 'hashKv':
      return checkRevision(request.request.revision, 'HashKVRequest.revision');
    case 'alarm':
      return checkAlarmRequest(request.request);
    case 'namespacePut':
      return checkNamespacePut(request.request);
    case 'authChange':
      return checkAuthChange(request.request);
    case 'authQuery':
      return checkAuthQuery(request.request);
    default:
      return undefined;
  }
}

function checkRange(request: RangeRequest, where: string): MemberRefusal | undefined {
  return (
    checkKeys(request.key, request.rangeEnd, where) ??
    checkRevision(request.revision, `${where}.revision`) ??
    checkRevision(request.minModRevision, `${where}.min_mod_revision`) ??
    checkRevision(request.maxModRevision, `${where}.max_mod_revision`) ??
    checkRevision(request.minCreateRevision, `${where}.min_create_revision`) ??
    checkRevision(request.maxCreateRevision, `${where}.max_create_revision`) ??
    (request.limit < 0
      ? refused(
          'NEGATIVE_LIMIT',
          `${where}.limit is ${request.limit}; 0 means no limit, and it is not below 0`,
        )
      : undefined) ??
    (isOneOf(sortOrders, request.sortOrder) && isOneOf(sortTargets, request.sortTarget)
      ? undefined
      : etcdRefusal('INVALID_SORT_OPTION'))
  );
}

function checkPut(request: PutRequest, where: string): MemberRefusal | undefined {
  if (request.key === '') return etcdRefusal('EMPTY_KEY');
  if (request.ignoreValue && request.value.length > 0) return etcdRefusal('VALUE_PROVIDED');
  if (request.ignoreLease && request.lease !== 0n) return etcdRefusal('LEASE_PROVIDED');
  return checkKeyLength(request.key, `${where}.key`);
}

function checkDeleteRange(request: DeleteRangeRequest, where: string): MemberRefusal | undefined {
  return checkKeys(request.key, request.rangeEnd, where);
}

function checkCompaction(request: CompactionRequest): MemberRefusal | undefined {
  return checkRevision(request.revision, 'CompactionRequest.revision');
}

/** As etcd: at least one, each with a scheme of its own kind, a host and a port, and nothing behind. */
function checkPeerUrls(urls: readonly string[]): MemberRefusal | undefined {
  const isGood = (url: string): boolean => url.length <= urlCharsMax && peerUrlPattern.test(url);
  if (urls.length > 0 && urls.length <= urlsMax && urls.every(isGood)) return undefined;
  return etcdRefusal('INVALID_PEER_URLS');
}

function checkTxn(request: TxnRequest, limits: Limits): MemberRefusal | undefined {
  const refusal = checkTxnParts(request, limits.txnOperationsMax, 'TxnRequest');
  if (refusal !== undefined) return refusal;
  // Only once the number of operations is known to be bounded.
  if (changesKeyTwice(request.success) || changesKeyTwice(request.failure))
    return etcdRefusal('DUPLICATE_KEY');
  return undefined;
}

/** @param operationsMax a nested transaction has what its parent leaves of it, as in etcd; so depth is bounded too */
function checkTxnParts(txn: TxnRequest, operationsMax: number, where: string): MemberRefusal | undefined {
  const operations = Math.max(txn.compare.length, txn.success.length, txn.failure.length);
  if (operations > operationsMax) return etcdRefusal('TOO_MANY_OPERATIONS');
  for (let at = 0; at < txn.compare.length; at += 1) {
    const refusal = checkCompare(txn.compare[at] as Compare, `${where}.compare[${at}]`);
    if (refusal !== undefined) return refusal;
  }
  return (
    checkOperations(txn.success, operationsMax - operations, `${where}.success`) ??
    checkOperations(txn.failure, operationsMax - operations, `${where}.failure`)
  );
}

function checkOperations(
  operations: readonly RequestOp[],
  operationsMax: number,
  where: string,
): MemberRefusal | undefined {
  for (let at = 0; at < operations.length; at += 1) {
    const refusal = checkOperation(operations[at] as RequestOp, operationsMax, `${where}[${at}]`);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function checkOperation(
  operation: RequestOp,
  operationsMax: number,
  where: string,
): MemberRefusal | undefined {
  const { requestRange, requestPut, requestDeleteRange, requestTxn } = operation;
  const set =
    Number(requestRange !== undefined) +
    Number(requestPut !== undefined) +
    Number(requestDeleteRange !== undefined) +
    Number(requestTxn !== undefined);
  if (set !== 1) {
    const allowed = 'request_range, request_put, request_delete_range and request_txn';
    return refused('INVALID_OPERATION', `${where} sets ${set} of ${allowed}; it sets exactly one`);
  }
  if (requestRange !== undefined) return checkRange(requestRange, where);
  if (requestPut !== undefined) return checkPut(requestPut, where);
  if (requestDeleteRange !== undefined) return checkDeleteRange(requestDeleteRange, where);
  return checkTxnParts(requestTxn as TxnRequest, operationsMax, where);
}

function checkCompare(compare: Compare, where: string): MemberRefusal | undefined {
  const refusal = checkKeys(compare.key, compare.rangeEnd, where);
  if (refusal !== undefined) return refusal;
  if (!isOneOf(compareResults, compare.result))
    return unknownEnum(`${where}.result`, compare.result, compareResults);
  if (!isOneOf(compareTargets, compare.target))
    return unknownEnum(`${where}.target`, compare.target, compareTargets);
  return undefined;
}

function unknownEnum(where: string, value: number, allowed: Readonly<Record<string, number>>): MemberRefusal {
  const names = Object.entries(allowed).map(([name, number]) => `${number} (${name})`);
  return refused('INVALID_COMPARE', `${where} is ${value}; it is one of ${names.join(', ')}`);
}

function checkKeys(key: string, rangeEnd: string, where: string): MemberRefusal | undefined {
  if (key === '') return etcdRefusal('EMPTY_KEY');
  if (rangeEnd !== '' && rangeEnd !== toTheEnd && key > rangeEnd) {
    return refused(
      'RANGE_BACKWARDS',
      `${where}.range_end lies before ${where}.key; it is empty for one key, a zero byte for everything from the key on, ` +
        'or at or behind the key',
    );
  }
  return undefined;
}

/** Only keys that are stored need a bound: looking for a longer one finds nothing. */
function checkKeyLength(key: string, where: string): MemberRefusal | undefined {
  // Escaping at most doubles a key: short ones need no count of their zeros.
  if (key.length * 2 <= keyBytesMax) return undefined;
  const bytes = escapedBytes(key);
  if (bytes <= keyBytesMax) return undefined;
  return refused(
    'KEY_TOO_LONG',
    `${where} takes ${bytes} bytes, zero bytes counted twice; at most ${keyBytesMax} are allowed`,
  );
}

function checkRevision(revision: number, where: string): MemberRefusal | undefined {
  if (revision >= 0) return undefined;
  return refused('NEGATIVE_REVISION', `${where} is ${revision}; 0 means none, and it is not below 0`);
}

function isOneOf(allowed: Readonly<Record<string, number>>, value: number): boolean {
  return Object.values(allowed).includes(value);
}
