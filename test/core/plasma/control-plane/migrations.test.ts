import { beforeEach, describe, expect, test } from 'vitest';
import { ModelCloud, second } from './model-cloud.ts';
import { ModelNode } from './model-node.ts';
import { create, operation, shown } from './model-requests.ts';

const minute = 60 * second;

let cloud: ModelCloud;
let source: ModelNode;
let target: ModelNode;

function migrate(): void {
  expect(
    cloud.user({ kind: 'vmMigrate', operationId: 'm', project: 'p', vm: 'web', node: undefined, live: true }),
  ).toMatchObject({ kind: 'committed' });
}

/** Up to the point at which the source has sent all but the end. */
function sendUpToHandOver(): void {
  migrate();
  target.tell(target.only(), 'incoming', { incomingUri: 'tcp:node-2:4444' });
  expect(source.only().want).toEqual({ kind: 'migrate', uri: 'tcp:node-2:4444' });
}

function passKeeping(us: number, ...nodes: readonly ModelNode[]): void {
  for (let passed = 0; passed < us; passed += second) {
    cloud.advance(second);
    for (const node of nodes) node.renew();
  }
}

beforeEach(() => {
  cloud = new ModelCloud();
  source = new ModelNode(cloud, 'node-1').join();
  cloud.user(create('web'));
  source.tell(source.only(), 'running');
  target = new ModelNode(cloud, 'node-2').join();
});

test('a migration goes step by step: receive, send, change of the owner, hand-over, removal', () => {
  migrate();
  expect(source.only().want).toEqual({ kind: 'run', runState: 'running', force: false });
  expect(target.only()).toMatchObject({ fenceToken: 2, want: { kind: 'receive', source: 'node-1' } });
  target.tell(target.only(), 'incoming', { incomingUri: 'tcp:node-2:4444' });
  expect(source.only()).toMatchObject({ fenceToken: 1, want: { kind: 'migrate', uri: 'tcp:node-2:4444' } });
  expect(target.only().want.kind).toBe('receive');
  expect(shown(cloud, 'web')).toMatchObject({ node: 'node-1', fenceToken: 1, migratingTo: 'node-2' });

  source.tell(source.only(), 'handing-over');
  expect(shown(cloud, 'web')).toMatchObject({ node: 'node-2', fenceToken: 2 });
  expect(source.only().want).toEqual({ kind: 'handOver' });
  expect(target.only().want).toEqual({ kind: 'run', runState: 'running', force: false });

  target.tell(target.only(), 'running');
  expect(operation(cloud, 'm')).toMatchObject({ state: 'done' });
  expect(source.only().want).toEqual({ kind: 'remove' });
  source.tell(source.only(), 'gone');
  source.watch();
  expect(source.desired).toEqual([]);
  expect(shown(cloud, 'web')).toMatchObject({ node: 'node-2', state: 'running', migratingTo: undefined });
});

test('it counts at both ends until the source has said that nothing is left there', () => {
  const allocated = (): readonly number[] => {
    const response = cloud.user({ kind: 'nodeList' });
    return response.kind === 'nodes' ? response.nodes.map((node) => node.allocated.cpuMilli) : [];
  };
  expect(allocated()).toEqual([1_000, 0]);
  sendUpToHandOver();
  expect(allocated()).toEqual([1_000, 1_000]);
  source.tell(source.only(), 'handing-over');
  target.tell(target.only(), 'running');
  expect(allocated()).toEqual([1_000, 1_000]);
  source.tell(source.only(), 'gone');
  expect(allocated()).toEqual([0, 1_000]);
});

