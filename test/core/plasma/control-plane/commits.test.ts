import { expect, test } from 'vitest';
import { ModelCloud, second } from './model-cloud.ts';
import { ModelNode } from './model-node.ts';
import { create, events, shown } from './model-requests.ts';

/** Of transactions that change rows, once. */
function once(cloud: ModelCloud, fate: 'lost' | 'dropped' | 'failed' | 'held'): void {
  let is = false;
  cloud.fate = (call) => {
    if (is || call.kind !== 'kvTxn' || call.changes.length < 2) return 'done';
    is = true;
    return fate;
  };
}

test('asked again under the same operation id, a thing is done once and has the same answer', () => {
  const cloud = new ModelCloud();
  const first = cloud.user(create('web'));
  cloud.advance(second);
  expect(cloud.user(create('web'))).toEqual(first);
  expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(1);
});

test('the same operation id for something else is refused, and changes nothing', () => {
  const cloud = new ModelCloud();
  cloud.user(create('web'));
  expect(cloud.user(create('db', {}, 'create-web'))).toMatchObject({
    kind: 'refused',
    code: 'OPERATION_REUSED',
  });
  expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(1);
});

test('an operation that waits for its commit is not begun a second time', () => {
  const cloud = new ModelCloud();
  const leader = cloud.elect();
  cloud.fate = (call) => (call.kind === 'kvTxn' ? 'held' : 'done');
  const asked = [1, 2, 3].map(() => cloud.send(leader, { service: 'user', request: create('web') }));
  cloud.settle();
  cloud.fate = () => 'done';
  cloud.settle();
  const answers = asked.map((requestId) => cloud.answer(requestId));
  expect(answers[0]).toMatchObject({ kind: 'committed' });
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[2]).toEqual(answers[0]);
  expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(1);
});

test('an operation has the same answer from the next leader', () => {
  const cloud = new ModelCloud(2);
  const first = cloud.elect();
  const answer = cloud.user(create('web'), first);
  cloud.endLease(first, 'told');
  cloud.advance(2 * second);
  const next = cloud.elect();
  expect(cloud.user(create('web'), next)).toEqual(answer);
});

test('what is decided while a commit is under way goes into the next one, together', () => {
  const cloud = new ModelCloud();
  const leader = cloud.elect();
  const before = Number(cloud.servers[leader]?.machine.status.commits);
  for (let vm = 0; vm < 20; vm += 1) cloud.send(leader, { service: 'user', request: create(`vm-${vm}`) });
  cloud.settle();
  expect(cloud.servers[leader]?.machine.status.commits).toBeLessThanOrEqual(before + 3);
  expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(20);
});

test('a commit that was done though nobody heard so is found to have been done', () => {
  const cloud = new ModelCloud();
  cloud.elect();
  once(cloud, 'lost');
  expect(cloud.user(create('web'))).toMatchObject({ kind: 'committed' });
  expect(shown(cloud, 'web').wanted).toBe('running');
  expect(cloud.servers[0]?.machine.status).toMatchObject({ commitsUnknown: 1, termsWon: 1, termsLost: 0 });
});

test('a commit that was not done, and of which nobody heard, never will be, and is not shown', () => {
  const cloud = new ModelCloud();
  const leader = cloud.elect();
  once(cloud, 'dropped');
  expect(cloud.user(create('web'), leader)).toMatchObject({ kind: 'refused', code: 'UNAVAILABLE' });
  expect(cloud.user({ kind: 'vmList', project: 'p', matches: {} })).toMatchObject({ vms: [] });
  expect(cloud.user(create('web'))).toMatchObject({ kind: 'committed' });
  expect(cloud.servers[0]?.machine.status).toMatchObject({ termsWon: 1, termsLost: 0 });
});

test('what settles a commit may itself not be heard of', () => {
  for (const [settling, answer] of [
    ['lost', 'committed'],
    ['dropped', 'committed'],
  ] as const) {
    const cloud = new ModelCloud();
    cloud.elect();
    let unheard = 0;
    cloud.fate = (call) => {
      if (call.kind !== 'kvTxn') return 'done';
      unheard += 1;
      return unheard === 1 ? 'lost' : unheard === 2 ? settling : 'done';
    };
    expect(cloud.user(create('web')).kind).toBe(answer);
  }
});

test('a settling commit that was done unheard shows that the first one was not', () => {
  const cloud = new ModelCloud();
  const leader = cloud.elect();
  let unheard = 0;
  cloud.fate = (call) => {
    if (call.kind !== 'kvTxn') return 'done';
    unheard += 1;
    return unheard === 1 ? 'dropped' : unheard === 2 ? 'lost' : 'done';
  };
  expect(cloud.user(create('web'), leader)).toMatchObject({ kind: 'refused', code: 'UNAVAILABLE' });
  cloud.settle();
  expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(0);
  expect(cloud.user(create('web')).kind).toBe('committed');
});

