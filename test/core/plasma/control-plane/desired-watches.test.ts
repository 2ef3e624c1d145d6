import { expect, test } from 'vitest';
import { ModelCloud, second } from './model-cloud.ts';
import { ModelNode } from './model-node.ts';
import { create } from './model-requests.ts';

function twoNodes(): { cloud: ModelCloud; first: ModelNode; other: ModelNode } {
  const cloud = new ModelCloud();
  const first = new ModelNode(cloud, 'node-1').join();
  const other = new ModelNode(cloud, 'node-2').join();
  first.watch();
  other.watch();
  return { cloud, first, other };
}

/** A request of the node's agent that waits. */
function waits(cloud: ModelCloud, { name, epoch, revision }: ModelNode, waitUs: number): number {
  const request = { kind: 'watchDesired', node: name, epoch, fromRevision: revision, waitUs } as const;
  const asked = cloud.send(cloud.elect(), { service: 'agent', request }, `photon://plasma/${name}`);
  cloud.settle();
  return asked;
}

test('an agent that waits hears of what is wanted of its own node when it is committed, others do not', () => {
  const { cloud, first, other } = twoNodes();
  const [of, others] = [waits(cloud, first, 9 * second), waits(cloud, other, 9 * second)];
  expect(cloud.answer(of)).toBeUndefined();
  cloud.user(create('web'));
  expect(cloud.answer(of)).toMatchObject({ kind: 'desired', vms: [{ spec: { name: 'web' } }] });
  expect(cloud.answer(others)).toBeUndefined();
});

test('an agent that waits in vain is answered when its time is over, not before', () => {
  const { cloud, first, other } = twoNodes();
  const [long, short] = [waits(cloud, first, 5 * second), waits(cloud, other, 2 * second)];
  cloud.advance(2 * second - 1);
  expect(cloud.answer(short)).toBeUndefined();
  cloud.advance(1);
  expect(cloud.answer(short)).toMatchObject({ kind: 'desired', vms: [] });
  expect(cloud.answer(long)).toBeUndefined();
  cloud.advance(3 * second);
  expect(cloud.answer(long)).toMatchObject({ kind: 'desired', vms: [] });
});

test('an agent that waits is told when another epoch of its node begins', () => {
  const { cloud, first } = twoNodes();
  const asked = waits(cloud, first, 9 * second);
  first.register();
  expect(cloud.answer(asked)).toMatchObject({ kind: 'refused', code: 'STALE_EPOCH' });
});

test('who has left is not waited for, and those that stay are answered in time, however many have left', () => {
  const { cloud, first, other } = twoNodes();
  const stays = waits(cloud, other, 5 * second);
  const leader = cloud.elect();
  const left = Array.from({ length: 3_000 }, (_, at) => waits(cloud, first, second + at));
  for (const requestId of left) cloud.step(leader, { kind: 'cancelled', requestId });
  cloud.advance(5 * second - 1);
  expect(cloud.answer(stays)).toBeUndefined();
  cloud.advance(1);
  expect(cloud.answer(stays)).toMatchObject({ kind: 'desired' });
  expect(left.filter((requestId) => cloud.answer(requestId) !== undefined)).toEqual([]);
});
