import { expect, test } from 'vitest';
import { ModelCloud, second } from './model-cloud.ts';
import { ModelNode } from './model-node.ts';
import { create } from './model-requests.ts';

const leaderKey = '/photon/plasma/leader';
const left = { kind: 'left' };

test('a leader that leaves takes its key away, and the next one leads before the lease would have ended', () => {
  const cloud = new ModelCloud(3);
  const first = cloud.elect();
  const asked = cloud.leave(first);
  cloud.settle();
  expect(cloud.answer(asked)).toEqual(left);
  expect(cloud.store.value(leaderKey)).toBeUndefined();
  const leftAtUs = cloud.nowUs;
  expect(cloud.elect()).not.toBe(first);
  // Whoever does not lead looks once a second.
  expect(cloud.nowUs - leftAtUs).toBeLessThanOrEqual(1.1 * second);
});

test('it never leads again, and refuses what it is asked so that others are asked', () => {
  const cloud = new ModelCloud(1);
  const only = cloud.elect();
  cloud.leave(only);
  cloud.advance(30 * second);
  expect(cloud.leader()).toBeUndefined();
  expect(cloud.servers[only]?.machine.deadlineUs).toBe(Infinity);
  expect(cloud.user(create('web'), only)).toEqual({
    ...{ kind: 'refused', code: 'NOT_LEADER', leader: undefined },
    message: 'this server is stopping',
  });
});

test('who waits for the commit under way hears of it; all others may ask the next one at once', () => {
  const cloud = new ModelCloud(2);
  const first = cloud.elect();
  const node = new ModelNode(cloud, 'node-1').join();
  cloud.fate = (call) => (call.kind === 'kvTxn' ? 'held' : 'done');
  const sent = cloud.send(first, { service: 'user', request: create('web') });
  const waits = cloud.send(first, { service: 'user', request: create('db') });
  const polls = cloud.send(first, {
    service: 'agent',
    request: { kind: 'watchDesired', node: 'node-1', epoch: 1, fromRevision: 1_000, waitUs: second },
  });
  const leaves = cloud.leave(first);
  cloud.settle();
  for (const requestId of [waits, polls])
    expect(cloud.answer(requestId)).toMatchObject({ kind: 'refused', code: 'NOT_LEADER' });
  // Nothing is handed over before it is known what has become of it.
  for (const requestId of [sent, leaves]) expect(cloud.answer(requestId)).toBeUndefined();
  expect(cloud.store.value(leaderKey)).toBeDefined();
  cloud.fate = () => 'done';
  cloud.settle();
  const committed = cloud.answer(sent);
  expect(committed).toMatchObject({ kind: 'committed' });
  expect(cloud.answer(leaves)).toEqual(left);

  const next = cloud.elect();
  expect(next).not.toBe(first);
  expect(cloud.user(create('web'), next)).toEqual(committed);
  expect(cloud.user(create('db'), next)).toMatchObject({ kind: 'committed' });
  expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(2);
  node.renew();
  cloud.advance(second);
  expect(node.watch()).toMatchObject({ kind: 'desired', vms: [{}, {}] });
});

test('a commit of which nobody has heard is settled first', () => {
  for (const fate of ['lost', 'dropped'] as const) {
    const cloud = new ModelCloud(2);
    const first = cloud.elect();
    let unheard = 0;
    cloud.fate = (call) => {
      if (call.kind !== 'kvTxn' || call.changes.some(({ key }) => key === leaderKey)) return 'done';
      unheard += 1;
      return unheard === 1 ? 'held' : 'done';
    };
    const sent = cloud.send(first, { service: 'user', request: create('web') });
    const leaves = cloud.leave(first);
    unheard = 0;
    cloud.fate = (call) => {
      if (call.kind !== 'kvTxn') return 'done';
      unheard += 1;
      return unheard === 1 ? fate : 'done';
    };
    cloud.settle();
    expect(cloud.answer(leaves)).toEqual(left);
    expect(cloud.answer(sent)).toMatchObject(
      fate === 'lost' ? { kind: 'committed' } : { kind: 'refused', code: 'UNAVAILABLE' },
    );
    expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(fate === 'lost' ? 1 : 0);
    expect(cloud.user(create('web'), cloud.elect())).toMatchObject({ kind: 'committed' });
    expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(1);
  }
});

test('one that is about to lead, or has just been told so, leaves too', () => {
  const cloud = new ModelCloud(1);
  cloud.fate = (call) => (call.kind === 'kvTxn' ? 'held' : 'done');
  cloud.advance(second);
  expect(cloud.servers[0]?.machine.status.role).toBe('campaigning');
  const asked = cloud.leave(0);
  cloud.settle();
  expect(cloud.answer(asked)).toBeUndefined();
  cloud.fate = () => 'done';
  cloud.settle();
  expect(cloud.answer(asked)).toEqual(left);
  expect(cloud.store.value(leaderKey)).toBeUndefined();
});

test('one that does not lead has nothing to hand over, and leaves the leader as it is', () => {
  const cloud = new ModelCloud(2);
  const leader = cloud.elect();
  cloud.advance(2 * second);
  const asked = cloud.leave(1 - leader);
  expect(cloud.answer(asked)).toEqual(left);
  cloud.advance(30 * second);
  expect(cloud.leader()).toBe(leader);
});

test("one that was deposed before it could hand over takes nobody else's key away", () => {
  const cloud = new ModelCloud(2);
  const first = cloud.elect();
  cloud.fate = (_, server) => (server === first ? 'held' : 'done');
  const asked = cloud.leave(first);
  cloud.endLease(first, 'untold');
  cloud.advance(2 * second);
  const next = cloud.leader();
  expect(next).toBe(1 - first);
  cloud.fate = () => 'done';
  cloud.settle();
  expect(cloud.answer(asked)).toEqual(left);
  expect(cloud.store.value(leaderKey)).toContain(`"server":${next}`);
});

test('a store that does not answer keeps nobody for ever: it has left when the call is given up', () => {
  const cloud = new ModelCloud(1);
  const only = cloud.elect();
  cloud.fate = () => 'dropped';
  const asked = cloud.leave(only);
  cloud.settle();
  expect(cloud.answer(asked)).toEqual(left);
});