describe('before the change of the owner the source goes on', () => {
  test('when the target cannot receive', () => {
    migrate();
    target.tell(target.only(), 'failed', { message: 'no memory' });
    expect(operation(cloud, 'm')).toMatchObject({ state: 'failed' });
    expect(source.only().want.kind).toBe('run');
    expect(target.only()).toMatchObject({ fenceToken: 2, want: { kind: 'remove' } });
    expect(shown(cloud, 'web')).toMatchObject({ node: 'node-1', state: 'running', migratingTo: undefined });
  });

  test('when the target fails while the source sends', () => {
    sendUpToHandOver();
    target.tell(target.only(), 'failed');
    expect(source.only().want).toEqual({ kind: 'abandonMigration' });
    source.tell(source.only(), 'running');
    expect(source.only().want.kind).toBe('run');
  });

  test('when the source says that sending has failed', () => {
    sendUpToHandOver();
    source.tell(source.only(), 'running', { migrationFailed: true, message: 'connection refused' });
    expect(operation(cloud, 'm')).toMatchObject({ state: 'failed', message: 'connection refused' });
    expect(target.only().want.kind).toBe('remove');
  });

  test('when the target is lost', () => {
    sendUpToHandOver();
    passKeeping(15 * second, source);
    expect(source.only().want.kind).toBe('abandonMigration');
    expect(shown(cloud, 'web')).toMatchObject({ node: 'node-1', fenceToken: 1 });
  });

  test('when it takes too long', () => {
    sendUpToHandOver();
    passKeeping(5 * minute, source, target);
    expect(source.only().want.kind).toBe('abandonMigration');
    expect(operation(cloud, 'm')).toMatchObject({ state: 'failed' });
  });

  test('when it is to stop', () => {
    sendUpToHandOver();
    cloud.user({ kind: 'vmStop', operationId: 's', project: 'p', vm: 'web', force: false });
    expect(source.only().want.kind).toBe('abandonMigration');
    source.tell(source.only(), 'running');
    expect(source.only().want).toMatchObject({ kind: 'run', runState: 'stopped' });
    expect(target.only().want.kind).toBe('remove');
  });

  test('and a source that was killed and started anew meanwhile, and stands, is told what is wanted now', () => {
    sendUpToHandOver();
    cloud.user({ kind: 'vmStop', operationId: 's', project: 'p', vm: 'web', force: false });
    source.tell(source.only(), 'handing-over');
    expect(source.only().want.kind).toBe('abandonMigration');
    source.tell(source.only(), 'preparing');
    expect(source.only().want).toMatchObject({ kind: 'run', runState: 'stopped' });
  });

  test('and a report of the hand-over that comes late changes no owner', () => {
    sendUpToHandOver();
    const late = source.only();
    target.tell(target.only(), 'failed');
    source.tell(late, 'handing-over');
    expect(shown(cloud, 'web')).toMatchObject({ node: 'node-1', fenceToken: 1 });
    source.tell(source.only(), 'running');
    target.tell(target.only(), 'gone');
    cloud.user({
      kind: 'vmMigrate',
      operationId: 'm-2',
      project: 'p',
      vm: 'web',
      node: undefined,
      live: true,
    });
    target.tell(target.only(), 'incoming', { incomingUri: 'tcp:node-2:5555' });
    source.tell(late, 'handing-over');
    expect(shown(cloud, 'web')).toMatchObject({ node: 'node-1', fenceToken: 1, migratingTo: 'node-2' });
  });

  test('and the source being lost has it placed anew, with what the target has removed', () => {
    sendUpToHandOver();
    const third = new ModelNode(cloud, 'node-3').join();
    passKeeping(15 * second, target, third);
    expect(shown(cloud, 'web')).toMatchObject({ node: 'node-3', fenceToken: 3 });
    expect(target.only()).toMatchObject({ fenceToken: 2, want: { kind: 'remove' } });
  });
});

describe('after the change of the owner the target owns it', () => {
  beforeEach(() => {
    sendUpToHandOver();
    source.tell(source.only(), 'handing-over');
  });

  test('and starts it from its disks, when the state never comes', () => {
    target.tell(target.only(), 'failed', { message: 'the state did not arrive' });
    expect(target.only()).toMatchObject({ fenceToken: 2, want: { kind: 'run', runState: 'running' } });
    expect(source.only().want.kind).toBe('remove');
  });

  test('also when the source is lost: it is never told to go on', () => {
    passKeeping(15 * second, target);
    expect(shown(cloud, 'web')).toMatchObject({ node: 'node-2', fenceToken: 2 });
    source.register();
    source.inventory([
      {
        vm: target.only().id,
        fenceToken: 1,
        instance: { vm: target.only().id, fenceToken: 1, pid: 4, startTicks: 2 },
        state: 'handing-over',
        generation: 1,
      },
    ]);
    expect(['remove', 'handOver']).toContain(source.only().want.kind);
  });

  test('and when the target is lost it runs on a third node, under a newer token', () => {
    const third = new ModelNode(cloud, 'node-3').join();
    passKeeping(15 * second, source, third);
    expect(shown(cloud, 'web')).toMatchObject({ node: 'node-3', fenceToken: 3 });
    expect(source.only()).toMatchObject({ fenceToken: 1, want: { kind: 'remove' } });
  });

  test('and a stop is a stop of the target', () => {
    cloud.user({ kind: 'vmStop', operationId: 's', project: 'p', vm: 'web', force: true });
    expect(target.only().want).toEqual({ kind: 'run', runState: 'stopped', force: true });
    expect(source.only().want.kind).toBe('handOver');
  });

  test('and it is the same to the next leader', () => {
    cloud.endLease(0, 'told');
    cloud.restart(0);
    cloud.advance(10 * second);
    source.renew();
    target.renew();
    expect(source.only().want.kind).toBe('handOver');
    target.tell(target.only(), 'running');
    expect(source.only().want.kind).toBe('remove');
  });
});

