import { beforeEach, expect, test } from 'vitest';

import { type PlasmaResponse } from '../../../../core/plasma/api.ts';
import { type StorageRequest } from '../../../../core/plasma/storage-protocol.ts';
import { gibibyte, ModelCloud, second } from './model-cloud.ts';
import { ModelNode } from './model-node.ts';
import { create, events, operation } from './model-requests.ts';

let cloud: ModelCloud;
let node: ModelNode;
/** What the storage node was asked. */
let asked: StorageRequest[];

beforeEach(() => {
  cloud = new ModelCloud(2);
  node = new ModelNode(cloud, 'node-1').join();
  asked = [];
  answering(() => ({ kind: 'deleted' }));
});

function answering(storage: ModelCloud['storage']): void {
  cloud.storage = (request) => {
    const response = storage(request);
    if (response !== undefined) asked.push(request);
    return response;
  };
}

const of = (operationId: string) => ({ operationId, project: 'p', disk: 'data' });
const make = (operationId: string): PlasmaResponse =>
  cloud.user({ kind: 'sharedDiskCreate', ...of(operationId), sizeBytes: gibibyte });
const remove = (operationId: string): PlasmaResponse =>
  cloud.user({ kind: 'sharedDiskDelete', ...of(operationId) });
const disks = [
  { name: 'root', kind: 'shared', image: undefined, sharedDisk: 'data', sizeBytes: gibibyte },
] as const;
const listed = (): unknown => {
  const answer = cloud.user({ kind: 'sharedDiskList', project: 'p' });
  return answer.kind === 'sharedDisks' ? answer.disks.map(({ state }) => state) : answer;
};
/** What node-1 is told that its only virtual machine's disk is called. */
const told = (): string | undefined => node.only().spec.disks[0]?.sharedDisk;

test('the storage node is asked once the deletion is committed, under a token above all of the disk', () => {
  make('c');
  cloud.user(create('one', { disks }));
  node.tell(node.only(), 'running');
  const onStorage = `p/${told() ?? ''}`;
  cloud.user({ kind: 'vmDelete', operationId: 'd', project: 'p', vm: 'one' });
  node.tell(node.only(), 'gone');

  const leader = cloud.elect();
  cloud.fate = (call) => (call.kind === 'kvTxn' ? 'held' : 'done');
  cloud.send(leader, { service: 'user', request: { kind: 'sharedDiskDelete', ...of('x') } });
  cloud.settle();
  expect(asked).toEqual([]);
  cloud.fate = () => 'done';
  cloud.settle();
  expect(asked).toEqual([{ kind: 'deleteDisk', disk: onStorage, vm: undefined, fenceToken: 2 }]);
  expect(operation(cloud, 'x')).toMatchObject({ state: 'done' });
  expect(cloud.store.keys('/photon/plasma/deletedDisks/')).toEqual([]);
  expect(events(cloud)).toContain('sharedDiskRemoved');
  expect(remove('again')).toMatchObject({ code: 'NOT_FOUND' });
});

test('a deletion that is not committed asks for nothing, and the disk is there as before', () => {
  make('c');
  const leader = cloud.elect();
  let dropped = 0;
  cloud.fate = (call) => {
    const isDropped = call.kind === 'kvTxn' && call.changes.length > 1 && dropped === 0;
    if (isDropped) dropped += 1;
    return isDropped ? 'dropped' : 'done';
  };
  const requestId = cloud.send(leader, {
    service: 'user',
    request: { kind: 'sharedDiskDelete', ...of('x') },
  });
  cloud.advance(5 * second);
  expect(dropped).toBe(1);
  expect(cloud.answer(requestId)).toMatchObject({ code: 'UNAVAILABLE' });
  expect(asked).toEqual([]);
  expect(listed()).toEqual(['there']);
});

test('while the storage node is away the disk counts and shows, and it is asked again, less and less often', () => {
  make('c');
  answering(() => 'lost');
  remove('x');
  cloud.advance(10 * second);
  const soon = asked.length;
  expect(soon).toBeGreaterThan(3);
  expect(operation(cloud, 'x')).toMatchObject({
    state: 'running',
    message: 'storage node: nobody has answered in time',
  });
  expect(listed()).toEqual(['deleting']);
  expect(cloud.user({ kind: 'quotaGet', project: 'p' })).toMatchObject({ used: { diskBytes: gibibyte } });
  expect(cloud.servers[cloud.elect()]?.machine.status.disksLeaving).toBe(1);
  cloud.advance(300 * second);
  expect(asked.length - soon).toBeLessThan(20);

  answering(() => ({ kind: 'deleted' }));
  cloud.advance(31 * second);
  expect(operation(cloud, 'x')).toMatchObject({ state: 'done', message: '' });
  expect(listed()).toEqual([]);
  expect(cloud.user({ kind: 'quotaGet', project: 'p' })).toMatchObject({ used: { diskBytes: 0 } });
});

