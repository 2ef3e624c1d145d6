import { beforeEach, expect, test } from 'vitest';
import { gibibyte, ModelCloud, second, spec } from './model-cloud.ts';
import { ModelNode } from './model-node.ts';
import { create, events, operation, shown } from './model-requests.ts';

let cloud: ModelCloud;
let node: ModelNode;

beforeEach(() => {
  cloud = new ModelCloud();
  node = new ModelNode(cloud, 'node-1').join();
});

const noBounds = {
  vmsMax: undefined,
  cpusMax: undefined,
  memoryBytesMax: undefined,
  diskBytesMax: undefined,
  imageBytesMax: undefined,
};

test('a quota holds for all that is decided, also for what waits for the same commit', () => {
  cloud.user({ kind: 'quotaSet', operationId: 'q', project: 'p', quota: { ...noBounds, vmsMax: 2 } });
  const leader = cloud.elect();
  cloud.fate = (call) => (call.kind === 'kvTxn' ? 'held' : 'done');
  const asked = ['a', 'b', 'c'].map((name) => cloud.send(leader, { service: 'user', request: create(name) }));
  cloud.settle();
  cloud.fate = () => 'done';
  cloud.settle();
  expect(asked.map((requestId) => cloud.answer(requestId))).toMatchObject([
    { kind: 'committed' },
    { kind: 'committed' },
    { kind: 'refused', code: 'QUOTA_EXCEEDED' },
  ]);
  expect(
    cloud.user({ kind: 'quotaSet', operationId: 'q-2', project: 'p', quota: { ...noBounds, cpusMax: 1 } }),
  ).toMatchObject({ kind: 'refused', code: 'FAILED_PRECONDITION' });
});

test('images count by their files, and go out of the count with their rows', () => {
  const quota = { ...noBounds, imageBytesMax: 25 };
  cloud.user({ kind: 'quotaSet', operationId: 'q', project: 'p', quota });
  const add = (name: string): unknown =>
    cloud.user({
      ...{ kind: 'imageAdd', operationId: `add-${name}`, project: 'p', name },
      ...{ digest: `sha256:${'a'.repeat(64)}`, format: 'raw', fileBytes: 10, virtualBytes: 512 },
    });
  expect([add('a'), add('b')]).toMatchObject([{ kind: 'committed' }, { kind: 'committed' }]);
  expect(add('c')).toMatchObject({
    code: 'QUOTA_EXCEEDED',
    message: 'it would use 30 bytes of images of 25',
  });
  cloud.user({ kind: 'imageRemove', operationId: 'r', project: 'p', name: 'a' });
  expect(cloud.user({ kind: 'quotaGet', project: 'p' })).toMatchObject({ used: { imageBytes: 10 } });
  cloud.endLease(cloud.elect(), 'told');
  cloud.advance(2 * second);
  expect(add('d')).toMatchObject({ kind: 'committed' });
  expect(add('e')).toMatchObject({ code: 'QUOTA_EXCEEDED' });
});

test('anti-affinity holds between what is decided together', () => {
  new ModelNode(cloud, 'node-2').join();
  const apart = {
    labels: { app: 'db' },
    affinity: [{ kind: 'anti-affinity', topology: 'node', matches: { app: 'db' }, required: true }],
  } as const;
  const leader = cloud.elect();
  cloud.fate = (call) => (call.kind === 'kvTxn' ? 'held' : 'done');
  for (const name of ['a', 'b', 'c']) cloud.send(leader, { service: 'user', request: create(name, apart) });
  cloud.settle();
  cloud.fate = () => 'done';
  cloud.settle();
  const places = ['a', 'b', 'c'].map((name) => shown(cloud, name).node);
  expect(places.toSorted()).toEqual(['node-1', 'node-2', undefined]);
  expect(shown(cloud, 'c')).toMatchObject({
    state: 'pending',
    message: expect.stringContaining('anti-affinity') as string,
  });
});

