import { describe, expect, test } from 'vitest';

import {
  rangeWith,
  type ReadConsistency,
  readConsistencyOf,
  txnWith,
} from '../../../adapters/grpc/services/read-consistency.ts';
import { PutRequest, RangeRequest, RequestOp, TxnRequest } from '../../../core/chainfire/api/kv.ts';
import { isSerializable } from '../../../core/chainfire/command.ts';

const withMetadata = (value: string | undefined) => ({
  metadata: (name: string) => (name === 'photon-read-consistency' ? value : undefined),
});
const range = (serializable: boolean) => RangeRequest.create({ key: 'k', limit: 3, serializable });
const rangeOp = (serializable: boolean) => RequestOp.create({ requestRange: range(serializable) });
const nested = (...success: RequestOp[]) => RequestOp.create({ requestTxn: TxnRequest.create({ success }) });

describe('the metadata', () => {
  test.each(['local', 'serializable', 'linearizable'])('%s is understood', (value) => {
    expect(readConsistencyOf(withMetadata(value))).toBe(value);
  });

  test('without it, the request says', () => {
    expect(readConsistencyOf(withMetadata(undefined))).toBeUndefined();
    for (const serializable of [true, false]) {
      expect(rangeWith(range(serializable), undefined)).toEqual({
        kind: 'range',
        request: range(serializable),
      });
    }
  });

  test.each(['', 'Local', 'eventual', 'local,serializable'])(
    '%j is refused, with what is allowed',
    (value) => {
      expect(() => readConsistencyOf(withMetadata(value))).toThrow(
        expect.objectContaining({
          code: 'INVALID_ARGUMENT',
          message: `photon-read-consistency is ${JSON.stringify(value)}, it must be one of local, serializable, linearizable`,
        }),
      );
    },
  );
});

describe('a range', () => {
  test.each([
    ['linearizable', false],
    ['serializable', true],
  ] as const)('%s stands above its own flag', (consistency, serializable) => {
    for (const own of [true, false]) {
      expect(rangeWith(range(own), consistency)).toEqual({ kind: 'range', request: range(serializable) });
    }
  });

  test('local is said to the member, the request stays as it is', () => {
    expect(rangeWith(range(false), 'local')).toEqual({
      kind: 'range',
      request: range(false),
      consistency: 'local',
    });
  });
});

describe('a transaction', () => {
  const txn = (own: boolean) =>
    TxnRequest.create({ success: [rangeOp(own), nested(rangeOp(own))], failure: [rangeOp(own)] });

  test.each([
    ['linearizable', false],
    ['serializable', true],
  ] as const)('%s stands above the flags of all its ranges, nested ones too', (consistency, serializable) => {
    for (const own of [true, false]) {
      const { request } = txnWith(txn(own), consistency);
      expect(request).toEqual(txn(serializable));
      expect(isSerializable(request)).toBe(serializable);
    }
  });

  test('what it writes and compares stays', () => {
    const writing = TxnRequest.create({
      success: [RequestOp.create({ requestPut: PutRequest.create({ key: 'k' }) }), rangeOp(false)],
    });
    expect(txnWith(writing, 'serializable').request.success[0]).toEqual(writing.success[0]);
    for (const consistency of ['local', undefined] satisfies (ReadConsistency | undefined)[]) {
      expect(txnWith(writing, consistency).request).toBe(writing);
    }
  });
});
