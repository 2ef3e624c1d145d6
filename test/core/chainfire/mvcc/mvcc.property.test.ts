import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  Compare,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
  sortTargets,
} from '../../../../core/chainfire/api/kv.ts';
import { checkRevision, evaluateRange } from '../../../../core/chainfire/mvcc/range.ts';
import { joinedPages } from './joined-pages.ts';
import { validate } from '../../../../core/chainfire/validation.ts';
import { Machine } from '../machine.ts';
import { value } from '../requests.ts';
import { Model } from './model.ts';

/** Few, so that they meet; and such as break a sloppy escape. */
const key = fc.constantFrom(
  'a',
  'b',
  'c',
  'a\x00',
  'a\x00\x01',
  'a\x00\xff',
  'a\x01',
  'ab',
  '\x00',
  '\x01',
  '\xff',
  'b\xff\xff',
);
const rangeEnd = fc.oneof(
  { weight: 2, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constant('\x00') },
  { weight: 3, arbitrary: key },
);
/** Thousandths of the newest revision, so that shrinking keeps its meaning; above 1000 lies the future. */
const past = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 1_100 }) },
);
const small = fc.integer({ min: 0, max: 12 });
const text = fc.constantFrom('', 'x', 'y', 'xy').map(value);

const rangeRequest = fc
  .record({
    key,
    rangeEnd,
    past,
    limit: fc.integer({ min: 0, max: 4 }),
    sortOrder: fc.integer({ min: 0, max: 2 }),
    sortTarget: fc.integer({ min: 0, max: 4 }),
    keysOnly: fc.boolean(),
    countOnly: fc.constantFrom(false, false, false, true),
    filter: fc.constantFrom(
      'none',
      'minModRevision',
      'maxModRevision',
      'minCreateRevision',
      'maxCreateRevision',
    ),
    bound: small,
  })
  .map(({ past: revision, filter, bound, ...rest }) =>
    RangeRequest.create({ ...rest, revision, ...(filter === 'none' ? {} : { [filter]: bound }) }),
  );
const putRequest = fc
  .record({
    key,
    value: text,
    prevKv: fc.boolean(),
    ignoreValue: fc.constantFrom(false, false, true),
    lease: fc.constantFrom(0n, 0n, 0n, 5n),
  })
  .map((fields) => PutRequest.create({ ...fields, value: fields.ignoreValue ? value('') : fields.value }));
const deleteRequest = fc.record({ key, rangeEnd, prevKv: fc.boolean() });
const compare = fc
  .record({
    key,
    rangeEnd,
    target: fc.integer({ min: 0, max: 4 }),
    result: fc.integer({ min: 0, max: 3 }),
    operand: small,
    text,
  })
  .map(({ operand, text: bytes, ...rest }) => {
    const fields = [
      { version: operand },
      { createRevision: operand },
      { modRevision: operand },
      { value: bytes },
      { lease: BigInt(operand) },
    ];
    return Compare.create({ ...rest, ...fields[rest.target] });
  });
const { txn: txnRequest } = fc.letrec<{ txn: TxnRequest; operation: RequestOp }>((tie) => ({
  operation: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    rangeRequest.map((requestRange) => RequestOp.create({ requestRange })),
    putRequest.map((requestPut) => RequestOp.create({ requestPut })),
    deleteRequest.map((requestDeleteRange) => RequestOp.create({ requestDeleteRange })),
    tie('txn').map((requestTxn) => RequestOp.create({ requestTxn })),
  ),
  txn: fc.record({
    compare: fc.array(compare, { maxLength: 2 }),
    success: fc.array(tie('operation'), { maxLength: 4 }),
    failure: fc.array(tie('operation'), { maxLength: 3 }),
  }),
}));

