import { describe, expect, test } from 'vitest';

import { bytesFromLatin1 } from '../../../core/base/bytes.ts';
import {
  Compare,
  compareTargets,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyValue,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
} from '../../../core/chainfire/api/kv.ts';
import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { longestLinearization, requireLinearizable } from '../../../sim/checkers/linearizability.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { type Operation, Violation } from '../../../sim/types.ts';
import { honestHistory, noOp, noResponse } from './history-oracle.ts';

let callId = 0;
const header = (revision: number): ResponseHeader => ResponseHeader.create({ revision });
const kv = (
  key: string,
  value: string,
  createRevision: number,
  modRevision: number,
  version: number,
): KeyValue => KeyValue.create({ key, value: bytesFromLatin1(value), createRevision, modRevision, version });

function operation(
  startUs: number,
  endUs: number | undefined,
  request: MemberRequest,
  response?: Exclude<MemberResponse, { kind: 'refused' }>,
): Operation {
  callId += 1;
  const outcome =
    response === undefined
      ? ({ kind: 'unknown', reason: 'lost' } as const)
      : ({ kind: 'answered', response } as const);
  return { client: callId, callId, request, startUs, endUs, outcome };
}

const putRequest = (key: string, value: string): MemberRequest => ({
  kind: 'put',
  request: PutRequest.create({ key, value: bytesFromLatin1(value) }),
});
const put = (startUs: number, endUs: number, key: string, value: string, revision: number): Operation =>
  operation(startUs, endUs, putRequest(key, value), {
    kind: 'put',
    response: PutResponse.create({ header: header(revision) }),
  });
const lostPut = (startUs: number, key: string, value: string): Operation =>
  operation(startUs, undefined, putRequest(key, value));
const get = (startUs: number, endUs: number, key: string, revision: number, row?: KeyValue): Operation =>
  operation(
    startUs,
    endUs,
    { kind: 'range', request: RangeRequest.create({ key }) },
    {
      kind: 'range',
      response: RangeResponse.create({
        header: header(revision),
        kvs: row === undefined ? [] : [row],
        count: row === undefined ? 0 : 1,
      }),
    },
  );
const remove = (startUs: number, endUs: number, key: string, revision: number, deleted: number): Operation =>
  operation(
    startUs,
    endUs,
    { kind: 'deleteRange', request: DeleteRangeRequest.create({ key }) },
    { kind: 'deleteRange', response: DeleteRangeResponse.create({ header: header(revision), deleted }) },
  );
const lostRemove = (startUs: number, key: string): Operation =>
  operation(startUs, undefined, { kind: 'deleteRange', request: DeleteRangeRequest.create({ key }) });
const swap = (
  startUs: number,
  endUs: number,
  key: string,
  mod: number,
  value: string,
  revision: number,
): Operation =>
  operation(
    startUs,
    endUs,
    {
      kind: 'txn',
      request: {
        compare: [Compare.create({ key, target: compareTargets.mod, modRevision: mod })],
        success: [{ ...noOp, requestPut: PutRequest.create({ key, value: bytesFromLatin1(value) }) }],
        failure: [],
      },
    },
    {
      kind: 'txn',
      response: {
        header: header(revision),
        succeeded: true,
        responses: [{ ...noResponse, responsePut: PutResponse.create() }],
      },
    },
  );

const check = (history: readonly Operation[], attemptsMax = 100_000): string => {
  const ordered = history.toSorted((left, right) => left.startUs - right.startUs);
  try {
    requireLinearizable('linearizability', ordered, { attemptsMax });
  } catch (error) {
    if (error instanceof Violation) return error.invariant;
    throw error;
  }
  return 'passes';
};

test('writes and reads one after another pass', () => {
  expect(
    check([put(0, 1, 'a', 'x', 2), get(2, 3, 'a', 2, kv('a', 'x', 2, 2, 1)), put(4, 5, 'a', 'y', 3)]),
  ).toBe('passes');
});

test('a stale read is caught: the write had ended before it began', () => {
  expect(check([put(0, 1, 'a', 'x', 2), get(2, 3, 'a', 1)])).toBe('linearizability');
});

test('a stale read is caught though nothing but another key was written since', () => {
  const history = [put(0, 1, 'a', 'x', 2), put(2, 3, 'b', 'z', 3), get(4, 5, 'a', 2, kv('a', 'x', 2, 2, 1))];
  expect(check(history)).toBe('linearizability');
});