test('what is deleted keeps its name and its room until its node has said that nothing is left', () => {
  cloud.user(create('web'));
  node.tell(node.only(), 'running');
  cloud.user({ kind: 'vmDelete', operationId: 'd', project: 'p', vm: 'web' });
  expect(cloud.user(create('web', {}, 'again'))).toMatchObject({ kind: 'refused', code: 'ALREADY_EXISTS' });
  expect(node.only().want).toEqual({ kind: 'remove' });
  expect(operation(cloud, 'd')).toMatchObject({ state: 'running' });
  node.tell(node.only(), 'gone');
  expect(operation(cloud, 'd')).toMatchObject({ state: 'done' });
  expect(cloud.user(create('web', {}, 'again'))).toMatchObject({ kind: 'committed' });
  expect(cloud.store.keys('/photon/plasma/deleted/')).toEqual([]);
});

test('of what was deleted while its node was lost there is proof, until the node has removed it', () => {
  cloud.user(create('web'));
  const { id } = node.only();
  node.tell(node.only(), 'running');
  cloud.advance(15 * second);
  cloud.user({ kind: 'vmDelete', operationId: 'd', project: 'p', vm: 'web' });
  expect(cloud.store.keys('/photon/plasma/vms/')).toEqual([]);
  expect(cloud.store.keys('/photon/plasma/deleted/')).toHaveLength(1);
  node.register();
  const instance = { vm: id, fenceToken: 1, pid: 5, startTicks: 1 };
  const stranger = `vm-${'0'.repeat(32)}`;
  const judged = node.inventory([
    { vm: id, fenceToken: 1, instance, state: 'running', generation: 1 },
    {
      vm: stranger,
      fenceToken: 1,
      instance: { ...instance, vm: stranger },
      state: 'running',
      generation: undefined,
    },
  ]);
  expect(judged).toMatchObject({ verdicts: [{ verdict: 'kill' }, { vm: stranger, verdict: 'orphan' }] });
  expect(node.only()).toMatchObject({ id, want: { kind: 'remove' } });
  node.tell(node.only(), 'gone');
  expect(cloud.store.keys('/photon/plasma/deleted/')).toEqual([]);
  expect(cloud.user({ kind: 'nodeList' })).toMatchObject({ nodes: [{ orphans: 1 }] });
});

test('an inventory that comes again, and late, changes nothing', () => {
  cloud.user(create('web'));
  node.tell(node.only(), 'running');
  node.inventory();
  expect(shown(cloud, 'web').state).toBe('running');
});

test('a place that the inventory does not show has no process', () => {
  cloud.user(create('web'));
  node.tell(node.only(), 'running');
  node.register();
  node.inventory();
  expect(shown(cloud, 'web').state).toBe('stopped');
  expect(node.only().want).toMatchObject({ kind: 'run', runState: 'running' });
});

test('a shared disk belongs to one, and whoever has it next begins above the tokens it was written under', () => {
  cloud.user({
    kind: 'sharedDiskCreate',
    operationId: 'sd',
    project: 'p',
    disk: 'data',
    sizeBytes: gibibyte,
  });
  const disks = [
    { name: 'data', kind: 'shared', image: undefined, sharedDisk: 'data', sizeBytes: gibibyte },
  ] as const;
  cloud.user(create('one', { disks }));
  expect(cloud.user(create('two', { disks }))).toMatchObject({
    kind: 'refused',
    code: 'FAILED_PRECONDITION',
  });
  expect(
    cloud.user({ kind: 'sharedDiskDelete', operationId: 'x', project: 'p', disk: 'data' }),
  ).toMatchObject({ kind: 'refused', code: 'FAILED_PRECONDITION' });
  node.tell(node.only(), 'running');
  cloud.user({ kind: 'vmDelete', operationId: 'd', project: 'p', vm: 'one' });
  node.tell(node.only(), 'gone');
  cloud.user(create('two', { disks }, 'two-again'));
  expect(node.only().fenceToken).toBe(2);
});