test('the next leader goes on where the one before has ended', () => {
  make('c');
  answering(() => 'lost');
  remove('x');
  const before = cloud.elect();
  answering(() => ({ kind: 'deleted' }));
  cloud.endLease(before, 'told');
  cloud.advance(2 * second);
  const terms = cloud.servers.map(({ machine }) => machine.status.termsWon);
  expect(terms.reduce((sum, won) => sum + won, 0)).toBe(2);
  expect(operation(cloud, 'x')).toMatchObject({ state: 'done' });
  expect(remove('x')).toMatchObject({ kind: 'committed' });
  expect(new Set(asked.map((request) => JSON.stringify(request))).size).toBe(1);
});

test('an answer that comes after the term it was asked in changes nothing', () => {
  make('c');
  answering(() => undefined);
  remove('x');
  const before = cloud.elect();
  const [late] = cloud.storageCalls;
  cloud.endLease(before, 'told');
  cloud.advance(2 * second);
  cloud.step(before, {
    kind: 'storageAnswered',
    callId: late?.call.callId ?? 0,
    response: { kind: 'deleted' },
  });
  cloud.settle();
  expect(operation(cloud, 'x')).toMatchObject({ state: 'running' });
});

test('a refusal of the storage node ends nothing: it is shown, and asked again', () => {
  make('c');
  answering(() => ({ kind: 'refused', code: 'IN_USE', message: 'it belongs to vm-1', newest: undefined }));
  remove('x');
  cloud.advance(second);
  expect(operation(cloud, 'x')).toMatchObject({
    state: 'running',
    message: 'storage node: IN_USE: it belongs to vm-1',
  });
});

test('one that is made under the name of another is another one on the storage node, from the first moment', () => {
  answering(() => 'lost');
  make('c');
  cloud.user(create('one', { disks }));
  const first = told();
  node.tell(node.only(), 'running');
  cloud.user({ kind: 'vmDelete', operationId: 'd', project: 'p', vm: 'one' });
  expect(told()).toBe(first);
  node.tell(node.only(), 'gone');
  remove('x');
  make('c-2');
  expect(listed()).toEqual(['there', 'deleting']);
  cloud.user(create('two', { disks }));
  expect(told()).toMatch(/^data\.[0-9]+$/);
  expect(told()).not.toBe(first);
});

test('also when all of it comes in one commit', () => {
  const leader = cloud.elect();
  cloud.fate = (call) => (call.kind === 'kvTxn' ? 'held' : 'done');
  const send = (request: Parameters<ModelCloud['user']>[0]): number =>
    cloud.send(leader, { service: 'user', request });
  send({ kind: 'quotaSet', operationId: 'q', project: 'p', quota: noBounds });
  for (const turn of [1, 2, 3]) {
    send({ kind: 'sharedDiskCreate', ...of(`c-${turn}`), sizeBytes: gibibyte });
    if (turn < 3) send({ kind: 'sharedDiskDelete', ...of(`x-${turn}`) });
  }
  cloud.settle();
  cloud.fate = () => 'done';
  cloud.settle();
  cloud.user(create('one', { disks }));
  const removed = asked.map(({ disk }) => disk);
  expect(new Set(removed).size).toBe(2);
  expect(removed).not.toContain(`p/${told() ?? ''}`);
});

const noBounds = {
  vmsMax: undefined,
  cpusMax: undefined,
  memoryBytesMax: undefined,
  diskBytesMax: undefined,
  imageBytesMax: undefined,
};

test('proof that a virtual machine was deleted names its disks as the storage node knows them', () => {
  make('c');
  cloud.user(create('one', { disks }));
  const name = told();
  node.tell(node.only(), 'running');
  cloud.advance(15 * second);
  cloud.user({ kind: 'vmDelete', operationId: 'd', project: 'p', vm: 'one' });
  remove('x');
  expect(operation(cloud, 'x')).toMatchObject({ state: 'done' });
  node.register();
  node.inventory([{ vm: cloud.store.keys('/photon/plasma/deleted/')[0]?.split('/').at(-1) ?? '', ...found }]);
  expect(node.only().want).toEqual({ kind: 'remove' });
  expect(told()).toBe(name);
});