test('a cold migration stops it first, and starts it elsewhere only when that was told', () => {
  cloud.user({ kind: 'vmMigrate', operationId: 'm', project: 'p', vm: 'web', node: 'node-2', live: false });
  expect(source.only().want).toEqual({ kind: 'evict' });
  target.watch();
  expect(target.desired).toEqual([]);
  source.tell(source.only(), 'stopped');
  expect(target.only()).toMatchObject({ fenceToken: 2, want: { kind: 'run', runState: 'running' } });
  expect(source.only()).toMatchObject({ fenceToken: 1, want: { kind: 'remove' } });
  expect(operation(cloud, 'm')).toMatchObject({ state: 'done' });
});

test('a cold migration of one that is to stop meanwhile is over when it has stopped', () => {
  cloud.user({ kind: 'vmMigrate', operationId: 'm', project: 'p', vm: 'web', node: 'node-2', live: false });
  cloud.user({ kind: 'vmStop', operationId: 's', project: 'p', vm: 'web', force: false });
  source.tell(source.only(), 'stopped');
  expect(operation(cloud, 'm')).toMatchObject({ state: 'done' });
  expect(shown(cloud, 'web')).toMatchObject({ node: undefined, state: 'stopped' });
  source.tell(source.only(), 'gone');
  cloud.user({ kind: 'vmStart', operationId: 'g', project: 'p', vm: 'web' });
  source.watch();
  target.watch();
  expect(source.desired.length + target.desired.length).toBe(1);
});

test('the room that a cold migration goes to is given to nobody else meanwhile, whoever leads', () => {
  cloud.user({ kind: 'vmMigrate', operationId: 'm', project: 'p', vm: 'web', node: 'node-2', live: false });
  cloud.user(create('large', { cpus: 8 }));
  expect(shown(cloud, 'large')).toMatchObject({ node: undefined, state: 'pending' });
  cloud.endLease(0, 'told');
  cloud.restart(0);
  cloud.advance(2 * second);
  source.renew();
  target.renew();
  cloud.advance(2 * second);
  expect(shown(cloud, 'large')).toMatchObject({ node: undefined, state: 'pending' });
  source.tell(source.only(), 'stopped');
  expect(shown(cloud, 'web')).toMatchObject({ node: 'node-2' });
  cloud.advance(2 * second);
  expect(shown(cloud, 'large')).toMatchObject({ node: 'node-1' });
});

test('a cold migration of what no node takes any more has failed: it waits for room like any other', () => {
  cloud.user({ kind: 'vmMigrate', operationId: 'm', project: 'p', vm: 'web', node: 'node-2', live: false });
  cloud.user({ kind: 'nodeCordon', operationId: 'c', project: 'p', node: 'node-2' });
  source.tell(source.only(), 'stopped');
  expect(operation(cloud, 'm')).toMatchObject({
    state: 'failed',
    message: expect.stringMatching(/^it has left, and no node will do: .*1 cordoned/) as string,
  });
  expect(shown(cloud, 'web')).toMatchObject({ node: undefined, state: 'pending' });
  cloud.user({ kind: 'nodeUncordon', operationId: 'u', project: 'p', node: 'node-2' });
  cloud.advance(2 * second);
  expect(shown(cloud, 'web')).toMatchObject({ node: 'node-2' });
});

test('what has local disks stays where they are', () => {
  const disks = [
    { name: 'root', kind: 'local', image: undefined, sharedDisk: undefined, sizeBytes: 10 },
  ] as const;
  cloud.user(create('db', { disks }));
  expect(
    cloud.user({ kind: 'vmMigrate', operationId: 'm', project: 'p', vm: 'db', node: undefined, live: false }),
  ).toMatchObject({ kind: 'refused', code: 'FAILED_PRECONDITION' });
});