test('an image that is used is kept, and one that is not known is refused', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const disks = [
    { name: 'root', kind: 'local', image: digest, sharedDisk: undefined, sizeBytes: gibibyte },
  ] as const;
  expect(cloud.user(create('web', { disks }))).toMatchObject({ kind: 'refused', code: 'NOT_FOUND' });
  cloud.user({
    kind: 'imageAdd',
    operationId: 'i',
    project: 'p',
    name: 'debian',
    digest,
    format: 'qcow2',
    fileBytes: 10,
    virtualBytes: 20,
  });
  cloud.user(create('web', { disks }));
  expect(cloud.user({ kind: 'imageList', project: 'p' })).toMatchObject({ images: [{ usedBy: 1 }] });
  expect(cloud.user({ kind: 'imageRemove', operationId: 'r', project: 'p', name: 'debian' })).toMatchObject({
    code: 'FAILED_PRECONDITION',
  });
});

test('an operation at the agent is wanted until it is told as ended, and its outcome stays', () => {
  cloud.user(create('web'));
  node.tell(node.only(), 'running');
  cloud.user({ kind: 'vmSnapshot', operationId: 's', project: 'p', vm: 'web', snapshot: 'before' });
  expect(node.only().operations).toEqual([{ id: 's', kind: 'snapshot', snapshot: 'before' }]);
  expect(operation(cloud, 's')).toMatchObject({ state: 'running' });
  node.tell(node.only(), 'running', { operations: [{ id: 's', outcome: 'done', message: '' }] });
  expect(operation(cloud, 's')).toMatchObject({ state: 'done' });
  expect(node.only().operations).toEqual([]);
  cloud.user({ kind: 'vmRestore', operationId: 'r', project: 'p', vm: 'web', snapshot: 'before' });
  node.tell(node.only(), 'running', { operations: [{ id: 'r', outcome: 'failed', message: 'torn' }] });
  expect(operation(cloud, 'r')).toMatchObject({ state: 'failed', message: 'torn' });
  const disk = {
    name: 'more',
    kind: 'local',
    image: undefined,
    sharedDisk: undefined,
    sizeBytes: 7,
  } as const;
  cloud.user({ kind: 'vmAttachDisk', operationId: 'a', project: 'p', vm: 'web', disk });
  expect(node.only()).toMatchObject({
    spec: { disks: [disk] },
    operations: [{ kind: 'attachDisk', disk: 'more' }],
  });
  node.tell(node.only(), 'running', { operations: [{ id: 'a', outcome: 'failed', message: 'no slot' }] });
  expect(node.only().spec.disks).toEqual([]);
});

test('what is pending is placed when there is room, the most important first', () => {
  cloud.user(create('a', { cpus: 8 }));
  node.tell(node.only(), 'running');
  cloud.user(create('low', { cpus: 8, priority: 0 }));
  cloud.user(create('high', { cpus: 8, priority: 0, labels: { x: 'y' } }));
  expect(shown(cloud, 'low').state).toBe('pending');
  new ModelNode(cloud, 'node-2').join();
  cloud.advance(second);
  const places = ['low', 'high'].map((name) => shown(cloud, name).node);
  expect(places.filter((place) => place === 'node-2')).toHaveLength(1);
});

test('a more important one displaces a less important one, which stops first', () => {
  cloud.user(create('low', { cpus: 8 }));
  node.tell(node.only(), 'running');
  cloud.user(create('high', { cpus: 8, priority: 10 }));
  expect(shown(cloud, 'high').state).toBe('pending');
  expect(node.only()).toMatchObject({ spec: { name: 'low' }, want: { kind: 'evict' } });
  node.tell(node.only(), 'stopped');
  cloud.advance(second);
  expect(shown(cloud, 'high').node).toBe('node-1');
  expect(shown(cloud, 'low').state).toBe('pending');
  expect(events(cloud)).toContain('displaced');
});

test('what is wrong with a request is named, and nothing is changed', () => {
  const before = cloud.store.keys('/photon/plasma/');
  const bad = { ...spec('web'), cpus: 0 };
  expect(
    cloud.user({ kind: 'vmCreate', operationId: 'o', project: 'p', spec: bad, start: true }),
  ).toMatchObject({ kind: 'refused', code: 'INVALID', message: 'cpus is 0, and must be from 1 to 1024' });
  expect(cloud.user(create('Web'))).toMatchObject({ code: 'INVALID' });
  expect(cloud.user(create('web', {}, 'no spaces'))).toMatchObject({ code: 'INVALID' });
  expect(cloud.store.keys('/photon/plasma/')).toEqual(before);
});

