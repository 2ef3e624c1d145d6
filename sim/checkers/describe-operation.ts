import { latin1FromBytes } from '../../core/base/bytes.ts';
import { type RequestOp, type TxnRequest } from '../../core/chainfire/api/kv.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { type Operation } from '../types.ts';
import { headerOf } from './outcomes.ts';

const valueCharsMax = 24;

/** One line for a human: who, what, when, with which end. */
export function describeOperation(operation: Operation): string {
  const { outcome } = operation;
  const times = `${operation.startUs}–${operation.endUs ?? '?'} µs`;
  const end =
    outcome.kind === 'answered'
      ? `revision ${headerOf(operation)?.revision ?? '?'}`
      : outcome.kind === 'refused'
        ? outcome.refusal.code
        : `${outcome.kind}: ${outcome.reason}`;
  return `client ${operation.client} call ${operation.callId} ${describeRequest(operation.request)} [${times}, ${end}]`;
}

function describeRequest(request: MemberRequest): string {
  switch (request.kind) {
    case 'range': {
      const { key, rangeEnd, revision, serializable } = request.request;
      return `${serializable ? 'serializable ' : ''}range ${span(key, rangeEnd)}${revision > 0 ? ` at ${revision}` : ''}`;
    }
    case 'put':
      return `put ${request.request.key}=${shortened(request.request.value)}`;
    case 'deleteRange':
      return `delete ${span(request.request.key, request.request.rangeEnd)}`;
    case 'txn':
      return describeTxn(request.request);
    case 'compact':
      return `compact ${request.request.revision}`;
    default:
      return request.kind;
  }
}

function describeTxn(txn: TxnRequest): string {
  const compares = txn.compare.map((compare) => compare.key).join(', ');
  return `txn(if ${compares || 'always'} then ${branch(txn.success)} else ${branch(txn.failure)})`;
}

function branch(operations: readonly RequestOp[]): string {
  const parts = operations.map((op) => {
    if (op.requestRange !== undefined) return `range ${span(op.requestRange.key, op.requestRange.rangeEnd)}`;
    if (op.requestPut !== undefined) return `put ${op.requestPut.key}=${shortened(op.requestPut.value)}`;
    if (op.requestDeleteRange !== undefined)
      return `delete ${span(op.requestDeleteRange.key, op.requestDeleteRange.rangeEnd)}`;
    return op.requestTxn === undefined ? 'nothing' : describeTxn(op.requestTxn);
  });
  return parts.length === 0 ? 'nothing' : parts.join('; ');
}

function span(key: string, rangeEnd: string): string {
  return rangeEnd === '' ? key : `[${key}, ${rangeEnd === '\0' ? 'end' : rangeEnd})`;
}

function shortened(value: Uint8Array): string {
  const text = latin1FromBytes(value.subarray(0, valueCharsMax));
  return value.length > valueCharsMax ? `${text}…` : text;
}
