import { expect, test } from 'vitest';

import { bytesFromLatin1 } from '../../../core/base/bytes.ts';
import {
  KeyValue,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
} from '../../../core/chainfire/api/kv.ts';
import { Convergence } from '../../../sim/checkers/convergence.ts';
import { Durability } from '../../../sim/checkers/durability.ts';
import { checkerNames, createCheckers } from '../../../sim/checkers/registry.ts';
import { Revisions } from '../../../sim/checkers/revisions.ts';
import { SerializableReads } from '../../../sim/checkers/serializable-reads.ts';
import { type Operation, type RunEnd } from '../../../sim/types.ts';
import { endOf, members, step } from './observations.ts';

let callId = 0;
const header = (revision: number): ResponseHeader => ResponseHeader.create({ revision });
const row = (key: string, value: string, mod: number, version = 1, create = mod): KeyValue =>
  KeyValue.create({ key, value: bytesFromLatin1(value), modRevision: mod, createRevision: create, version });

function put(
  startUs: number,
  endUs: number | undefined,
  key: string,
  value: string,
  revision = 0,
): Operation {
  callId += 1;
  const request = {
    kind: 'put',
    request: PutRequest.create({ key, value: bytesFromLatin1(value) }),
  } as const;
  const response = { kind: 'put', response: PutResponse.create({ header: header(revision) }) } as const;
  const outcome =
    endUs === undefined
      ? ({ kind: 'unknown', reason: 'lost' } as const)
      : ({ kind: 'answered', response } as const);
  return { client: callId, callId, request, startUs, endUs, outcome };
}

function read(
  startUs: number,
  endUs: number,
  revision: number,
  rows: KeyValue[],
  fields: Partial<RangeRequest> = {},
): Operation {
  callId += 1;
  return {
    client: callId,
    callId,
    request: { kind: 'range', request: RangeRequest.create({ key: 'a', rangeEnd: 'z', ...fields }) },
    startUs,
    endUs,
    outcome: {
      kind: 'answered',
      response: {
        kind: 'range',
        response: RangeResponse.create({ header: header(revision), kvs: rows, count: rows.length }),
      },
    },
  };
}

const ending = (history: readonly Operation[]): RunEnd => ({
  nowUs: 100,
  history,
  watches: [],
  holds: [],
  members: members({ node: 1, log: [1], applied: 1, revision: 50 }),
});
const revisions = (...history: Operation[]): string | undefined => endOf(new Revisions(), ending(history));
const serializable = (...history: Operation[]): string | undefined =>
  endOf(new SerializableReads(), ending(history));

test('revisions fires when one revision belongs to two writes', () => {
  expect(revisions(put(0, 1, 'a', 'x', 2), put(0, 1, 'b', 'y', 2))).toBe('revisions');
  expect(revisions(put(0, 1, 'a', 'x', 2), put(0, 1, 'b', 'y', 3))).toBeUndefined();
});

test('revisions fires when one is skipped and nothing unknown could have taken it', () => {
  expect(revisions(put(0, 1, 'a', 'x', 2), put(2, 3, 'a', 'y', 4))).toBe('revisions');
  expect(
    revisions(put(0, 1, 'a', 'x', 2), put(1, undefined, 'c', 'z'), put(2, 3, 'a', 'y', 4)),
  ).toBeUndefined();
  expect(revisions(put(0, 1, 'a', 'x', 2), put(2, 3, 'a', 'y', 4), put(4, undefined, 'c', 'z'))).toBe(
    'revisions',
  );
});

test('revisions fires when an answer shows less than was shown before it began', () => {
  const later = read(2, 3, 2, [row('a', 'x', 2)]);
  expect(revisions(put(0, 1, 'a', 'x', 2), put(0, 1, 'b', 'y', 3), later)).toBe('revisions');
  expect(revisions(put(0, 1, 'a', 'x', 2), put(0, 2, 'b', 'y', 3), later)).toBeUndefined();
});

test('revisions lets a serializable read be old', () => {
  const old = read(2, 3, 2, [row('a', 'x', 2)], { serializable: true });
  expect(revisions(put(0, 1, 'a', 'x', 2), put(0, 1, 'b', 'y', 3), old)).toBeUndefined();
});

