import { describe, expect, test } from 'vitest';

import { usPerSecond } from '../../../../core/base/units.ts';
import { type QuotaState } from '../../../../core/chronik/metadata/rows.ts';
import { Quotas } from '../../../../core/chronik/requests/quotas.ts';

const second = usPerSecond;

type Entity = QuotaState['entity'];

function quotasOf(lines: readonly (readonly [Entity, number])[]): Quotas {
  const quotas = new Quotas();
  const values = (value: number) => [{ key: 'producer_byte_rate', value }];
  quotas.replace(lines.map(([entity, value]) => ({ entity, values: values(value) })));
  return quotas;
}

function user(name?: string): Entity[number] {
  return { type: 'user', name };
}

function client(name?: string): Entity[number] {
  return { type: 'client-id', name };
}

function throttle(
  quotas: Quotas,
  bytes: number,
  nowUs: number,
  who: { user?: string; id?: string } = {},
): number {
  const principal = `User:${who.user ?? 'alice'}`;
  return quotas.use('producer_byte_rate', { principal, clientId: who.id ?? 'app', bytes }, nowUs);
}

const everyUser: Entity = [user()];

describe('bytes a second for clients (KIP-13, KIP-546)', () => {
  test('nobody is held up where there is no quota, or within it', () => {
    expect(throttle(new Quotas(), 1_000_000, 0)).toBe(0);
    const quotas = quotasOf([[everyUser, 1_000]]);
    for (let at = 10; at < 20; at += 1) expect(throttle(quotas, 1_000, at * second)).toBe(0);
  });

  test('who has used more waits until it is paid for', () => {
    const quotas = quotasOf([[everyUser, 1_000]]);
    expect(throttle(quotas, 3_000, 10 * second)).toBe(2_000);
    expect(throttle(quotas, 1_000, 12 * second)).toBe(1_000);
    expect(throttle(quotas, 1_000, 15 * second)).toBe(0);
  });

  test('nobody waits longer than the window', () => {
    expect(throttle(quotasOf([[everyUser, 1]]), 1_000_000, 10 * second)).toBe(11_000);
  });

  test('users of a default quota have one each, and the fetching of one is not its producing', () => {
    const quotas = quotasOf([[everyUser, 1_000]]);
    expect(throttle(quotas, 3_000, 10 * second, { user: 'alice' })).toBe(2_000);
    expect(throttle(quotas, 1_000, 10 * second, { user: 'bob' })).toBe(0);
    const fetched = { principal: 'User:alice', clientId: 'app', bytes: 9_000 };
    expect(quotas.use('consumer_byte_rate', fetched, 10 * second)).toBe(0);
  });

  test('the most particular quota counts', () => {
    const general: readonly (readonly [Entity, number])[] = [
      [[client()], 1],
      [[client('app')], 2],
      [[user()], 4],
      [[client(), user()], 8],
      [[client('app'), user()], 16],
      [[user('alice')], 32],
      [[client(), user('alice')], 64],
      [[client('app'), user('alice')], 128],
    ];
    const seen = general.map((_, index) => throttle(quotasOf(general.slice(0, index + 1)), 256, 10 * second));
    expect(seen).toEqual([11_000, 11_000, 11_000, 11_000, 11_000, 7_000, 3_000, 1_000]);
  });
});
