import { present } from '../../core/base/assert.ts';
import {
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type PutRequest,
  type PutResponse,
  type RangeRequest,
  type RangeResponse,
  type RequestOp,
  type ResponseHeader,
  type TxnRequest,
  type TxnResponse,
} from '../../core/chainfire/api/kv.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { type Operation } from '../types.ts';

/** One leaf of a request, with its answer when there is one. */
export type Leaf =
  | { readonly kind: 'range'; readonly request: RangeRequest; readonly response: RangeResponse | undefined }
  | { readonly kind: 'put'; readonly request: PutRequest; readonly response: PutResponse | undefined }
  | {
      readonly kind: 'delete';
      readonly request: DeleteRangeRequest;
      readonly response: DeleteRangeResponse | undefined;
    };

/** True when the operation may have taken effect, or may yet, and nobody knows. */
export function isUnknown(operation: Operation): boolean {
  const { outcome } = operation;
  if (outcome.kind === 'unknown') return true;
  return (
    outcome.kind === 'refused' &&
    (outcome.refusal.code === 'TIMEOUT' || outcome.refusal.code === 'LEADER_CHANGED')
  );
}

/** The answer's header; undefined for anything but an answer about keys. */
export function headerOf(operation: Operation): ResponseHeader | undefined {
  if (operation.outcome.kind !== 'answered') return undefined;
  const { response } = operation.outcome;
  switch (response.kind) {
    case 'range':
    case 'put':
    case 'deleteRange':
    case 'txn':
    case 'compact':
      return response.response.header;
    default:
      return undefined;
  }
}

/** True when executing the request could write, whatever its compares find. */
export function mayWrite(request: MemberRequest): boolean {
  switch (request.kind) {
    case 'put':
    case 'deleteRange':
      return true;
    case 'txn':
      return txnMayWrite(request.request);
    default:
      return false;
  }
}

/** The revision that the operation's writes surely got; undefined when it wrote nothing, or nobody knows. */
export function surelyWrote(operation: Operation): number | undefined {
  if (headerOf(operation) === undefined) return undefined;
  const wrote = executedLeaves(operation).some(
    (leaf) => leaf.kind === 'put' || (leaf.kind === 'delete' && (leaf.response?.deleted ?? 0) > 0),
  );
  return wrote ? headerOf(operation)?.revision : undefined;
}

/** What an answered operation executed, in order: the branches that its txns took, with their responses. */
export function executedLeaves(operation: Operation): readonly Leaf[] {
  const { request, outcome } = operation;
  if (outcome.kind !== 'answered') return [];
  const answer = outcome.response;
  if (request.kind === 'range' && answer.kind === 'range') return [{ ...request, response: answer.response }];
  if (request.kind === 'put' && answer.kind === 'put') return [{ ...request, response: answer.response }];
  if (request.kind === 'deleteRange' && answer.kind === 'deleteRange') {
    return [{ kind: 'delete', request: request.request, response: answer.response }];
  }
  const leaves: Leaf[] = [];
  if (request.kind === 'txn' && answer.kind === 'txn')
    collectExecuted(request.request, answer.response, leaves);
  return leaves;
}

/** Every leaf that the request could execute, in either branch. */
export function possibleLeaves(request: MemberRequest): readonly Leaf[] {
  switch (request.kind) {
    case 'range':
    case 'put':
      return [{ ...request, response: undefined } as Leaf];
    case 'deleteRange':
      return [{ kind: 'delete', request: request.request, response: undefined }];
    case 'txn': {
      const leaves: Leaf[] = [];
      collectPossible(request.request, leaves);
      return leaves;
    }
    default:
      return [];
  }
}

/** The txns of an answered operation, nested ones included, each with its answer. */
export function executedTxns(
  operation: Operation,
): readonly { request: TxnRequest; response: TxnResponse }[] {
  const { request, outcome } = operation;
  if (request.kind !== 'txn' || outcome.kind !== 'answered' || outcome.response.kind !== 'txn') return [];
  const txns = [{ request: request.request, response: outcome.response.response }];
  for (let at = 0; at < txns.length; at += 1) {
    const txn = present(txns[at], 'the loop stays inside');
    const branch = txn.response.succeeded ? txn.request.success : txn.request.failure;
    branch.forEach((op, position) => {
      const inner = txn.response.responses[position]?.responseTxn;
      if (op.requestTxn !== undefined && inner !== undefined)
        txns.push({ request: op.requestTxn, response: inner });
    });
  }
  return txns;
}

function txnMayWrite(txn: TxnRequest): boolean {
  return [...txn.success, ...txn.failure].some(
    (op) =>
      op.requestPut !== undefined ||
      op.requestDeleteRange !== undefined ||
      (op.requestTxn !== undefined && txnMayWrite(op.requestTxn)),
  );
}

function collectExecuted(txn: TxnRequest, answer: TxnResponse, leaves: Leaf[]): void {
  const branch = answer.succeeded ? txn.success : txn.failure;
  branch.forEach((op, position) => {
    const response = answer.responses[position];
    if (op.requestTxn !== undefined && response?.responseTxn !== undefined) {
      collectExecuted(op.requestTxn, response.responseTxn, leaves);
    } else {
      const leaf = leafOf(op);
      if (leaf?.kind === 'range') leaves.push({ ...leaf, response: response?.responseRange });
      else if (leaf?.kind === 'put') leaves.push({ ...leaf, response: response?.responsePut });
      else if (leaf?.kind === 'delete') leaves.push({ ...leaf, response: response?.responseDeleteRange });
    }
  });
}

function collectPossible(txn: TxnRequest, leaves: Leaf[]): void {
  for (const op of [...txn.success, ...txn.failure]) {
    if (op.requestTxn !== undefined) {
      collectPossible(op.requestTxn, leaves);
    } else {
      const leaf = leafOf(op);
      if (leaf !== undefined) leaves.push(leaf);
    }
  }
}

function leafOf(op: RequestOp): Leaf | undefined {
  if (op.requestRange !== undefined) return { kind: 'range', request: op.requestRange, response: undefined };
  if (op.requestPut !== undefined) return { kind: 'put', request: op.requestPut, response: undefined };
  if (op.requestDeleteRange !== undefined)
    return { kind: 'delete', request: op.requestDeleteRange, response: undefined };
  return undefined;
}
