import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChainfireClient } from '../../../../core/chainfire/client/client.ts';
import {
  type ClientConfig,
  type ClientEffect,
  type ClientEvent,
} from '../../../../core/chainfire/client/protocol.ts';
import {
  type MemberRefusalCode,
  type MemberRequest,
  type MemberResponse,
} from '../../../../core/chainfire/member-protocol.ts';
import { seededPrng } from '../../../../sim/prng.ts';
import { ask, op, put } from '../requests.ts';

const config: ClientConfig = {
  endpoints: 3,
  attemptTimeoutUs: 1_000_000,
  retryBackoffMinUs: 1_000,
  retryBackoffMaxUs: 8_000,
  callsMax: 3,
  watchesMax: 8,
  leasesMax: 8,
  streamSilenceUsMax: 4_000_000,
  revisionBytesMax: 1_000,
};
const write = ask.put('a', '1');
const read = ask.get('a');
const done: MemberResponse = { kind: 'put', response: { header: undefined, prevKv: undefined } };
const found: MemberResponse = {
  kind: 'range',
  response: { header: undefined, kvs: [], more: false, count: 0 },
};
const refusal = (code: MemberRefusalCode): MemberResponse => ({
  kind: 'refused',
  code,
  message: `etcdserver: ${code}`,
});

/** A client and what it said, a dialogue at a time. */
class Dialogue {
  readonly client: ChainfireClient;
  readonly said: ClientEffect[] = [];
  nowUs = 0;

  constructor(more: Partial<ClientConfig> = {}) {
    this.client = new ChainfireClient({ ...config, ...more }, seededPrng('client'), 0);
  }

  step(event: ClientEvent): readonly ClientEffect[] {
    const effects = this.client.step(event, this.nowUs);
    this.said.push(...effects);
    return effects;
  }

  call(
    request: MemberRequest,
    timeoutUs = 10_000_000,
    callId = 1,
  ): Extract<ClientEffect, { kind: 'attempt' }> {
    return attemptIn(this.step({ kind: 'called', callId, request, timeoutUs }));
  }

  answer(attemptId: number, response: MemberResponse): readonly ClientEffect[] {
    return this.step({ kind: 'answered', attemptId, response });
  }

  fail(attemptId: number, reached: 'no' | 'maybe'): readonly ClientEffect[] {
    return this.step({ kind: 'attemptFailed', attemptId, reached, reason: 'connection lost' });
  }

  /** Waits for the client's own deadline. */
  wait(): readonly ClientEffect[] {
    expect(this.client.deadlineUs).toBeLessThan(Infinity);
    this.nowUs = Math.max(this.nowUs, this.client.deadlineUs);
    return this.step({ kind: 'tick' });
  }
}

function attemptIn(effects: readonly ClientEffect[]): Extract<ClientEffect, { kind: 'attempt' }> {
  const attempt = effects.find(({ kind }) => kind === 'attempt');
  expect(attempt).toBeDefined();
  return attempt as Extract<ClientEffect, { kind: 'attempt' }>;
}

const completed = (outcome: unknown): unknown[] => [{ kind: 'completed', callId: 1, outcome }];

test('a call is asked once, and its answer passed on', () => {
  const dialogue = new Dialogue();
  const attempt = dialogue.call(write);
  expect(attempt).toEqual({
    kind: 'attempt',
    attemptId: 1,
    endpoint: attempt.endpoint,
    request: write,
    timeoutUs: 1_000_000,
  });
  expect(dialogue.answer(1, done)).toEqual(completed({ kind: 'answered', response: done }));
  expect(dialogue.client.deadlineUs).toBe(Infinity);
});

test('calls stay with the endpoint that works, and leave the one that failed', () => {
  const dialogue = new Dialogue();
  const first = dialogue.call(write);
  dialogue.fail(first.attemptId, 'no');
  const second = attemptIn(dialogue.wait());
  expect(second.endpoint).toBe((first.endpoint + 1) % 3);
  dialogue.answer(second.attemptId, done);
  expect(dialogue.call(read, 10_000_000, 2).endpoint).toBe(second.endpoint);
});

test('a write that no member has seen is tried again; one that a member may have seen is not', () => {
  const unseen = new Dialogue();
  unseen.fail(unseen.call(write).attemptId, 'no');
  attemptIn(unseen.wait());
  const seen = new Dialogue();
  expect(seen.fail(seen.call(write).attemptId, 'maybe')).toEqual(
    completed({ kind: 'unknown', reason: 'connection lost' }),
  );
});

test.each<[MemberRefusalCode, 'again' | 'unknown' | 'refused']>([
  ['NO_LEADER', 'again'],
  ['TOO_MANY_REQUESTS', 'again'],
  ['STOPPED', 'again'],
  ['TIMEOUT', 'unknown'],
  ['LEADER_CHANGED', 'unknown'],
  ['COMPACTED', 'refused'],
  ['EMPTY_KEY', 'refused'],
  ['LEASE_NOT_FOUND', 'refused'],
])('a write that is refused with %s: %s', (code, fate) => {
  const dialogue = new Dialogue();
  const effects = dialogue.answer(dialogue.call(write).attemptId, refusal(code));
  if (fate === 'again') attemptIn(dialogue.wait());
  if (fate === 'unknown')
    expect(effects).toEqual(completed({ kind: 'unknown', reason: `etcdserver: ${code}` }));
  if (fate === 'refused') expect(effects).toEqual(completed({ kind: 'refused', refusal: refusal(code) }));
});

