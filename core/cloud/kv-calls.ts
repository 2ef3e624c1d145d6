import { present, unreachable } from '../base/assert.ts';
import { bytesFromLatin1, latin1FromBytes, noBytes } from '../base/bytes.ts';
import {
  type Compare,
  compareResults,
  compareTargets,
  type KeyValue,
  RangeRequest,
  type RequestOp,
  type TxnRequest,
} from '../chainfire/api/kv.ts';
import { type ClientOutcome } from '../chainfire/client/protocol.ts';
import { type MemberRequest } from '../chainfire/member-protocol.ts';
import {
  type KvChange,
  type KvCompare,
  type KvEffect,
  type KvOutcome,
  type KvRow,
} from '../plasma/control-plane/protocol.ts';

/** What the control plane asks of its store, as Chainfire is asked, and the answers back. */
export function memberRequestOf(effect: Extract<KvEffect, { readonly kvId: number }>): MemberRequest {
  switch (effect.kind) {
    case 'kvTxn': {
      const { compares, changes, otherwiseRead } = effect;
      const request: TxnRequest = {
        compare: compares.map(compareOf),
        success: changes.map(changeOf),
        failure: otherwiseRead.map((key) => ({ ...noOperation, requestRange: rangeOf({ key }) })),
      };
      return { kind: 'txn', request };
    }
    case 'kvRange': {
      const { key, end, revision, limit } = effect;
      return { kind: 'range', request: rangeOf({ key, rangeEnd: end ?? '', revision, limit }) };
    }
    case 'kvLeaseGrant':
      return { kind: 'leaseGrant', request: { ttlSeconds: effect.ttlSeconds, id: 0n } };
    default:
      return unreachable(effect);
  }
}

export function kvOutcomeOf(outcome: ClientOutcome): KvOutcome {
  switch (outcome.kind) {
    case 'answered':
      break;
    // All refusals that reach here promise that nothing was done.
    case 'refused':
      return { kind: 'failed', reason: outcome.refusal.message };
    case 'failed':
    case 'unknown':
      return outcome;
    default:
      return unreachable(outcome);
  }
  const { response } = outcome;
  switch (response.kind) {
    case 'txn': {
      const { succeeded, responses, header } = response.response;
      const rows: KvRow[] = [];
      for (const { responseRange } of responses) rows.push(...(responseRange?.kvs ?? []).map(rowOf));
      return { kind: 'txn', succeeded, revision: header?.revision ?? 0, rows };
    }
    case 'range': {
      const { kvs, more, header } = response.response;
      return { kind: 'range', rows: kvs.map(rowOf), more, revision: header?.revision ?? 0 };
    }
    case 'leaseGrant': {
      const { id, ttlSeconds } = response.response;
      return { kind: 'leaseGranted', lease: String(id), ttlSeconds };
    }
    default:
      return { kind: 'unknown', reason: `the store has answered ${response.kind}` };
  }
}

const noOperation: RequestOp = {
  requestRange: undefined,
  requestPut: undefined,
  requestDeleteRange: undefined,
  requestTxn: undefined,
};

function compareOf(compare: KvCompare): Compare {
  const blank: Compare = {
    result: compareResults.equal,
    target: compareTargets.create,
    key: compare.key,
    version: undefined,
    createRevision: undefined,
    modRevision: undefined,
    value: undefined,
    lease: undefined,
    rangeEnd: '',
  };
  switch (compare.kind) {
    case 'absent':
      return { ...blank, createRevision: 0 };
    case 'createRevision':
      return { ...blank, createRevision: compare.equals };
    case 'value':
      return { ...blank, target: compareTargets.value, value: bytesFromLatin1(compare.equals) };
    default:
      return unreachable(compare);
  }
}

function changeOf(change: KvChange): RequestOp {
  const { key } = change;
  if (change.kind === 'delete') {
    return { ...noOperation, requestDeleteRange: { key, rangeEnd: '', prevKv: false } };
  }
  return {
    ...noOperation,
    requestPut: {
      key,
      value: bytesFromLatin1(change.value),
      lease: change.lease === undefined ? 0n : BigInt(change.lease),
      prevKv: false,
      ignoreValue: false,
      ignoreLease: false,
    },
  };
}

function rangeOf(asked: Partial<RangeRequest>): RangeRequest {
  return RangeRequest.create(asked);
}

function rowOf(found: KeyValue): KvRow {
  const value = present(found.value ?? noBytes, 'a key has a value');
  return { key: found.key, value: latin1FromBytes(value), createRevision: found.createRevision };
}
