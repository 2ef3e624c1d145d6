import fc from 'fast-check';
import { expect, test } from 'vitest';

import { ChainfireClient, defaultClientConfig } from '../../../../core/chainfire/client/client.ts';
import {
  type ClientConfig,
  type ClientEffect,
  type ClientEvent,
} from '../../../../core/chainfire/client/protocol.ts';
import { type MemberResponse } from '../../../../core/chainfire/member-protocol.ts';
import { seededPrng } from '../../../../sim/prng.ts';

type Attempt = Extract<ClientEffect, { kind: 'attempt' }>;

const alive = (ttlSeconds: number): MemberResponse => ({
  kind: 'leaseKeepAlive',
  response: { header: undefined, id: 7n, ttlSeconds },
});
const refusal = (code: 'NO_LEADER' | 'LEASE_NOT_FOUND'): MemberResponse => ({
  kind: 'refused',
  code,
  message: `etcdserver: ${code}`,
});

/** A client that keeps lease 7, granted for 9 s at time 0. */
class Dialogue {
  readonly client: ChainfireClient;
  nowUs = 0;

  constructor(more: Partial<ClientConfig> = {}) {
    const config = { ...defaultClientConfig, endpoints: 3, ...more };
    this.client = new ChainfireClient(config, seededPrng('leases'), 0);
    this.step({ kind: 'leaseKept', leaseId: 7n, ttlSeconds: 9, grantedUs: 0 });
  }

  step(event: ClientEvent): readonly ClientEffect[] {
    return this.client.step(event, this.nowUs);
  }

  wait(): readonly ClientEffect[] {
    expect(this.client.deadlineUs).toBeLessThan(Infinity);
    this.nowUs = Math.max(this.nowUs, this.client.deadlineUs);
    return this.step({ kind: 'tick' });
  }

  /** Waits for the next keepalive; the machine may want to be woken before, to no purpose. */
  keepAlive(): Attempt {
    const effects = this.wait();
    return attemptIn(effects.length === 0 ? this.wait() : effects);
  }
}

function attemptIn(effects: readonly ClientEffect[]): Attempt {
  const attempt = effects.find((effect) => effect.kind === 'attempt');
  expect(attempt).toMatchObject({ request: { kind: 'leaseKeepAlive', request: { id: 7n } } });
  return attempt as Attempt;
}

test('a lease is kept alive a third of its time after the last acknowledged keepalive was sent', () => {
  const dialogue = new Dialogue();
  const first = dialogue.keepAlive();
  expect(dialogue.nowUs).toBe(3_000_000);
  dialogue.nowUs = 3_500_000;
  expect(dialogue.step({ kind: 'answered', attemptId: first.attemptId, response: alive(12) })).toEqual([
    { kind: 'leaseRenewed', leaseId: 7n, ttlSeconds: 12, sentUs: 3_000_000 },
  ]);
  dialogue.keepAlive();
  expect(dialogue.nowUs).toBe(7_000_000);
});

test('one that fails is tried again at once elsewhere, then with growing pauses', () => {
  const dialogue = new Dialogue();
  const first = dialogue.keepAlive();
  const reason = 'connection lost';
  const failed = { kind: 'attemptFailed', attemptId: first.attemptId, reached: 'maybe', reason } as const;
  const second = attemptIn(dialogue.step(failed));
  expect(second.endpoint).toBe((first.endpoint + 1) % 3);
  const { attemptId } = second;
  expect(dialogue.step({ kind: 'answered', attemptId, response: refusal('NO_LEADER') })).toEqual([]);
  const third = dialogue.keepAlive();
  expect(third.endpoint).toBe((second.endpoint + 1) % 3);
  expect(dialogue.nowUs - 3_000_000).toBeGreaterThanOrEqual(12_500);
});

test('a member that does not answer is left while there is time for others', () => {
  const dialogue = new Dialogue();
  const first = dialogue.keepAlive();
  expect(first.timeoutUs).toBe(3_000_000);
  const effects = dialogue.wait();
  expect(dialogue.nowUs).toBe(6_000_000);
  expect(effects[0]).toEqual({ kind: 'abandon', attemptId: first.attemptId });
  expect(attemptIn(effects).endpoint).toBe((first.endpoint + 1) % 3);
  // What it may still say does not count: it could be of long ago.
  expect(dialogue.step({ kind: 'answered', attemptId: first.attemptId, response: alive(9) })).toEqual([]);
});

test('it is lost when its time has passed since the last acknowledged request was sent', () => {
  const dialogue = new Dialogue();
  const said: ClientEffect[] = [];
  while (dialogue.client.deadlineUs < Infinity) said.push(...dialogue.wait());
  expect(dialogue.nowUs).toBe(9_000_000);
  expect(said.at(-1)).toMatchObject({ kind: 'leaseLost', leaseId: 7n });
  // Nothing is left under way.
  const attempts = said.filter(({ kind }) => kind === 'attempt').length;
  expect(said.filter(({ kind }) => kind === 'abandon')).toHaveLength(attempts);
});

