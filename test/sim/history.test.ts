import { expect, test } from 'vitest';

import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { PutRequest, PutResponse, ResponseHeader } from '../../core/chainfire/api/kv.ts';
import { requireLinearizable } from '../../sim/checkers/linearizability.ts';
import { History, historyFromLines, historyToLines } from '../../sim/history.ts';
import { type Operation, Violation } from '../../sim/types.ts';

const request = {
  kind: 'put',
  request: PutRequest.create({
    key: 'a\u00ff',
    value: bytesFromLatin1('\u0000x\u00ff'),
    lease: 18_446_744_073_709_551_615n,
  }),
} as const;
const answered = (revision: number): Operation['outcome'] => ({
  kind: 'answered',
  response: {
    kind: 'put',
    response: PutResponse.create({ header: ResponseHeader.create({ revision, clusterId: 7n }) }),
  },
});

test('a call is recorded when it begins; until it ends its outcome is unknown', () => {
  const history = new History();
  const position = history.began({ client: 1, callId: 1, request, startUs: 10 });
  expect(history.open).toBe(1);
  expect(history.operations[0]?.outcome.kind).toBe('unknown');
  history.ended(position, 20, answered(2));
  expect(history.open).toBe(0);
  expect(history.operations[0]).toMatchObject({
    client: 1,
    startUs: 10,
    endUs: 20,
    outcome: { kind: 'answered' },
  });
});

test('a call that ends in the unknown has no end: it may take effect at any later time', () => {
  const history = new History();
  history.ended(history.began({ client: 1, callId: 1, request, startUs: 10 }), 20, {
    kind: 'unknown',
    reason: 'time-out',
  });
  expect(history.operations[0]?.endUs).toBeUndefined();
});

test('a call ends once, after it began, and calls are recorded in order', () => {
  const history = new History();
  const position = history.began({ client: 1, callId: 1, request, startUs: 10 });
  expect(() => history.ended(position, 9, answered(2))).toThrow('at or after its start');
  history.ended(position, 11, answered(2));
  expect(() => history.ended(position, 12, answered(2))).toThrow('ends once');
  expect(() => history.began({ client: 1, callId: 2, request, startUs: 9 })).toThrow(
    'in the order of their start',
  );
});

test('a history survives as lines, bytes and 64-bit ids included, so that real processes can be judged', () => {
  const history = new History();
  history.ended(history.began({ client: 1, callId: 1, request, startUs: 10 }), 20, answered(2));
  history.began({ client: 2, callId: 1, request, startUs: 15 });
  const lines = historyToLines(history.operations);
  expect(lines.split('\n')).toHaveLength(3);
  const back = historyFromLines(lines);
  expect(back).toEqual(history.operations);
  expect(() => requireLinearizable('linearizability', back)).not.toThrow();
  const twice = historyFromLines(lines + lines.split('\n')[0]);
  expect(() => requireLinearizable('linearizability', twice)).toThrow(Violation);
});
