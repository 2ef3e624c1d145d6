import { type RangeRequest, type RequestOp, type TxnRequest } from '../../../core/chainfire/api/kv.ts';
import { type MemberRequest } from '../../../core/chainfire/member-protocol.ts';
import { type CallContext } from '../service.ts';
import { StatusError } from '../status.ts';

/** Metadata that says how new the answer to a read must be; it stands above etcd's `serializable` flags in the request. */
export const readConsistencyName = 'photon-read-consistency';

const readConsistencies = ['local', 'serializable', 'linearizable'] as const;
export type ReadConsistency = (typeof readConsistencies)[number];

/** @throws StatusError INVALID_ARGUMENT for a value that is none of the three */
export function readConsistencyOf(context: Pick<CallContext, 'metadata'>): ReadConsistency | undefined {
  const value = context.metadata(readConsistencyName);
  if (value === undefined) return undefined;
  const known = readConsistencies.find((consistency) => consistency === value);
  if (known !== undefined) return known;
  throw new StatusError(
    'INVALID_ARGUMENT',
    `${readConsistencyName} is ${JSON.stringify(value)}, it must be one of ${readConsistencies.join(', ')}`,
  );
}

export function rangeWith(
  request: RangeRequest,
  consistency: ReadConsistency | undefined,
): Extract<MemberRequest, { kind: 'range' }> {
  switch (consistency) {
    case undefined:
      return { kind: 'range', request };
    case 'local':
      return { kind: 'range', request, consistency };
    default:
      return { kind: 'range', request: { ...request, serializable: consistency === 'serializable' } };
  }
}

/** A transaction that writes is what it is whatever the metadata says. */
export function txnWith(
  request: TxnRequest,
  consistency: ReadConsistency | undefined,
): Extract<MemberRequest, { kind: 'txn' }> {
  switch (consistency) {
    case undefined:
      return { kind: 'txn', request };
    case 'local':
      return { kind: 'txn', request, consistency };
    default:
      return { kind: 'txn', request: withSerializable(request, consistency === 'serializable') };
  }
}

/** Nesting is bounded by the decoder. */
function withSerializable(txn: TxnRequest, serializable: boolean): TxnRequest {
  const changed = (operation: RequestOp): RequestOp => ({
    ...operation,
    requestRange: operation.requestRange && { ...operation.requestRange, serializable },
    requestTxn: operation.requestTxn && withSerializable(operation.requestTxn, serializable),
  });
  return { ...txn, success: txn.success.map(changed), failure: txn.failure.map(changed) };
}
