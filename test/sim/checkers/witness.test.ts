import { expect, test } from 'vitest';
import fc from 'fast-check';

import { bytesFromLatin1 } from '../../../core/base/bytes.ts';
import { type Prng } from '../../../core/base/prng.ts';
import {
  Compare,
  compareTargets,
  DeleteRangeRequest,
  KeyValue,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RequestOp,
  ResponseHeader,
  ResponseOp,
  TxnRequest,
  TxnResponse,
} from '../../../core/chainfire/api/kv.ts';
import { isLeaseEnd } from '../../../sim/checkers/lease-ends.ts';
import { requireLinearizable } from '../../../sim/checkers/linearizability.ts';
import { Truth } from '../../../sim/checkers/truth.ts';
import { findMisread, findWitness } from '../../../sim/checkers/witness.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { type Operation, Violation } from '../../../sim/types.ts';
import { honestRun } from './history-oracle.ts';

const seeds = fc.integer({ min: 1, max: 2 ** 31 });
let callId = 0;

function operation(part: Pick<Operation, 'request' | 'startUs' | 'endUs' | 'outcome'>): Operation {
  callId += 1;
  return { client: callId, callId, ...part };
}
const lost = { kind: 'unknown', reason: 'lost' } as const;
const header = (revision: number): ResponseHeader => ResponseHeader.create({ revision });
const row = (key: string, value: string, modRevision: number, lease = 0n): KeyValue =>
  KeyValue.create({
    key,
    value: bytesFromLatin1(value),
    createRevision: modRevision,
    modRevision,
    version: 1,
    lease,
  });
const gone = (key: string, modRevision: number): KeyValue => KeyValue.create({ key, modRevision });
const put = (
  startUs: number,
  endUs: number | undefined,
  key: string,
  value: string,
  revision: number,
): Operation =>
  operation({
    startUs,
    endUs,
    request: { kind: 'put', request: PutRequest.create({ key, value: bytesFromLatin1(value) }) },
    outcome:
      endUs === undefined
        ? lost
        : {
            kind: 'answered',
            response: { kind: 'put', response: PutResponse.create({ header: header(revision) }) },
          },
  });
const lostRemove = (startUs: number, key: string): Operation =>
  operation({
    startUs,
    endUs: undefined,
    request: { kind: 'deleteRange', request: DeleteRangeRequest.create({ key }) },
    outcome: lost,
  });
const get = (
  startUs: number,
  endUs: number,
  revision: number,
  kvs: readonly KeyValue[],
  request: Partial<RangeRequest> = { key: 'a' },
): Operation =>
  operation({
    startUs,
    endUs,
    request: { kind: 'range', request: RangeRequest.create(request) },
    outcome: {
      kind: 'answered',
      response: {
        kind: 'range',
        response: RangeResponse.create({ header: header(revision), kvs: [...kvs], count: kvs.length }),
      },
    },
  });
const truthOf = (...changes: readonly (readonly KeyValue[])[]): Truth => {
  const truth = new Truth();
  changes.forEach((rows, at) => {
    truth.add({ revision: at + 2, atUs: at, rows });
  });
  return truth;
};
const witness = (history: readonly Operation[], truth: Truth): string => {
  const verdict = findWitness(history, truth, { isInternal: (change) => isLeaseEnd(change, truth) });
  return verdict.kind === 'fits' ? 'fits' : verdict.detail;
};
const search = (history: readonly Operation[]): string => {
  try {
    requireLinearizable('linearizability', history, { attemptsMax: 2_000_000 });
  } catch (error) {
    if (error instanceof Violation) return error.invariant;
    throw error;
  }
  return 'passes';
};

test('what an honest store did is a witness for what its clients were told, whoever heard of it', () => {
  fc.assert(
    fc.property(
      seeds,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 0, max: 60 }),
      (seed, keys, unknownPercent) => {
        const { history, truth } = honestRun(seededPrng(`honest ${seed}`), {
          operations: 60,
          clients: 5,
          keys,
          unknownPercent,
        });
        expect(witness(history, truth)).toBe('fits');
      },
    ),
    { numRuns: 1_500 },
  );
});

test('whatever has a witness the plain search finds linearizable: thousands of small histories, most of them broken', () => {
  const seen = { fits: 0, contradicted: 0, caughtBySearch: 0 };
  fc.assert(
    fc.property(
      seeds,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 50 }),
      (seed, keys, unknownPercent) => {
        const prng = seededPrng(`broken ${seed}`);
        const run = honestRun(prng, { operations: 24, clients: 4, keys, unknownPercent });
        const history = prng.chance(1, 5) ? run.history : tampered(prng, run.history);
        const fits = witness(history, run.truth) === 'fits';
        const verdict = search(history);
        expect(verdict).not.toBe('undecided');
        if (fits) expect(verdict).toBe('passes');
        seen[fits ? 'fits' : 'contradicted'] += 1;
        if (verdict !== 'passes') seen.caughtBySearch += 1;
      },
    ),
    { numRuns: 6_000 },
  );
  // Both kinds came up, and what the witness refuses is for the most part what the search refuses.
  expect(seen.fits).toBeGreaterThan(1_000);
  expect(seen.caughtBySearch).toBeGreaterThan(1_000);
  expect(seen.caughtBySearch).toBeGreaterThan(seen.contradicted / 2);
});

