import { expect, test } from 'vitest';

import { latin1FromBytes } from '../../core/base/bytes.ts';
import { RangeResponse, ResponseHeader } from '../../core/chainfire/api/kv.ts';
import { type OutwardEffect } from '../../sim/workload-desk.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { possibleLeaves } from '../../sim/checkers/outcomes.ts';
import { ClientLogs } from '../../sim/client-logs.ts';
import { History } from '../../sim/history.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type WorkloadPlan } from '../../sim/types.ts';
import { CallDrawer, isOneCall } from '../../sim/workload-calls.ts';
import { KeyKnowledge } from '../../sim/workload-knowledge.ts';
import { answersOwed, WorkloadClient } from '../../sim/workload.ts';

const plan: WorkloadPlan = {
  clients: 1,
  keys: 6,
  thinkUsMin: 1_000,
  thinkUsMax: 2_000,
  callTimeoutUs: 1_000_000,
  mix: {
    put: 1,
    get: 1,
    serializableGet: 1,
    delete: 1,
    compareAndSwap: 1,
    txn: 1,
    range: 1,
    historicRange: 1,
    historicTxn: 1,
    compact: 1,
  },
};

type Attempt = Extract<OutwardEffect, { kind: 'attempt' }>;

function attemptsOf(effects: readonly OutwardEffect[]): Attempt[] {
  return effects.filter((effect): effect is Attempt => effect.kind === 'attempt');
}

function newClient(history: History, changes: Partial<WorkloadPlan> = {}): WorkloadClient {
  return new WorkloadClient({
    client: 3,
    plan: { ...plan, ...changes },
    endpoints: 2,
    prng: seededPrng('client'),
    nowUs: 0,
    history,
    logs: new ClientLogs(),
  });
}

/** Ticks the client at its deadlines until it makes an attempt. */
function nextAttempt(client: WorkloadClient, fromUs: number): { attempt: Attempt; nowUs: number } {
  let nowUs = fromUs;
  for (let turn = 0; turn < 100; turn += 1) {
    nowUs = Math.max(nowUs, client.deadlineUs);
    const [attempt] = attemptsOf(client.step({ kind: 'tick' }, nowUs));
    if (attempt !== undefined) return { attempt, nowUs };
  }
  throw new Error('the client makes no attempt');
}

const emptyRange = {
  kind: 'range',
  response: RangeResponse.create({ header: ResponseHeader.create({ revision: 1 }) }),
} as const;

const reads = { get: 1 } as const;

/** Answers so many calls of a client that only reads. @returns the time of the last answer */
function answerCalls(client: WorkloadClient, count: number, fromUs: number): number {
  let nowUs = fromUs;
  for (let call = 0; call < count; call += 1) {
    const next = nextAttempt(client, nowUs);
    expect(next.attempt.request).toMatchObject({ kind: 'range', request: { rangeEnd: '' } });
    nowUs = next.nowUs + 1;
    client.step({ kind: 'answered', attemptId: next.attempt.attemptId, response: emptyRange }, nowUs);
  }
  return nowUs;
}

test('a client makes one call at a time, with a pause between, and records each', () => {
  const history = new History();
  const client = newClient(history, {
    mix: { ...plan.mix, put: 0, delete: 0, compareAndSwap: 0, txn: 0, compact: 0 },
  });
  const { attempt, nowUs } = nextAttempt(client, 0);
  expect(nowUs).toBeGreaterThanOrEqual(plan.thinkUsMin);
  expect(history.operations).toHaveLength(1);
  expect(client.idle).toBe(false);
  client.step({ kind: 'answered', attemptId: attempt.attemptId, response: emptyRange }, nowUs + 500);
  expect(history.operations[0]).toMatchObject({ client: 3, callId: 1, startUs: nowUs, endUs: nowUs + 500 });
  expect(client.idle).toBe(true);
  expect(nextAttempt(client, nowUs + 500).nowUs).toBeGreaterThanOrEqual(nowUs + 500 + plan.thinkUsMin);
});

test('a client gives up at its time-out, and the outcome of its write is unknown', () => {
  const history = new History();
  const client = newClient(history, {
    mix: { ...plan.mix, get: 0, serializableGet: 0, range: 0, historicRange: 0, compact: 0 },
  });
  let { nowUs } = nextAttempt(client, 0);
  const startUs = nowUs;
  while (!client.idle) {
    nowUs = Math.max(nowUs, client.deadlineUs);
    client.step({ kind: 'tick' }, nowUs);
  }
  expect(nowUs - startUs).toBeLessThanOrEqual(plan.callTimeoutUs);
  expect(history.operations[0]?.outcome.kind).toBe('unknown');
});

