import { expect, test } from 'vitest';

import { bytesFromLatin1, latin1FromBytes } from '../../../../../core/base/bytes.ts';
import {
  CampaignRecipe,
  leaderIn,
  leaderRequest,
  ObserveRecipe,
  proclaimRequest,
  resignRequest,
} from '../../../../../core/chainfire/client/recipes/election.ts';
import {
  type ObserveEffect,
  type QueueEffect,
} from '../../../../../core/chainfire/client/recipes/protocol.ts';
import { Contender } from './contender.ts';
import { ModelStore } from './model-store.ts';

const text = bytesFromLatin1;

function campaigned(store: ModelStore, leaseId: bigint, value: string): Contender<QueueEffect> {
  const recipe = new CampaignRecipe({ name: 'e', leaseId, value: text(value) });
  const contender = new Contender<QueueEffect>(store, recipe);
  contender.step({ kind: 'begun' });
  contender.run();
  return contender;
}

function leader(store: ModelStore): string | undefined {
  const response = store.answer(leaderRequest('e'));
  if (response.kind !== 'range') throw new Error('the leader is found by a range');
  const kv = leaderIn(response.response);
  return kv === undefined ? undefined : latin1FromBytes(kv.value);
}

const lines = ({ said }: Contender<ObserveEffect>): readonly string[] =>
  said.map((effect) => (effect.kind === 'led' ? latin1FromBytes(effect.leader.value) : effect.kind));

test('the first leads, the next follows when it resigns', () => {
  const store = new ModelStore();
  const [anna, berta] = [campaigned(store, 1n, 'anna'), campaigned(store, 2n, 'berta')];
  expect(anna.said).toMatchObject([{ kind: 'acquired', key: 'e/1', revision: 2 }]);
  expect(leader(store)).toBe('anna');
  expect(berta.said).toEqual([]);
  store.answer(resignRequest({ key: 'e/1', revision: 2 }));
  berta.run();
  expect(berta.said).toMatchObject([{ kind: 'acquired', key: 'e/2', revision: 3 }]);
  expect(leader(store)).toBe('berta');
});

test('whoever campaigns again on the same lease with another value stays in its place and proclaims that', () => {
  const store = new ModelStore();
  campaigned(store, 1n, 'anna');
  campaigned(store, 2n, 'berta');
  const again = campaigned(store, 1n, 'anna again');
  expect(again.said).toMatchObject([{ kind: 'acquired', key: 'e/1', revision: 2 }]);
  expect(leader(store)).toBe('anna again');
});

test('only the leader that still leads proclaims', () => {
  const store = new ModelStore();
  campaigned(store, 1n, 'anna');
  const anna = { key: 'e/1', revision: 2, leaseId: 1n };
  expect(store.answer(proclaimRequest(anna, text('louder')))).toMatchObject({
    response: { succeeded: true },
  });
  expect(leader(store)).toBe('louder');
  expect(store.get('e/1')?.lease).toBe(1n);
  store.answer(resignRequest(anna));
  campaigned(store, 1n, 'new');
  expect(store.answer(proclaimRequest(anna, text('old')))).toMatchObject({ response: { succeeded: false } });
  expect(leader(store)).toBe('new');
});

test('an observer is told of every leader and all it proclaims, once', () => {
  const store = new ModelStore();
  const observer = new Contender<ObserveEffect>(store, new ObserveRecipe('e'));
  observer.step({ kind: 'begun' });
  observer.run();
  campaigned(store, 1n, 'anna');
  observer.run();
  store.answer(proclaimRequest({ key: 'e/1', revision: 2, leaseId: 1n }, text('louder')));
  store.answer(proclaimRequest({ key: 'e/1', revision: 2, leaseId: 1n }, text('loudest')));
  campaigned(store, 2n, 'berta');
  observer.run();
  observer.compacted();
  observer.run();
  store.delete('e/1');
  observer.run();
  store.delete('e/2');
  observer.run();
  expect(lines(observer)).toEqual(['vacant', 'anna', 'louder', 'loudest', 'berta', 'vacant']);
  observer.step({ kind: 'cancelled' });
  expect(observer.said.at(-1)).toMatchObject({ kind: 'failed', why: 'cancelled' });
  expect(observer.watching).toBeUndefined();
});

test('an observer misses no leader that comes between its look and its watch', () => {
  const store = new ModelStore();
  const observer = new Contender<ObserveEffect>(store, new ObserveRecipe('e'));
  observer.step({ kind: 'begun' });
  observer.end('answered');
  campaigned(store, 1n, 'anna');
  observer.run();
  expect(lines(observer)).toEqual(['vacant', 'anna']);
});

test('an observer that cannot ask says why', () => {
  const observer = new Contender<ObserveEffect>(new ModelStore(), new ObserveRecipe('e'));
  observer.step({ kind: 'begun' });
  observer.end('failed');
  expect(observer.said).toMatchObject([{ kind: 'failed', why: 'failed', reason: 'no time was left' }]);
});