const step = fc.oneof(
  { weight: 4, arbitrary: putRequest.map((request) => ({ kind: 'put', request }) as const) },
  { weight: 2, arbitrary: deleteRequest.map((request) => ({ kind: 'deleteRange', request }) as const) },
  { weight: 4, arbitrary: txnRequest.map((request) => ({ kind: 'txn', request }) as const) },
  { weight: 4, arbitrary: rangeRequest.map((request) => ({ kind: 'range', request }) as const) },
  { weight: 1, arbitrary: past.map((revision) => ({ kind: 'compact', revision }) as const) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(1, 2, 5, 30).map((records) => ({ kind: 'free', records }) as const),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' } as const) },
);

/** Thousandths become a revision. */
function resolve(revision: number, newest: number): number {
  return revision === 0 ? 0 : Math.max(1, Math.ceil((revision * newest) / 1_000));
}

function resolveTxn(txn: TxnRequest, newest: number): TxnRequest {
  const operation = (one: RequestOp): RequestOp => ({
    ...one,
    requestRange: one.requestRange && {
      ...one.requestRange,
      revision: resolve(one.requestRange.revision, newest),
    },
    requestTxn: one.requestTxn && resolveTxn(one.requestTxn, newest),
  });
  return { compare: txn.compare, success: txn.success.map(operation), failure: txn.failure.map(operation) };
}

function codeOf(response: { readonly kind: string; readonly code?: string }): string | undefined {
  return response.kind === 'refused' ? response.code : undefined;
}

test('whatever is put, deleted, compared and compacted in whatever order, every read is that of the model', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const model = new Model();
      const machine = new Machine();
      for (const one of steps) {
        const newest = model.revision;
        switch (one.kind) {
          case 'put':
          case 'deleteRange': {
            const request = one as { kind: 'put'; request: PutRequest };
            const operation = RequestOp.create(
              one.kind === 'put' ? { requestPut: one.request } : { requestDeleteRange: one.request },
            );
            const expected = model.txn(TxnRequest.create({ success: [operation] }));
            const actual = machine.do(request);
            if (typeof expected === 'string') expect(codeOf(actual)).toBe(expected);
            else {
              const response = expected.responses[0];
              expect(actual).toEqual({
                kind: one.kind,
                response: response?.responsePut ?? response?.responseDeleteRange,
              });
            }
            break;
          }
          case 'txn': {
            const request = resolveTxn(one.request, newest);
            if (validate({ kind: 'txn', request }, { txnOperationsMax: 128 }) !== undefined) break;
            const expected = model.txn(request);
            const actual = machine.do({ kind: 'txn', request });
            if (typeof expected === 'string') expect(codeOf(actual)).toBe(expected);
            else expect(actual).toEqual({ kind: 'txn', response: expected });
            break;
          }
          case 'range': {
            const request = { ...one.request, revision: resolve(one.request.revision, newest) };
            const actual =
              checkRevision(machine.mvcc, request.revision) ?? evaluateRange(machine.mvcc, request);
            expect(actual).toEqual(model.range(request));
            if (typeof actual !== 'string' && request.sortTarget === sortTargets.key) {
              expect(joinedPages(machine.mvcc, request)).toEqual(actual);
            }
            break;
          }
          case 'compact': {
            const revision = resolve(one.revision, newest);
            const actual = machine.do({ kind: 'compact', request: { revision, physical: false } });
            expect(codeOf(actual)).toBe(model.compact(revision));
            break;
          }
          case 'free':
            machine.free(one.records);
            break;
          case 'restart':
            machine.restart();
            break;
        }
        expect(machine.mvcc.revision).toBe(model.revision);
      }
      checkRows(machine, model);
    }),
    { numRuns: 300 },
  );
});

/** Once everything is freed, the store holds what the model keeps, says so itself, and hashes as before. */
function checkRows(machine: Machine, model: Model): void {
  const hash = machine.hashKv();
  while (machine.free(7));
  expect(machine.rows('history').length).toBe(model.keptRecords);
  expect(machine.rows('index').length).toBe(model.keptRecords);
  expect(machine.rows('current').length).toBe(model.now.size);
  expect(machine.hashKv()).toBe(hash);
  let bytes = 0;
  for (const table of ['current', 'history', 'index']) {
    for (const [rowKey, row] of machine.rows(table)) bytes += rowKey.length + row.length;
  }
  expect(machine.mvcc.storedBytes).toBe(bytes);
  expect(machine.mvcc.liveBytes).toBe(
    machine.rows('current').reduce((sum, [rowKey, row]) => sum + rowKey.length + row.length, 0),
  );
}

test('a batch of entries, entry by entry, or again after a crash between them: the same rows and the same hash', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 30, size: 'max' }),
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 30, maxLength: 30 }),
      (steps, sizes) => {
        const one = new Machine();
        for (const each of steps) {
          const newest = one.mvcc.revision;
          if (each.kind === 'put' || each.kind === 'deleteRange') one.do(each as never);
          if (each.kind === 'compact')
            one.do({
              kind: 'compact',
              request: { revision: resolve(each.revision, newest), physical: false },
            });
          if (each.kind !== 'txn') continue;
          const request = resolveTxn(each.request, newest);
          if (validate({ kind: 'txn', request }, { txnOperationsMax: 128 }) === undefined)
            one.do({ kind: 'txn', request });
        }
        const batched = new Machine();
        for (let at = 0, turn = 0; at < one.log.length; turn += 1) {
          const batch = one.log.slice(at, at + (sizes[turn] as number));
          batched.log.push(...batch);
          batched.restart();
          at += batch.length;
        }
        for (const table of ['current', 'history', 'index'])
          expect(batched.rows(table)).toEqual(one.rows(table));
        expect(batched.mvcc.hash).toBe(one.mvcc.hash);
        expect(batched.rows('meta')).toEqual(one.rows('meta'));
      },
    ),
    { numRuns: 100 },
  );
});