test('a client that is told to stop concludes with a read of every key, tried until it is answered', () => {
  const history = new History();
  const client = newClient(history, { mix: reads });
  const servedUs = answerCalls(client, answersOwed, 0);
  client.stop(servedUs);
  expect(client.idle).toBe(false);
  const first = nextAttempt(client, servedUs);
  expect(first.attempt.request).toMatchObject({
    kind: 'range',
    request: { key: 'key/', rangeEnd: 'key0', serializable: false },
  });
  let nowUs = first.nowUs;
  while (history.open > 0) {
    nowUs = Math.max(nowUs, client.deadlineUs);
    client.step({ kind: 'tick' }, nowUs);
  }
  expect(client.idle).toBe(false);
  const second = nextAttempt(client, nowUs);
  client.step(
    { kind: 'answered', attemptId: second.attempt.attemptId, response: emptyRange },
    second.nowUs + 1,
  );
  expect(client.idle).toBe(true);
  expect(client.step({ kind: 'tick' }, second.nowUs + 1_000_000)).toEqual([]);
});

test('a client that was hardly answered makes up for it before it concludes, and what is not answered does not count', () => {
  const history = new History();
  const client = newClient(history, { mix: { ...reads, lease: 2 } });
  client.stop(0);
  let { nowUs } = nextAttempt(client, 0);
  while (history.open > 0) {
    nowUs = Math.max(nowUs, client.deadlineUs);
    client.step({ kind: 'tick' }, nowUs);
  }
  expect(history.operations[0]?.outcome.kind).not.toBe('answered');
  nowUs = answerCalls(client, answersOwed, nowUs);
  expect(client.idle).toBe(false);
  expect(nextAttempt(client, nowUs).attempt.request).toMatchObject({ request: { rangeEnd: 'key0' } });
});

test('a client without calls of its own is owed none', () => {
  const client = newClient(new History(), { mix: { lease: 1 } });
  client.stop(0);
  expect(nextAttempt(client, 0).attempt.request).toMatchObject({ request: { rangeEnd: 'key0' } });
});

function draws(count: number, changes: Partial<WorkloadPlan> = {}): MemberRequest[] {
  const knowledge = new KeyKnowledge();
  knowledge.learn({
    kind: 'answered',
    response: {
      kind: 'range',
      response: RangeResponse.create({ header: ResponseHeader.create({ revision: 100 }) }),
    },
  });
  const drawer = new CallDrawer({
    client: 1,
    plan: { ...plan, ...changes },
    prng: seededPrng('draws'),
    knowledge,
  });
  return Array.from({ length: count }, (_, at) => {
    const operation = drawer.operation();
    if (!isOneCall(operation)) throw new Error(`the mix has no ${operation}`);
    return drawer.draw(at + 1, operation);
  });
}

test('every kind of operation in the mix is drawn, and none that has no weight', () => {
  const kinds = new Set(draws(500).map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual(['compact', 'deleteRange', 'put', 'range', 'txn']);
  const mix = { ...plan.mix, compact: 0, delete: 0, put: 0 };
  expect(new Set(draws(500, { mix }).map(({ kind }) => kind))).toEqual(new Set(['range', 'txn']));
});

test('no value is written twice, so that whoever reads it can tell who wrote it', () => {
  const values = draws(2_000)
    .flatMap((request) => possibleLeaves(request))
    .flatMap((leaf) => (leaf.kind === 'put' ? [latin1FromBytes(leaf.request.value)] : []));
  expect(values.length).toBeGreaterThan(500);
  expect(new Set(values).size).toBe(values.length);
});

test('a txn puts a key once, since a second time is refused', () => {
  for (const request of draws(2_000, { keys: 4 })) {
    if (request.kind !== 'txn') continue;
    for (const branch of [request.request.success, request.request.failure]) {
      const keys = branch
        .flatMap((op) => [op, ...(op.requestTxn?.success ?? [])])
        .flatMap((op) => op.requestPut?.key ?? []);
      expect(new Set(keys).size).toBe(keys.length);
    }
  }
});

test('old revisions and compactions stay within what was seen, and compaction comes up to the newest', () => {
  const compacted: number[] = [];
  for (const request of draws(2_000)) {
    if (request.kind === 'range' && request.request.revision > 0) {
      expect(request.request.revision).toBeGreaterThan(30);
      expect(request.request.revision).toBeLessThanOrEqual(100);
    }
    if (request.kind === 'compact') compacted.push(request.request.revision);
  }
  expect(Math.max(...compacted)).toBe(100);
  expect(Math.min(...compacted)).toBeLessThanOrEqual(80);
});

test('a txn of the past puts a key and reads a revision that was seen, whatever is there', () => {
  const mix = { historicTxn: 1 };
  for (const request of draws(200, { mix })) {
    if (request.kind !== 'txn') throw new Error('nothing else is in the mix');
    const { compare, success, failure } = request.request;
    expect([compare.length, success.length, failure.length]).toEqual([0, 2, 0]);
    expect(success[0]?.requestPut?.key).toMatch(/^key\//);
    expect(success[1]?.requestRange?.revision).toBeGreaterThan(30);
    expect(success[1]?.requestRange?.revision).toBeLessThanOrEqual(100);
  }
});

test('values are padded up to the size of the plan', () => {
  const sizes = draws(500, { valueBytesMax: 2_000 })
    .flatMap((request) => possibleLeaves(request))
    .flatMap((leaf) => (leaf.kind === 'put' ? [leaf.request.value.length] : []));
  expect(Math.max(...sizes)).toBeGreaterThan(1_500);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2_000);
});