test('an answer with the newest revision and an old row is caught', () => {
  const history = [put(0, 1, 'a', 'x', 2), put(2, 3, 'a', 'y', 3), get(4, 5, 'a', 3, kv('a', 'x', 2, 2, 1))];
  expect(check(history)).toBe('linearizability');
});

test('a lost update is caught: an acknowledged write is gone from the version count', () => {
  const history = [
    put(0, 1, 'a', 'x', 2),
    put(2, 3, 'a', 'y', 3),
    put(4, 5, 'a', 'z', 4),
    get(6, 7, 'a', 4, kv('a', 'z', 2, 4, 2)),
  ];
  expect(check(history)).toBe('linearizability');
});

test('a value that nobody wrote is caught', () => {
  expect(check([put(0, 1, 'a', 'x', 2), get(2, 3, 'a', 2, kv('a', 'ghost', 2, 2, 1))])).toBe(
    'linearizability',
  );
});

test('a value that was refused, so surely not written, is caught', () => {
  const refusedPut: Operation = {
    ...lostPut(0, 'a', 'x'),
    endUs: 1,
    outcome: { kind: 'failed', reason: 'no endpoint' },
  };
  expect(check([refusedPut, get(2, 3, 'a', 2, kv('a', 'x', 2, 2, 1))])).toBe('linearizability');
});

test('writes whose revisions contradict the clock are caught', () => {
  expect(check([put(0, 1, 'a', 'x', 3), put(2, 3, 'b', 'y', 2)])).toBe('linearizability');
  expect(check([put(0, 3, 'a', 'x', 3), put(2, 3, 'b', 'y', 2)])).toBe('passes');
});

test('two compare-and-swaps from one revision cannot both win', () => {
  const first = put(0, 1, 'a', 'x', 2);
  expect(check([first, swap(2, 9, 'a', 2, 'y', 3), swap(2, 9, 'a', 2, 'z', 4)])).toBe('linearizability');
  expect(check([first, swap(2, 9, 'a', 2, 'y', 3), swap(2, 9, 'a', 3, 'z', 4)])).toBe('passes');
});

test('one revision cannot be two writes', () => {
  expect(check([put(0, 5, 'a', 'x', 2), put(0, 5, 'a', 'y', 2)])).toBe('linearizability');
});

test('a write of unknown outcome explains what was seen of it, at its revision', () => {
  expect(check([lostPut(0, 'a', 'x'), get(2, 3, 'a', 1), get(4, 5, 'a', 2, kv('a', 'x', 2, 2, 1))])).toBe(
    'passes',
  );
  expect(check([lostPut(0, 'a', 'x'), get(2, 3, 'a', 2, kv('a', 'x', 2, 2, 1)), get(4, 5, 'a', 2)])).toBe(
    'linearizability',
  );
  expect(check([get(0, 1, 'a', 2, kv('a', 'x', 2, 2, 1)), lostPut(2, 'a', 'x')])).toBe('linearizability');
});

test('a delete of unknown outcome explains a row that is gone, if a revision is left for it', () => {
  const before = [put(0, 1, 'a', 'x', 2), lostRemove(2, 'a')];
  expect(check([...before, get(4, 5, 'a', 3)])).toBe('passes');
  expect(check([...before, get(4, 5, 'a', 2)])).toBe('linearizability');
  expect(check([...before, put(4, 5, 'b', 'y', 3), get(6, 7, 'a', 3)])).toBe('linearizability');
});

test('a put that was never seen shows in the version of the next', () => {
  const history = [
    put(0, 1, 'a', 'x', 2),
    lostPut(2, 'a', 'y'),
    put(4, 5, 'a', 'z', 4),
    get(6, 7, 'a', 4, kv('a', 'z', 2, 4, 3)),
  ];
  expect(check(history)).toBe('passes');
  expect(check(history.filter((one) => one.outcome.kind === 'answered'))).toBe('linearizability');
});

test('a put that was never seen shows in the creation of the next', () => {
  const born = [lostPut(2, 'a', 'y'), lostRemove(2, 'a'), lostPut(2, 'b', 'q'), put(4, 5, 'a', 'z', 4)];
  expect(check([...born, get(6, 7, 'a', 4, kv('a', 'z', 3, 4, 2))])).toBe('passes');
  expect(check([...born, get(6, 7, 'a', 4, kv('a', 'z', 2, 4, 2))])).toBe('passes');
  expect(check([...born, get(6, 7, 'a', 4, kv('a', 'z', 3, 4, 3))])).toBe('linearizability');
});