test('revisions fires on a row newer than its header, on two versions of one row, and on a value of nobody', () => {
  expect(revisions(put(0, 1, 'a', 'x', 2), put(0, 1, 'b', 'y', 3), read(0, 1, 2, [row('b', 'y', 3)]))).toBe(
    'revisions',
  );
  const twice = [read(2, 3, 2, [row('a', 'x', 2)]), read(2, 3, 2, [row('a', 'x', 2, 2)])];
  expect(revisions(put(0, 1, 'a', 'x', 2), ...twice)).toBe('revisions');
  expect(revisions(put(0, 1, 'a', 'x', 2), read(2, 3, 2, [row('a', 'ghost', 2)]))).toBe('revisions');
});

test('revisions fires when somebody is shown a write before it began', () => {
  const read1 = read(0, 1, 2, [], { serializable: true });
  expect(revisions(read1, put(2, 3, 'a', 'x', 2))).toBe('revisions');
});

test('revisions fires when a row names another revision than its writer was told', () => {
  expect(revisions(put(0, 1, 'a', 'x', 2), put(0, 1, 'a', 'y', 3), read(2, 3, 3, [row('a', 'y', 2)]))).toBe(
    'revisions',
  );
});

test('serializable-reads fires on a read that shows no past state', () => {
  const writes = [put(0, 1, 'a', 'x', 2), put(2, 3, 'a', 'y', 3)];
  const past = read(4, 5, 2, [row('a', 'x', 2)], { serializable: true });
  const mixed = read(4, 5, 2, [row('a', 'y', 3, 2, 2)], { serializable: true });
  const early = read(4, 5, 3, [row('a', 'x', 2)], { serializable: true });
  expect(serializable(...writes, past)).toBeUndefined();
  expect(serializable(...writes, mixed)).toBe('serializable-reads');
  expect(serializable(...writes, early)).toBe('serializable-reads');
});

test('serializable-reads fires on a read of an old revision that shows another', () => {
  const writes = [put(0, 1, 'a', 'x', 2), put(2, 3, 'a', 'y', 3)];
  expect(serializable(...writes, read(4, 5, 3, [row('a', 'x', 2)], { revision: 2 }))).toBeUndefined();
  expect(serializable(...writes, read(4, 5, 3, [row('a', 'y', 3, 2, 2)], { revision: 2 }))).toBe(
    'serializable-reads',
  );
});

test('convergence fires when members end differently', () => {
  const same = { log: [1, 1], applied: 2, appliedHash: 7, revision: 3 };
  const end = (second: object): string | undefined =>
    endOf(new Convergence(), {
      nowUs: 0,
      history: [],
      watches: [],
      holds: [],
      members: members({ node: 1, ...same }, { node: 2, ...same, ...second }),
    });
  expect(end({})).toBeUndefined();
  for (const other of [
    { appliedHash: 8 },
    { applied: 1 },
    { revision: 4 },
    { compactRevision: 1 },
    { term: 9 },
  ]) {
    expect(end(other)).toBe('convergence');
  }
});

test('durability fires when a member ends below an acknowledged write, or without what was committed', () => {
  const history = [put(0, 1, 'a', 'x', 9)];
  const at = (revision: number): string | undefined =>
    endOf(new Durability(), {
      nowUs: 0,
      history,
      watches: [],
      holds: [],
      members: members({ node: 1, log: [1], applied: 1, revision }),
    });
  expect(at(8)).toBe('durability');
  expect(at(9)).toBeUndefined();
  const checker = new Durability();
  checker.onStep(step({ node: 3, log: [1, 2], commit: 2 }));
  const lost = { ...ending([]), members: members({ node: 1, log: [1, 3], applied: 2 }) };
  expect(endOf(checker, lost)).toBe('durability');
});

const recorders = ['truth', 'watch-feeds', 'lease-lives', 'log-configurations'];

test('the registry creates what is named, afresh, behind the recorders, and says what there is', () => {
  expect(createCheckers('all').map(({ name }) => name)).toEqual([...recorders, ...checkerNames]);
  expect(createCheckers(['durability', 'vote-once']).map(({ name }) => name)).toEqual([
    ...recorders,
    'vote-once',
    'durability',
  ]);
  expect(createCheckers('all')[0]).not.toBe(createCheckers('all')[0]);
  expect(() => createCheckers(['luck'])).toThrow(/no checker is called luck; there are vote-once/);
});
