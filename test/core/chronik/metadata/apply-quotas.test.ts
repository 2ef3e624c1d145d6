import { expect, test } from 'vitest';
import { type QuotaAlteration } from '../../../../core/chronik/metadata/commands.ts';
import { Scene } from './scene.ts';

const alice = { type: 'user', name: 'alice' };
const anyClient = { type: 'client-id', name: undefined };

function set(key: string, value: number): QuotaAlteration['operations'][number] {
  return { key, value, remove: false };
}

test('quotas of an entity are set and removed by key, whatever the order of its parts (KIP-546)', () => {
  const scene = new Scene();
  const alter = (alteration: QuotaAlteration): void => {
    const { entities } = scene.do('alterClientQuotas', { alterations: [alteration] });
    expect(entities[0]?.refusal).toBeUndefined();
  };
  alter({ entity: [alice, anyClient], operations: [set('producer_byte_rate', 1_000)] });
  alter({ entity: [anyClient, alice], operations: [set('consumer_byte_rate', 2_000)] });
  alter({ entity: [alice], operations: [set('consumer_byte_rate', 3_000)] });
  const both = {
    entity: [anyClient, alice],
    values: [
      { key: 'consumer_byte_rate', value: 2_000 },
      { key: 'producer_byte_rate', value: 1_000 },
    ],
  };
  const one = { entity: [alice], values: [{ key: 'consumer_byte_rate', value: 3_000 }] };
  expect(scene.state.quotas()).toEqual([both, one]);
  expect(scene.reloaded().quotas()).toEqual([both, one]);
  alter({ entity: [alice], operations: [{ key: 'consumer_byte_rate', value: 0, remove: true }] });
  expect(scene.state.quotas()).toEqual([both]);
  expect(scene.reloaded().quotas()).toEqual([both]);
});

test('a name that looks like two parts is one', () => {
  const scene = new Scene();
  const operations = [set('producer_byte_rate', 1)];
  const odd = { type: 'client-id', name: 'a,user 5 alice' };
  const alterations = [
    { entity: [odd], operations },
    { entity: [{ type: 'client-id', name: 'a' }, alice], operations },
  ];
  scene.do('alterClientQuotas', { alterations });
  expect(scene.state.quotas().length).toBe(2);
});

test('what is wrong with a quota is said, and the others are set', () => {
  const scene = new Scene({ quotasMax: 1 });
  const operations = [set('producer_byte_rate', 1)];
  const wrong: readonly QuotaAlteration[] = [
    { entity: [], operations },
    { entity: [{ type: 'ip', name: '127.0.0.1' }], operations },
    { entity: [alice, alice], operations },
    { entity: [{ type: 'user', name: '' }], operations },
    { entity: [alice], operations: [set('request_percentage', 5)] },
    { entity: [alice], operations: [set('producer_byte_rate', 0.5)] },
    { entity: [alice], operations: [set('producer_byte_rate', Number.NaN)] },
    { entity: [alice], operations: [set('producer_byte_rate', -1)] },
    { entity: [alice], operations: [...operations, ...operations] },
  ];
  const last = { entity: [{ type: 'user', name: 'bob' }], operations };
  const alterations = [...wrong, { entity: [alice], operations }, last];
  const { entities } = scene.do('alterClientQuotas', { alterations });
  expect(entities.map(({ refusal }) => refusal?.code)).toEqual([
    ...wrong.map(() => 'INVALID_REQUEST'),
    undefined,
    'POLICY_VIOLATION',
  ]);
  expect(entities[5]?.refusal?.message).toBe(
    'quota producer_byte_rate is a whole number of bytes a second, 1 or more, not 0.5',
  );
});

test('what is only to be validated is not set', () => {
  const scene = new Scene();
  const alterations = [{ entity: [alice], operations: [set('producer_byte_rate', 1)] }];
  scene.do('alterClientQuotas', { alterations, validateOnly: true });
  expect(scene.state.quotas()).toEqual([]);
});