test('a range must be of one moment: half a txn is caught', () => {
  const txn = operation(
    0,
    1,
    {
      kind: 'txn',
      request: {
        compare: [],
        success: [putRequest('a', 'x'), putRequest('b', 'x')].map((one) => ({
          ...noOp,
          requestPut: one.kind === 'put' ? one.request : undefined,
        })),
        failure: [],
      },
    },
    {
      kind: 'txn',
      response: {
        header: header(2),
        succeeded: true,
        responses: [1, 2].map(() => ({ ...noResponse, responsePut: PutResponse.create() })),
      },
    },
  );
  const range = (rows: KeyValue[]): Operation =>
    operation(
      2,
      3,
      { kind: 'range', request: RangeRequest.create({ key: 'a', rangeEnd: 'c' }) },
      { kind: 'range', response: RangeResponse.create({ header: header(2), kvs: rows, count: rows.length }) },
    );
  expect(check([txn, range([kv('a', 'x', 2, 2, 1), kv('b', 'x', 2, 2, 1)])])).toBe('passes');
  expect(check([txn, range([kv('a', 'x', 2, 2, 1)])])).toBe('linearizability');
});

test('what a txn reads of the past is not held against the state that it writes to', () => {
  const txn = (row: KeyValue, revision: number): Operation =>
    operation(
      4,
      5,
      {
        kind: 'txn',
        request: {
          compare: [],
          success: [
            { ...noOp, requestPut: PutRequest.create({ key: 'a', value: bytesFromLatin1('z') }) },
            { ...noOp, requestRange: RangeRequest.create({ key: 'a', revision }) },
          ],
          failure: [],
        },
      },
      {
        kind: 'txn',
        response: {
          header: header(4),
          succeeded: true,
          responses: [
            { ...noResponse, responsePut: PutResponse.create() },
            { ...noResponse, responseRange: RangeResponse.create({ kvs: [row], count: 1 }) },
          ],
        },
      },
    );
  const before = [put(0, 1, 'a', 'x', 2), put(2, 3, 'a', 'y', 3)];
  expect(check([...before, txn(kv('a', 'x', 2, 2, 1), 2)])).toBe('passes');
  // A read of the present sees what the txn has put.
  expect(check([...before, txn(kv('a', 'x', 2, 2, 1), 0)])).toBe('linearizability');
});

test('a failed list of compares is held against all of its keys together', () => {
  const txn = (succeeded: boolean): Operation =>
    operation(
      4,
      5,
      {
        kind: 'txn',
        request: {
          compare: ['a', 'b'].map((key) =>
            Compare.create({ key, target: compareTargets.version, version: 1 }),
          ),
          success: [],
          failure: [],
        },
      },
      { kind: 'txn', response: { header: header(3), succeeded, responses: [] } },
    );
  const writes = [put(0, 1, 'a', 'x', 2), put(2, 3, 'b', 'y', 3)];
  expect(check([...writes, txn(true)])).toBe('passes');
  expect(check([...writes, txn(false)])).toBe('linearizability');
});

test('a delete that says it found nothing is held to it', () => {
  expect(check([put(0, 1, 'a', 'x', 2), remove(2, 3, 'a', 2, 0)])).toBe('linearizability');
  expect(check([put(0, 1, 'a', 'x', 2), remove(2, 3, 'a', 3, 1), get(4, 5, 'a', 3)])).toBe('passes');
});