test('a write of unknown outcome may have got the very revision that a compare asks for, and not the lowest there is', () => {
  const asks = (revision: number, modRevision: number): Operation =>
    operation({
      startUs: 4,
      endUs: 5,
      request: {
        kind: 'txn',
        request: TxnRequest.create({
          compare: [Compare.create({ target: compareTargets.mod, key: 'a', modRevision })],
          success: [
            RequestOp.create({ requestPut: PutRequest.create({ key: 'a', value: bytesFromLatin1('z') }) }),
          ],
        }),
      },
      outcome: {
        kind: 'answered',
        response: {
          kind: 'txn',
          response: TxnResponse.create({
            header: header(revision),
            succeeded: true,
            responses: [ResponseOp.create({ responsePut: PutResponse.create({}) })],
          }),
        },
      },
    });
  const lostPuts = ['a', 'b', 'b'].map((key, at) => put(at, undefined, key, 'unseen', 0));
  // Of 2, 3 and 4 the put of `a` must have got just this one.
  for (const modRevision of [2, 3, 4]) expect(search([...lostPuts, asks(5, modRevision)])).toBe('passes');
  expect(search([...lostPuts, asks(5, 5)])).toBe('linearizability');
});

/** One lie, or one thing that nobody was told: most of them break the history, some only make it another. */
function tampered(prng: Prng, history: readonly Operation[]): Operation[] {
  const at = prng.below(history.length);
  const victim = history[at];
  if (victim === undefined) return [...history];
  const replaced = (by: Operation): Operation[] =>
    history.map((one) => (one === victim ? by : one)).sort((left, right) => left.startUs - right.startUs);
  switch (prng.below(5)) {
    case 0:
      return history.filter((one) => one !== victim);
    case 1: {
      const shift = 2_000 * (1 + prng.below(10));
      return replaced({
        ...victim,
        startUs: victim.startUs + shift,
        endUs: victim.endUs === undefined ? undefined : victim.endUs + shift,
      });
    }
    case 2: {
      const other = history[prng.below(history.length)];
      const swapped = other?.outcome.kind === 'answered' && other.request.kind === victim.request.kind;
      return victim.outcome.kind === 'answered' && swapped
        ? replaced({ ...victim, outcome: other.outcome })
        : [...history];
    }
    case 3:
      return replaced(withRevision(victim, prng.chance(1, 2) ? 1 : -1));
    default:
      return replaced(withRow(prng, victim));
  }
}

function withRevision(victim: Operation, by: number): Operation {
  if (victim.outcome.kind !== 'answered') return victim;
  const answer = victim.outcome.response as { kind: 'range'; response: RangeResponse };
  const revision = (answer.response.header?.revision ?? 0) + by;
  const response = { ...answer, response: { ...answer.response, header: header(revision) } };
  return { ...victim, outcome: { kind: 'answered', response } };
}

function withRow(prng: Prng, victim: Operation): Operation {
  if (victim.outcome.kind !== 'answered' || victim.outcome.response.kind !== 'range') return victim;
  const { response } = victim.outcome.response;
  const [first, ...rest] = response.kvs;
  const kvs: KeyValue[] =
    first === undefined || prng.chance(1, 4)
      ? rest
      : ([
          [{ ...first, version: first.version + 1 }],
          [{ ...first, modRevision: Math.max(first.createRevision, first.modRevision - 1) }],
          [{ ...first, value: bytesFromLatin1('ghost') }],
        ][prng.below(3)]?.concat(rest) ?? rest);
  return {
    ...victim,
    outcome: {
      kind: 'answered',
      response: { kind: 'range', response: { ...response, kvs, count: kvs.length } },
    },
  };
}

test('a delete of unknown outcome explains a revision only if it began before anybody was shown so much', () => {
  const truth = truthOf([row('a', 'x', 2)], [gone('a', 3)]);
  const first = put(0, 1, 'a', 'x', 2);
  expect(witness([first, lostRemove(2, 'a'), get(4, 5, 3, [])], truth)).toBe('fits');
  expect(witness([first, get(4, 5, 3, []), lostRemove(6, 'a')], truth)).toMatch(/was shown before .* began/);
  expect(witness([first, lostRemove(2, 'b'), get(4, 5, 3, [])], truth)).toMatch(
    /no operation explains revision 3/,
  );
});