test.each([
  ['a time to live of 0', alive(0)],
  ['that it is not found', refusal('LEASE_NOT_FOUND')],
])('it is lost when a member answers %s', (_, response) => {
  const dialogue = new Dialogue();
  const { attemptId } = dialogue.keepAlive();
  expect(dialogue.step({ kind: 'answered', attemptId, response })).toMatchObject([
    { kind: 'leaseLost', leaseId: 7n },
  ]);
  expect(dialogue.client.deadlineUs).toBe(Infinity);
});

test('an answer that took as long as the lease lives comes too late', () => {
  const dialogue = new Dialogue({ attemptTimeoutUs: 60_000_000 });
  const { attemptId } = dialogue.keepAlive();
  dialogue.nowUs = 3_000_000 + 1_000_000;
  expect(dialogue.step({ kind: 'answered', attemptId, response: alive(1) })).toMatchObject([
    { kind: 'leaseLost' },
  ]);
});

test('one that is released is let go without a word', () => {
  const dialogue = new Dialogue();
  const { attemptId } = dialogue.keepAlive();
  expect(dialogue.step({ kind: 'leaseReleased', leaseId: 7n })).toEqual([{ kind: 'abandon', attemptId }]);
  expect(dialogue.step({ kind: 'answered', attemptId, response: alive(9) })).toEqual([]);
  expect(dialogue.client.deadlineUs).toBe(Infinity);
});

test('one whose grant was answered late is kept alive at once, or lost already', () => {
  const dialogue = new Dialogue();
  dialogue.nowUs = 8_000_000;
  expect(dialogue.step({ kind: 'leaseKept', leaseId: 8n, ttlSeconds: 12, grantedUs: 0 })).toMatchObject([
    { kind: 'attempt', request: { request: { id: 8n } } },
  ]);
  expect(dialogue.step({ kind: 'leaseKept', leaseId: 9n, ttlSeconds: 5, grantedUs: 0 })).toMatchObject([
    { kind: 'leaseLost', leaseId: 9n },
  ]);
});

test('one too many is lost at once', () => {
  const dialogue = new Dialogue({ leasesMax: 1 });
  expect(dialogue.step({ kind: 'leaseKept', leaseId: 8n, ttlSeconds: 9, grantedUs: 0 })).toMatchObject([
    { kind: 'leaseLost', leaseId: 8n },
  ]);
});

/** What becomes of a keepalive: applied after so long, its answer so much later; or not applied; or not answered. */
const fate = fc.record({
  applied: fc.boolean(),
  answered: fc.boolean(),
  towardsUs: fc.integer({ min: 0, max: 4_000_000 }),
  backUs: fc.integer({ min: 0, max: 4_000_000 }),
});

test('no client relies on a lease that its members have let expire', () => {
  let lost = 0;
  fc.assert(
    fc.property(fc.array(fate, { minLength: 1, maxLength: 30 }), (fates) => {
      const dialogue = new Dialogue();
      const renewals: number[] = [0];
      const arrivals: { atUs: number; event: ClientEvent }[] = [];
      let reliedUntilUs = 9_000_000;
      const handle = (effects: readonly ClientEffect[]): void => {
        for (const effect of effects) {
          if (effect.kind === 'leaseRenewed') reliedUntilUs = effect.sentUs + 9_000_000;
          if (effect.kind === 'leaseLost') lost += 1;
          if (effect.kind !== 'attempt') continue;
          const one = fates[renewals.length % fates.length];
          if (one === undefined) continue;
          const { attemptId } = effect;
          const appliedUs = dialogue.nowUs + one.towardsUs;
          const expiresUs = Math.max(...renewals) + 9_000_000;
          const isApplied = one.applied && appliedUs < expiresUs;
          if (isApplied) renewals.push(appliedUs);
          else fates.push(...fates.splice(0, 1));
          if (!one.answered) continue;
          const response = alive(isApplied ? 9 : 0);
          const event: ClientEvent = one.applied
            ? { kind: 'answered', attemptId, response }
            : { kind: 'attemptFailed', attemptId, reached: 'no', reason: 'refused' };
          arrivals.push({ atUs: appliedUs + one.backUs, event });
        }
      };
      while (dialogue.client.deadlineUs < Infinity && dialogue.nowUs < 120_000_000) {
        arrivals.sort((left, right) => left.atUs - right.atUs);
        const next = arrivals[0];
        if (next !== undefined && next.atUs <= dialogue.client.deadlineUs) {
          arrivals.shift();
          dialogue.nowUs = Math.max(dialogue.nowUs, next.atUs);
          handle(dialogue.step(next.event));
        } else {
          handle(dialogue.wait());
        }
        expect(reliedUntilUs).toBeLessThanOrEqual(Math.max(...renewals) + 9_000_000);
        // It says that it is lost as soon as it cannot be relied on.
        if (dialogue.client.deadlineUs < Infinity) expect(dialogue.nowUs).toBeLessThan(reliedUntilUs);
      }
    }),
    { numRuns: 300, seed: 5 },
  );
  expect(lost).toBeGreaterThan(50);
});