test('a write of unknown outcome may take a later revision than the lowest, if its key was surely not written there', () => {
  const lostSwap = operation(8, undefined, {
    kind: 'txn',
    request: {
      compare: [Compare.create({ key: 'a', target: compareTargets.mod, modRevision: 1 })],
      success: [
        { ...noOp, requestPut: PutRequest.create({ key: 'a', value: bytesFromLatin1('never seen') }) },
      ],
      failure: [{ ...noOp, requestDeleteRange: DeleteRangeRequest.create({ key: 'a' }) }],
    },
  });
  const history = [
    put(0, 1, 'a', 'x', 2),
    lostPut(2, 'b', 'at 3'),
    lostPut(2, 'b', 'at 4'),
    get(6, 7, 'a', 3, kv('a', 'x', 2, 2, 1)),
    lostSwap,
    put(10, 11, 'a', 'y', 5),
  ];
  expect(check([...history, get(12, 13, 'a', 5, kv('a', 'y', 5, 5, 1))])).toBe('passes');
  const asOf4 = get(12, 13, 'a', 5, kv('a', 'x', 2, 2, 1));
  const past = (revision: number): Operation => ({
    ...asOf4,
    request: { kind: 'range', request: RangeRequest.create({ key: 'a', revision }) },
  });
  expect(check([...history, past(3), get(14, 15, 'a', 5, kv('a', 'y', 5, 5, 1))])).toBe('passes');
  expect(check([...history, past(4), get(14, 15, 'a', 5, kv('a', 'y', 5, 5, 1))])).toBe('linearizability');
});

test('a search without attempts is undecided, which is no pass', () => {
  expect(check([put(0, 1, 'a', 'x', 2), get(2, 3, 'a', 2, kv('a', 'x', 2, 2, 1))], 0)).toBe('undecided');
});

test('histories of an honest store pass, with calls of unknown outcome, whatever the mix', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const prng = seededPrng(`honest-${seed}`);
    const history = honestHistory(prng, {
      operations: 300,
      clients: 5,
      keys: 1 + (seed % 6),
      unknownPercent: (seed % 4) * 10,
    });
    expect(`${seed} ${check(history, 1_000_000)}`).toBe(`${seed} passes`);
  }
});

test('an honest history with one row changed is caught, wherever it is', () => {
  let changed = 0;
  for (let seed = 1; seed <= 40; seed += 1) {
    const prng = seededPrng(`changed-${seed}`);
    const history = honestHistory(prng, { operations: 300, clients: 5, keys: 4, unknownPercent: 5 });
    const reads = history.filter(
      (one) =>
        one.outcome.kind === 'answered' &&
        one.outcome.response.kind === 'range' &&
        one.outcome.response.response.count > 0,
    );
    const victim = reads[prng.below(reads.length)];
    if (victim?.outcome.kind !== 'answered' || victim.outcome.response.kind !== 'range') continue;
    const { response } = victim.outcome.response;
    const [first, ...rest] = response.kvs;
    if (first === undefined) continue;
    const row = prng.chance(1, 2)
      ? { ...first, version: first.version + 1 }
      : { ...first, createRevision: first.createRevision - 1 };
    const lie: Operation = {
      ...victim,
      outcome: {
        kind: 'answered',
        response: { kind: 'range', response: { ...response, kvs: [row, ...rest] } },
      },
    };
    changed += 1;
    expect(
      `${seed} ${check(
        history.map((one) => (one === victim ? lie : one)),
        1_000_000,
      )}`,
    ).toBe(`${seed} linearizability`);
  }
  expect(changed).toBeGreaterThan(30);
});

test('10,000 operations of 8 clients, 5% of unknown outcome, are checked in less than a million attempts', () => {
  const history = honestHistory(seededPrng('long'), {
    operations: 10_000,
    clients: 8,
    keys: 20,
    unknownPercent: 5,
  });
  expect(check(history, 1_000_000)).toBe('passes');
});

describe('how far a history can be put in order', () => {
  const [first, second] = [put(0, 1, 'a', 'x', 2), put(10, 11, 'a', 'y', 3)];
  const elsewhere = put(4, 5, 'b', 'z', 4);

  test('ends before a read that shows what had been overwritten, and says why', () => {
    const [fresh, stale] = [
      get(20, 21, 'a', 3, kv('a', 'y', 2, 3, 2)),
      get(30, 31, 'a', 3, kv('a', 'x', 2, 2, 1)),
    ];
    const found = longestLinearization([first, elsewhere, second, fresh, stale]);
    expect(found).toMatchObject({ keys: ['a'], order: [first, second, fresh], left: [stale] });
    expect(found?.stuck?.operation).toBe(stale);
    expect(found?.stuck?.reason).not.toBe('');
  });

  test('tells what the clock forbids, too', () => {
    const stale = get(20, 21, 'a', 2, kv('a', 'x', 2, 2, 1));
    expect(longestLinearization([first, second, stale])?.left).toContain(stale);
  });

  test('is everything where there is an order', () => {
    expect(longestLinearization([first, second, lostPut(3, 'a', 'w')])).toBeUndefined();
  });
});