test('one write of unknown outcome does not explain two revisions, and each takes what the other can spare', () => {
  const truth = truthOf([row('a', 'x', 2)], [gone('a', 3)], [row('a', 'y', 4)], [gone('a', 5)]);
  const writes = [put(0, 1, 'a', 'x', 2), put(6, 7, 'a', 'y', 4)];
  const one = lostRemove(2, 'a');
  expect(witness([...writes, one], truth)).toMatch(/no operation explains revision 5/);
  expect(witness([...writes, one, lostRemove(8, 'a')], truth)).toBe('fits');
  expect(witness([...writes, lostRemove(8, 'a'), lostRemove(9, 'a')], truth)).toMatch(/was shown before/);
});

test('the end of a lease needs no operation, unless it took one key too few, or one of another lease', () => {
  const history = (lease: bigint): Operation[] => [
    leased(put(0, 1, 'a', 'x', 2), 7n),
    leased(put(2, 3, 'b', 'y', 3), lease),
  ];
  const writes = (lease: bigint): Truth =>
    truthOf([row('a', 'x', 2, 7n)], [row('b', 'y', 3, lease)], [gone('a', 4), gone('b', 4)]);
  expect(witness(history(7n), writes(7n))).toBe('fits');
  expect(witness(history(8n), writes(8n))).toMatch(/no operation explains revision 4/);
  expect(witness(history(0n), writes(0n))).toMatch(/no operation explains revision 4/);
  expect(witness(history(8n), writes(7n))).toMatch(/revision 3 made something else of b/);
  const half = truthOf([row('a', 'x', 2, 7n)], [row('b', 'y', 3, 7n)], [gone('a', 4)]);
  expect(witness(history(7n), half)).toMatch(/no operation explains revision 4/);
});

function leased(put: Operation, lease: bigint): Operation {
  if (put.request.kind !== 'put') return put;
  return { ...put, request: { kind: 'put', request: { ...put.request.request, lease } } };
}

test('filters by revision leave rows out of an answer, and not out of its count, as at etcd', () => {
  const truth = truthOf([row('a', 'x', 2)], [row('b', 'y', 3)]);
  const newer = get(4, 5, 3, [row('b', 'y', 3)], { key: 'a', rangeEnd: 'c', minCreateRevision: 3 });
  expect(findMisread([counted(newer, 2)], truth)).toBeUndefined();
  expect(findMisread([counted(newer, 1)], truth)?.reason).toMatch(/it shows b|it counted 1/);
  const older = get(4, 5, 3, [row('b', 'y', 3)], { key: 'a', rangeEnd: 'c', maxModRevision: 2 });
  expect(findMisread([counted(older, 2)], truth)?.reason).toMatch(/it shows b where a is next/);
});

function counted(range: Operation, count: number): Operation {
  if (range.outcome.kind !== 'answered' || range.outcome.response.kind !== 'range') return range;
  const response = { ...range.outcome.response.response, count };
  return { ...range, outcome: { kind: 'answered', response: { kind: 'range', response } } };
}

test('an answer of a revision that nobody has applied is contradicted', () => {
  expect(witness([put(0, 1, 'a', 'x', 2), get(2, 3, 4, [])], truthOf([row('a', 'x', 2)]))).toMatch(
    /reflects revision 4, which never was/,
  );
});

test('a count of keys where there never was one is contradicted', () => {
  const truth = truthOf([row('a', 'x', 2)]);
  const count = get(2, 3, 2, [], { key: 'm', rangeEnd: 'n', countOnly: true });
  expect(witness([put(0, 1, 'a', 'x', 2), count], truth)).toBe('fits');
  if (count.outcome.kind !== 'answered' || count.outcome.response.kind !== 'range') return;
  const response = RangeResponse.create({ header: header(2), count: 1 });
  const lie: Operation = { ...count, outcome: { kind: 'answered', response: { kind: 'range', response } } };
  expect(witness([put(0, 1, 'a', 'x', 2), lie], truth)).toMatch(/counted 1 keys where there were 0/);
});

test('a read of the past shows what was there', () => {
  const truth = truthOf([row('a', 'x', 2)], [gone('a', 3)], [row('a', 'y', 4)]);
  const at = (revision: number, ...rows: KeyValue[]): Operation =>
    get(9, 10, 4, rows, { key: 'a', revision });
  expect(findMisread([at(4, row('a', 'y', 4)), at(2, row('a', 'x', 2)), at(3)], truth)).toBeUndefined();
  expect(findMisread([at(2)], truth)?.reason).toMatch(/it counted 0 keys/);
  expect(findMisread([at(4, row('a', 'x', 2))], truth)?.reason).toMatch(/it shows a as "x"/);
  expect(findMisread([at(5)], truth)?.reason).toBe('revision 5 never was');
});