test('events are told in order, and to those who wait as they happen', () => {
  cloud.user(create('web'));
  const all = cloud.user({ kind: 'events', project: 'p', fromRevision: 0, limit: 100, waitUs: 0 });
  const kinds = all.kind === 'events' ? all.events.map(({ what }) => what) : [];
  expect(kinds).toEqual(['leads', 'registered', 'inventoried', 'placed', 'vmCreate']);
  const last = all.kind === 'events' ? (all.events.at(-1)?.revision ?? 0) : 0;
  const leader = cloud.elect();
  const asked = cloud.send(leader, {
    service: 'user',
    request: { kind: 'events', project: 'p', fromRevision: last, limit: 10, waitUs: 10 * second },
  });
  cloud.advance(second);
  expect(cloud.answer(asked)).toBeUndefined();
  cloud.user({ kind: 'vmPause', operationId: 'pause', project: 'p', vm: 'web' });
  expect(cloud.answer(asked)).toMatchObject({
    kind: 'events',
    events: [{ what: 'vmPause', by: 'photon://user/alice' }],
  });
});

/** Many creates at once: several commits, each with two records of each create. */
function recordedTogether(): void {
  const leader = cloud.elect();
  for (let vm = 0; vm < 60; vm += 1) cloud.send(leader, { service: 'user', request: create(`vm-${vm}`) });
  cloud.settle();
}

test('what a commit records of a project is one row of the store', () => {
  const before = cloud.store.keys('/photon/plasma/audit/').length;
  const commits = Number(cloud.servers[0]?.machine.status.commits);
  recordedTogether();
  const more = Number(cloud.servers[0]?.machine.status.commits) - commits;
  expect(cloud.store.keys('/photon/plasma/audit/')).toHaveLength(before + more);
});

test.each([1, 500])(
  'whoever reads events page after page, each behind the last of the one before, misses none (pages of %i rows)',
  (pageRows) => {
    cloud = new ModelCloud(1, { pageRows });
    recordedTogether();
    const created: string[] = [];
    for (let fromRevision = 0; ;) {
      const page = cloud.user({ kind: 'events', project: 'p', fromRevision, limit: 50, waitUs: 0 });
      const told = page.kind === 'events' ? page.events : [];
      if (told.length === 0) break;
      for (const { what, message } of told) if (what === 'vmCreate') created.push(message);
      fromRevision = told.at(-1)?.revision ?? 0;
    }
    expect(created).toEqual(Array.from({ length: 60 }, (_, vm) => `vm-${vm}`));
  },
);

test('the oldest operations and records of a project go when there are more than are kept, also under the next leader', () => {
  cloud = new ModelCloud(2, { keptPerProject: 5, pageRows: 3 });
  const change = (turn: number): void => {
    const bound = { ...noBounds, vmsMax: 10 + turn };
    cloud.user({ kind: 'quotaSet', operationId: `q-${turn}`, project: 'p', quota: bound });
  };
  const kept = (): readonly number[] =>
    ['operations/p/', 'audit/'].map((folder) => cloud.store.keys(`/photon/plasma/${folder}`).length);
  for (let turn = 0; turn < 20; turn += 1) change(turn);
  // One record more is that of the leader; and what a commit adds is counted when it is made.
  expect(kept()).toEqual([5, 7]);
  expect(operation(cloud, 'q-14')).toMatchObject({ kind: 'refused', code: 'NOT_FOUND' });
  expect(operation(cloud, 'q-15')).toMatchObject({ kind: 'operation', state: 'done' });
  cloud.endLease(cloud.elect(), 'told');
  cloud.advance(2 * second);
  for (let turn = 20; turn < 40; turn += 1) change(turn);
  expect(kept()).toEqual([5, 8]);
  expect(events(cloud)).toEqual([
    'leads',
    'leads',
    'quotaSet',
    'quotaSet',
    'quotaSet',
    'quotaSet',
    'quotaSet',
    'quotaSet',
  ]);
});