test('a deposed leader commits nothing, and says so', () => {
  const cloud = new ModelCloud(2);
  const old = cloud.elect();
  const node = new ModelNode(cloud, 'node-1').join();
  cloud.fate = (call, server) => (server === old && call.kind === 'kvTxn' ? 'held' : 'done');
  const asked = cloud.send(old, { service: 'user', request: create('web') });
  cloud.settle();
  cloud.endLease(old, 'untold');
  cloud.advance(2 * second);
  const next = 1 - old;
  expect(cloud.servers[next]?.machine.status.role).toBe('leading');
  cloud.fate = () => 'done';
  cloud.settle();
  expect(cloud.answer(asked)).toMatchObject({ kind: 'refused' });
  expect(cloud.servers[old]?.machine.status.role).not.toBe('leading');
  expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(0);
  expect(node.watch()).toMatchObject({ kind: 'desired', vms: [] });
});

test('a deposed leader that does not know of it yet answers nothing from what it remembers', () => {
  const cloud = new ModelCloud(2);
  const old = cloud.elect();
  cloud.user(create('web'), old);
  cloud.endLease(old, 'untold');
  cloud.advance(2 * second);
  const next = 1 - old;
  cloud.user({ kind: 'vmDelete', operationId: 'o-2', project: 'p', vm: 'web' }, next);
  const asked = cloud.send(old, { service: 'user', request: { kind: 'vmGet', project: 'p', vm: 'web' } });
  cloud.settle();
  expect(cloud.answer(asked)).toMatchObject({ kind: 'refused', code: 'NOT_LEADER' });
});

test('a server that does not lead points to the one that does', () => {
  const cloud = new ModelCloud(3);
  const leader = cloud.elect();
  cloud.advance(3 * second);
  for (let server = 0; server < 3; server += 1) {
    if (server === leader) continue;
    expect(cloud.user(create('web'), server)).toMatchObject({ kind: 'refused', code: 'NOT_LEADER', leader });
  }
});

test('a row that is not what it should be keeps servers from leading, and they say which', () => {
  const cloud = new ModelCloud();
  cloud.store.put('/photon/plasma/vms/vm-x', '{"id":7}');
  cloud.advance(5 * second);
  expect(cloud.leader()).toBeUndefined();
  expect(cloud.servers[0]?.machine.status.trouble).toContain('vms/vm-x');
});

test('what was refused to somebody is on record', () => {
  const cloud = new ModelCloud();
  const leader = cloud.elect();
  expect(cloud.user(create('web'), leader, 'photon://user/mallory')).toMatchObject({
    kind: 'refused',
    code: 'PERMISSION_DENIED',
  });
  expect(events(cloud)).toContain('denied');
  expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(0);
});

test('a commit never has more changes than the store takes, however much there is to do', () => {
  const cloud = new ModelCloud();
  const node = new ModelNode(cloud, 'node-1', 1_000).join();
  const leader = cloud.elect();
  for (let vm = 0; vm < 200; vm += 1) {
    cloud.send(leader, { service: 'user', request: create(`vm-${vm}`, { memoryBytes: 1_048_576 }) });
  }
  cloud.settle();
  expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(200);
  node.watch();
  expect(node.desired).toHaveLength(200);
});

test('a commit of an older leader that arrives before the first one of the next is not done', () => {
  const cloud = new ModelCloud(2);
  const old = cloud.elect();
  cloud.fate = (call) => (call.kind === 'kvTxn' && call.changes.length > 1 ? 'held' : 'done');
  cloud.send(old, { service: 'user', request: create('web') });
  cloud.settle();
  cloud.endLease(old, 'untold');
  cloud.advance(2 * second);
  const next = 1 - old;
  expect(cloud.servers[next]?.machine.status.role).toBe('leading');
  cloud.fate = (_call, server) => (server === next ? 'held' : 'done');
  cloud.settle();
  expect(cloud.store.keys('/photon/plasma/vms/')).toHaveLength(0);
});

test('what is not committed yet is wanted of nobody, and shown to nobody', () => {
  const cloud = new ModelCloud();
  const node = new ModelNode(cloud, 'node-1').join();
  const leader = cloud.elect();
  cloud.fate = (call) => (call.kind === 'kvTxn' ? 'held' : 'done');
  cloud.send(leader, { service: 'user', request: create('web') });
  cloud.settle();
  expect(node.watch()).toMatchObject({ kind: 'desired', vms: [] });
  expect(cloud.user({ kind: 'vmList', project: 'p', matches: {} })).toMatchObject({ vms: [] });
  cloud.fate = () => 'done';
  cloud.settle();
  expect(node.only().spec.name).toBe('web');
});