const found = { fenceToken: 1, instance: undefined, state: 'stopped', generation: 1 } as const;

test('a disk that could not be attached may have been opened: whoever has it next comes above that', () => {
  make('c');
  for (const turn of [1, 2, 3]) {
    cloud.user(create('web', {}, `create-${turn}`));
    node.tell(node.only(), 'running');
    if (turn === 3) break;
    node.tell(node.only(), 'stopped', { cause: 'process-died' });
    cloud.user({ kind: 'vmDelete', operationId: `gone-${turn}`, project: 'p', vm: 'web' });
    node.tell(node.only(), 'gone');
  }
  cloud.user({ kind: 'vmAttachDisk', operationId: 'a', project: 'p', vm: 'web', disk: disks[0] });
  const { fenceToken } = node.only();
  node.tell(node.only(), 'running', { operations: [{ id: 'a', outcome: 'failed', message: 'no slot' }] });
  remove('x');
  expect(asked).toMatchObject([{ fenceToken: fenceToken + 1 }]);
});

test('a disk is detached once its virtual machine has surely stopped, and whoever has it next comes above that one', () => {
  make('c');
  const local = { name: 'own', kind: 'local', image: undefined, sharedDisk: undefined } as const;
  cloud.user(create('web', { disks: [disks[0], { ...local, sizeBytes: 1_000 }] }));
  node.tell(node.only(), 'running');
  const detach = (operationId: string, disk: string): PlasmaResponse =>
    cloud.user({ kind: 'vmDetachDisk', operationId, project: 'p', vm: 'web', disk });
  expect(detach('d-1', 'none')).toMatchObject({ code: 'NOT_FOUND' });
  expect(detach('d-2', 'own')).toMatchObject({ code: 'FAILED_PRECONDITION' });
  expect(detach('d-3', 'root')).toMatchObject({ message: 'web must have stopped first' });
  cloud.user({ kind: 'vmStop', operationId: 's', project: 'p', vm: 'web', force: true });
  expect(detach('d-4', 'root')).toMatchObject({ message: 'web must have stopped first' });
  node.tell(node.only(), 'stopped', { cause: 'killed' });
  expect(detach('d-5', 'root')).toMatchObject({ kind: 'committed' });
  expect(operation(cloud, 'd-5')).toMatchObject({ state: 'done' });
  expect(node.only().spec.disks).toMatchObject([{ name: 'own' }]);
  const { fenceToken } = node.only();
  remove('x');
  expect(asked).toMatchObject([{ fenceToken: fenceToken + 1 }]);
});

test('a disk that could not grow has the size that it had, and its operation says why', () => {
  const local = { name: 'root', kind: 'local', image: undefined, sharedDisk: undefined } as const;
  cloud.user(create('web', { disks: [{ ...local, sizeBytes: 1_000 }] }));
  node.tell(node.only(), 'running');
  const grow = (operationId: string, sizeBytes: number): PlasmaResponse =>
    cloud.user({ kind: 'vmResizeDisk', operationId, project: 'p', vm: 'web', disk: 'root', sizeBytes });
  const size = (): number | undefined => node.only().spec.disks[0]?.sizeBytes;
  grow('g', 2_000);
  expect(size()).toBe(2_000);
  expect(grow('h', 3_000)).toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: 'something is under way with the disk root',
  });
  // Also for the next leader, which has read it from the store.
  cloud.endLease(cloud.elect(), 'told');
  cloud.advance(2 * second);
  node.tell(node.only(), 'running', { operations: [{ id: 'g', outcome: 'failed', message: 'no room' }] });
  expect(size()).toBe(1_000);
  expect(operation(cloud, 'g')).toMatchObject({ state: 'failed', message: 'no room' });
  expect(cloud.user({ kind: 'quotaGet', project: 'p' })).toMatchObject({ used: { diskBytes: 1_000 } });
  grow('i', 1_500);
  node.tell(node.only(), 'running', { operations: [{ id: 'i', outcome: 'done', message: '' }] });
  expect(size()).toBe(1_500);
});