test.each<MemberRefusalCode>(['NO_LEADER', 'TIMEOUT', 'LEADER_CHANGED', 'STOPPED'])(
  'a read that is refused with %s is asked elsewhere',
  (code) => {
    const dialogue = new Dialogue();
    const { attemptId, endpoint } = dialogue.call(read);
    expect(dialogue.answer(attemptId, refusal(code))).toEqual([]);
    expect(attemptIn(dialogue.wait()).endpoint).not.toBe(endpoint);
  },
);

test('a transaction that only reads is a read, one that may write is not', () => {
  const reads = new Dialogue();
  reads.fail(reads.call(ask.txn({})).attemptId, 'maybe');
  attemptIn(reads.wait());
  const writes = new Dialogue();
  const attempt = writes.call(ask.txn({ failure: [op.put(put('a', '1'))] }));
  expect(writes.fail(attempt.attemptId, 'maybe')).toMatchObject([{ outcome: { kind: 'unknown' } }]);
});

test('an attempt without an answer is given up: a read goes on elsewhere, a write ends unknown', () => {
  const reads = new Dialogue();
  const { endpoint } = reads.call(read);
  expect(reads.wait()).toEqual([{ kind: 'abandon', attemptId: 1 }]);
  expect(reads.nowUs).toBe(1_000_000);
  expect(attemptIn(reads.wait()).endpoint).not.toBe(endpoint);
  const writes = new Dialogue();
  writes.call(write);
  expect(writes.wait()).toMatchObject([{ kind: 'abandon', attemptId: 1 }, { outcome: { kind: 'unknown' } }]);
  // A late answer changes nothing.
  expect(writes.answer(1, done)).toEqual([]);
});

test('pauses double up to the longest, and are drawn from their upper half', () => {
  const dialogue = new Dialogue();
  let attempt = dialogue.call(read);
  const pausesUs: number[] = [];
  for (let at = 0; at < 6; at += 1) {
    dialogue.fail(attempt.attemptId, 'no');
    const failedUs = dialogue.nowUs;
    attempt = attemptIn(dialogue.wait());
    pausesUs.push(dialogue.nowUs - failedUs);
  }
  [1_000, 2_000, 4_000, 8_000, 8_000, 8_000].forEach((longestUs, at) => {
    expect(pausesUs[at]).toBeGreaterThanOrEqual(longestUs / 2);
    expect(pausesUs[at]).toBeLessThanOrEqual(longestUs);
  });
  expect(new Set(pausesUs.slice(3)).size).toBeGreaterThan(1);
});

test('a call that finds nobody fails at its deadline at the latest, surely not done', () => {
  const dialogue = new Dialogue();
  let attempt = dialogue.call(write, 20_000);
  for (;;) {
    const effects = dialogue.fail(attempt.attemptId, 'no');
    if (effects.length > 0) break;
    attempt = attemptIn(dialogue.wait());
    expect(attempt.timeoutUs).toBeLessThanOrEqual(20_000 - dialogue.nowUs);
  }
  expect(dialogue.said.at(-1)).toMatchObject({
    outcome: { kind: 'failed', reason: expect.stringContaining('connection lost') },
  });
  expect(dialogue.nowUs).toBeLessThanOrEqual(20_000);
});

test('more calls than may be under way fail at once', () => {
  const dialogue = new Dialogue();
  for (const callId of [1, 2, 3]) dialogue.call(read, 1_000_000, callId);
  expect(dialogue.step({ kind: 'called', callId: 4, request: read, timeoutUs: 1 })).toMatchObject([
    { kind: 'completed', callId: 4, outcome: { kind: 'failed' } },
  ]);
});

test('whatever happens, a call ends once, by its deadline, and a write is never under way again once a member may have seen it', () => {
  const fate = fc.constantFrom('answer', 'NO_LEADER', 'TIMEOUT', 'no', 'maybe', 'silence');
  fc.assert(
    fc.property(
      fc.array(fate, { minLength: 1, maxLength: 30, size: 'max' }),
      fc.boolean(),
      (fates, isRead) => {
        const dialogue = new Dialogue();
        dialogue.call(isRead ? read : write, 3_000_000);
        let mayBeDone = false;
        for (const one of fates) {
          const attempt = dialogue.said.filter((effect) => effect.kind === 'attempt').at(-1);
          if (dialogue.said.some(({ kind }) => kind === 'completed') || attempt === undefined) break;
          const { attemptId } = attempt;
          if (one === 'answer') dialogue.answer(attemptId, isRead ? found : done);
          else if (one === 'NO_LEADER' || one === 'TIMEOUT') dialogue.answer(attemptId, refusal(one));
          else if (one !== 'silence') dialogue.fail(attemptId, one);
          else dialogue.wait();
          mayBeDone ||= one === 'TIMEOUT' || one === 'maybe' || one === 'silence';
          const attempts = dialogue.said.filter(({ kind }) => kind === 'attempt').length;
          if (dialogue.client.deadlineUs < Infinity) dialogue.wait();
          if (!isRead && mayBeDone)
            expect(dialogue.said.filter(({ kind }) => kind === 'attempt').length).toBe(attempts);
        }
        while (dialogue.client.deadlineUs < Infinity) dialogue.wait();
        expect(dialogue.said.filter(({ kind }) => kind === 'completed').length).toBe(1);
        expect(dialogue.nowUs).toBeLessThanOrEqual(3_000_000);
      },
    ),
  );
});
