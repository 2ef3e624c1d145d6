import { expect, test } from 'vitest';

import { ActQueues } from '../../../adapters/qemu/act-queues.ts';
import { Deferred } from '../../../adapters/client/deferred.ts';
import { actsWaitingMax } from '../../../core/plasma/hypervisor.ts';

test('acts of one key go one after the other, those of different keys side by side, none at once', async () => {
  const queues = new ActQueues();
  const [first, second] = [new Deferred<undefined>(), new Deferred<undefined>()];
  const order: string[] = [];
  const all = new Deferred<undefined>();
  const note = (name: string, until?: Promise<undefined>) => async (): Promise<void> => {
    order.push(`${name} begins`);
    await until;
    order.push(`${name} ends`);
    if (order.length === 6) all.resolve(undefined);
  };
  queues.add('a', note('a1', first.promise));
  queues.add('a', note('a2'));
  queues.add('b', note('b1', second.promise));
  expect(order).toEqual([]);
  second.resolve(undefined);
  await second.promise;
  first.resolve(undefined);
  await all.promise;
  expect(order.filter((one) => one.startsWith('a'))).toEqual([
    'a1 begins',
    'a1 ends',
    'a2 begins',
    'a2 ends',
  ]);
  expect(order.indexOf('b1 begins')).toBeLessThan(order.indexOf('a1 ends'));
});

test('so many wait and no more, and there is room again when they are done', async () => {
  const queues = new ActQueues();
  const gate = new Deferred<undefined>();
  let done = 0;
  const finished = new Deferred<undefined>();
  const act = async (): Promise<void> => {
    await gate.promise;
    done += 1;
    if (done === actsWaitingMax + 1) finished.resolve(undefined);
  };
  queues.add('a', act);
  await Promise.resolve();
  const taken = Array.from({ length: actsWaitingMax + 5 }, () => queues.add('a', act));
  expect(taken.filter(Boolean)).toHaveLength(actsWaitingMax);
  expect(queues.add('b', act)).toBe(true);
  gate.resolve(undefined);
  await finished.promise;
  expect(queues.add('a', act)).toBe(true);
});
