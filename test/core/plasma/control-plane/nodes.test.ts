import { expect, test } from 'vitest';
import { type AgentResponse } from '../../../../core/plasma/agent-protocol.ts';
import {
  defaultControlPlaneSettings,
  nodeLostAfterUs,
} from '../../../../core/plasma/control-plane/settings.ts';
import { ModelCloud, second } from './model-cloud.ts';
import { ModelNode, reportOf } from './model-node.ts';
import { create, events, shown } from './model-requests.ts';

const lostAfterUs = nodeLostAfterUs({ ...defaultControlPlaneSettings, server: 0 });

function twoNodes(servers = 1): { cloud: ModelCloud; first: ModelNode; second: ModelNode } {
  const cloud = new ModelCloud(servers);
  const first = new ModelNode(cloud, 'node-1').join();
  cloud.user(create('web'));
  first.tell(first.only(), 'running');
  return { cloud, first, second: new ModelNode(cloud, 'node-2').join() };
}

/** Keeps a node's lease while time passes. */
function pass(cloud: ModelCloud, us: number, ...kept: readonly ModelNode[]): void {
  for (let passed = 0; passed < us; passed += second) {
    cloud.advance(Math.min(second, us - passed));
    for (const node of kept) node.renew();
  }
}

test('what must stop is placed elsewhere only when its lease, the drift of clocks and the watchdog are over', () => {
  const { cloud, second: other } = twoNodes();
  const grantedUs = cloud.nowUs;
  pass(cloud, 12 * second, other);
  expect(shown(cloud, 'web')).toMatchObject({ node: 'node-1', fenceToken: 1, state: 'unknown' });
  cloud.advance(grantedUs + lostAfterUs - 1 - cloud.nowUs);
  expect(shown(cloud, 'web')).toMatchObject({ node: 'node-1' });
  cloud.advance(1);
  expect(shown(cloud, 'web')).toMatchObject({ node: 'node-2', fenceToken: 2 });
  expect(other.only()).toMatchObject({ fenceToken: 2, want: { kind: 'run', runState: 'running' } });
  expect(events(cloud)).toContain('nodeLost');
});

test('a lease counts from when its renewal was confirmed, not from when it was asked for', () => {
  const { cloud, first } = twoNodes();
  cloud.advance(5 * second);
  cloud.fate = (call) => (call.kind === 'kvRange' ? 'held' : 'done');
  const leader = cloud.elect();
  const asked = cloud.send(
    leader,
    {
      service: 'agent',
      request: { kind: 'renewLease', node: 'node-1', epoch: first.epoch, sequence: 9, appliedRevision: 0 },
    },
    'photon://plasma/node-1',
  );
  cloud.settle();
  expect(cloud.answer(asked)).toBeUndefined();
  cloud.advance(second);
  cloud.fate = () => 'done';
  cloud.settle();
  expect(cloud.answer(asked)).toMatchObject({ kind: 'leaseGranted', sequence: 9 });
  cloud.advance(lostAfterUs - 1);
  expect(cloud.user({ kind: 'nodeList' })).toMatchObject({ nodes: [{ state: 'silent' }, { state: 'lost' }] });
  cloud.advance(1);
  expect(cloud.user({ kind: 'nodeList' })).toMatchObject({ nodes: [{ state: 'lost' }, { state: 'lost' }] });
});

test('a leader that was deposed grants no lease', () => {
  const { cloud, first } = twoNodes(2);
  const old = cloud.elect();
  cloud.endLease(old, 'untold');
  cloud.advance(2 * second);
  const asked = cloud.send(
    old,
    {
      service: 'agent',
      request: { kind: 'renewLease', node: 'node-1', epoch: first.epoch, sequence: 1, appliedRevision: 0 },
    },
    'photon://plasma/node-1',
  );
  cloud.settle();
  expect(cloud.answer(asked)).toMatchObject({ kind: 'refused', code: 'NOT_LEADER' });
});

test('a renewal that comes while a confirmation is under way waits for the next one', () => {
  const { cloud, first } = twoNodes();
  const leader = cloud.elect();
  const renewal = (sequence: number): number =>
    cloud.send(
      leader,
      {
        service: 'agent',
        request: { kind: 'renewLease', node: 'node-1', epoch: first.epoch, sequence, appliedRevision: 0 },
      },
      'photon://plasma/node-1',
    );
  let reads = 0;
  cloud.fate = (call) => {
    if (call.kind !== 'kvRange') return 'done';
    reads += 1;
    return reads === 1 ? 'done' : 'held';
  };
  const early = renewal(1);
  const late = renewal(2);
  cloud.settle();
  expect(cloud.answer(early)).toMatchObject({ kind: 'leaseGranted', sequence: 1 });
  expect(cloud.answer(late)).toBeUndefined();
});

test('a new leader counts every lease as granted when it took over', () => {
  const { cloud } = twoNodes(2);
  const old = cloud.elect();
  cloud.advance(9 * second);
  cloud.endLease(old, 'untold');
  cloud.advance(2 * second);
  const next = 1 - old;
  expect(cloud.servers[next]?.machine.status.role).toBe('leading');
  cloud.advance(lostAfterUs - 2 * second);
  expect(shown(cloud, 'web').node).toBe('node-1');
  cloud.advance(2 * second);
  expect(shown(cloud, 'web')).toMatchObject({ node: undefined, state: 'pending' });
});

test('one that keeps running is never placed elsewhere while its node may come back', () => {
  const cloud = new ModelCloud();
  const first = new ModelNode(cloud, 'node-1').join();
  const disks = [
    { name: 'root', kind: 'local', image: undefined, sharedDisk: undefined, sizeBytes: 1_000 },
  ] as const;
  cloud.user(create('db', { leasePolicy: 'keep-running', disks }));
  first.tell(first.only(), 'running');
  new ModelNode(cloud, 'node-2').join();
  cloud.advance(60 * second);
  const second2 = new ModelNode(cloud, 'node-2');
  second2.join();
  expect(shown(cloud, 'db')).toMatchObject({ node: 'node-1', fenceToken: 1 });
  cloud.user({ kind: 'nodeForget', operationId: 'f', project: 'p', node: 'node-1' });
  second2.renew();
  cloud.advance(second);
  expect(shown(cloud, 'db')).toMatchObject({ node: 'node-2', fenceToken: 2 });
});

test('a node that was lost has an epoch that is over: it registers, and what it still has is killed', () => {
  const { cloud, first, second: other } = twoNodes();
  const old = first.only();
  pass(cloud, 15 * second, other);
  expect(first.renew()).toMatchObject({ kind: 'refused', code: 'STALE_EPOCH' });
  expect(first.register()).toMatchObject({ kind: 'registered', epoch: 2 });
  expect(first.watch()).toMatchObject({ kind: 'refused', code: 'INVENTORY_DUE' });
  const instance = { vm: old.id, fenceToken: 1, pid: 7, startTicks: 9 };
  expect(
    first.inventory([{ vm: old.id, fenceToken: 1, instance, state: 'running', generation: 1 }]),
  ).toMatchObject({ verdicts: [{ vm: old.id, fenceToken: 1, verdict: 'kill' }] });
  const wanted = first.only();
  expect(wanted).toMatchObject({ fenceToken: 1, want: { kind: 'remove' } });
  first.tell(wanted, 'gone');
  first.watch();
  expect(first.desired).toEqual([]);
});

test('an older epoch of a node is not heard', () => {
  const { cloud, first } = twoNodes();
  const wanted = first.only();
  const { epoch } = first;
  first.register();
  first.epoch = epoch;
  expect(first.renew()).toMatchObject({ kind: 'refused', code: 'STALE_EPOCH' });
  expect(first.tell(wanted, 'stopped')).toMatchObject({ kind: 'refused', code: 'STALE_EPOCH' });
  expect(shown(cloud, 'web').state).toBe('running');
});

test('capacity is kept until the stop is confirmed', () => {
  const cloud = new ModelCloud();
  const node = new ModelNode(cloud, 'node-1', 4).join();
  cloud.user(create('one', { cpus: 3 }));
  node.tell(node.only(), 'running');
  cloud.user({ kind: 'vmStop', operationId: 's', project: 'p', vm: 'one', force: false });
  cloud.user(create('two', { cpus: 3 }));
  expect(shown(cloud, 'two').state).toBe('pending');
  expect(node.only().want).toEqual({ kind: 'run', runState: 'stopped', force: false });
  node.tell(node.only(), 'stopping');
  cloud.advance(second);
  expect(shown(cloud, 'two').state).toBe('pending');
  node.tell(node.only(), 'stopped');
  cloud.advance(second);
  expect(shown(cloud, 'two')).toMatchObject({ node: 'node-1', state: 'preparing' });
  // And the first one waits for the second now.
  cloud.user({ kind: 'vmStart', operationId: 'again', project: 'p', vm: 'one' });
  node.renew();
  cloud.advance(second);
  node.watch();
  expect(node.desired.find(({ spec }) => spec.name === 'one')).toMatchObject({
    want: { kind: 'run', runState: 'stopped' },
  });
  expect(shown(cloud, 'one').message).toContain('no room');
});

test('a report of an earlier stop does not free what was started again since', () => {
  const cloud = new ModelCloud();
  const node = new ModelNode(cloud, 'node-1', 4).join();
  cloud.user(create('one', { cpus: 3 }));
  const running = node.only();
  cloud.user({ kind: 'vmStop', operationId: 's', project: 'p', vm: 'one', force: false });
  const stopped = node.only();
  cloud.user({ kind: 'vmStart', operationId: 'again', project: 'p', vm: 'one' });
  cloud.user({ kind: 'vmStop', operationId: 's-2', project: 'p', vm: 'one', force: false });
  node.tell(stopped, 'stopped');
  cloud.user(create('two', { cpus: 3 }));
  expect(shown(cloud, 'two').state).toBe('pending');
  expect(running.generation).toBeLessThan(stopped.generation);
});

test('a node that is fenced gives away at once what must stop', () => {
  const { cloud, first } = twoNodes();
  cloud.user({ kind: 'nodeFence', operationId: 'f', project: 'p', node: 'node-1', epoch: 1 });
  expect(shown(cloud, 'web')).toMatchObject({ node: 'node-2', fenceToken: 2 });
  expect(first.renew()).toMatchObject({ kind: 'refused', code: 'STALE_EPOCH' });
});

test('a fence that comes late does nothing to the next life of its node', () => {
  const { cloud, first } = twoNodes();
  first.join();
  expect(
    cloud.user({ kind: 'nodeFence', operationId: 'f', project: 'p', node: 'node-1', epoch: 1 }),
  ).toMatchObject({
    kind: 'refused',
    code: 'FAILED_PRECONDITION',
    message: 'the node node-1 is in epoch 2, and epoch 1 was to be fenced: it has registered since',
  });
  expect(shown(cloud, 'web')).toMatchObject({ node: 'node-1', fenceToken: 1 });
});

test('what is placed anew has none of the snapshots that lie on its lost node, and may have others of their names', () => {
  const { cloud, first, second: other } = twoNodes();
  const snapshot = (operationId: string) =>
    cloud.user({ kind: 'vmSnapshot', operationId, project: 'p', vm: 'web', snapshot: 'before' });
  first.tell(first.only(), 'running');
  snapshot('s');
  first.tell(first.only(), 'running', { operations: [{ id: 's', outcome: 'done', message: '' }] });
  expect(snapshot('s-2')).toMatchObject({ kind: 'refused', code: 'ALREADY_EXISTS' });
  cloud.user({ kind: 'nodeFence', operationId: 'f', project: 'p', node: 'node-1', epoch: 1 });
  other.tell(other.only(), 'running');
  expect(
    cloud.user({ kind: 'vmRestore', operationId: 'r', project: 'p', vm: 'web', snapshot: 'before' }),
  ).toMatchObject({ kind: 'refused', code: 'NOT_FOUND' });
  expect(snapshot('s-3')).toMatchObject({ kind: 'committed' });
});

test('nothing is placed on a cordoned node, and a drained one is emptied', () => {
  const { cloud, first, second: other } = twoNodes();
  cloud.user({ kind: 'nodeCordon', operationId: 'c', project: 'p', node: 'node-2' });
  cloud.user(create('db'));
  expect(shown(cloud, 'db').node).toBe('node-1');
  cloud.user({ kind: 'nodeUncordon', operationId: 'u', project: 'p', node: 'node-2' });
  cloud.user({ kind: 'nodeDrain', operationId: 'd', project: 'p', node: 'node-1' });
  cloud.advance(second);
  first.watch();
  other.watch();
  expect(shown(cloud, 'web').migratingTo).toBe('node-2');
  expect(other.desired).toMatchObject([{ want: { kind: 'receive', source: 'node-1' } }]);
});

test('an agent that waits is told when something new is wanted of its node, and not before', () => {
  const cloud = new ModelCloud();
  const node = new ModelNode(cloud, 'node-1').join();
  const leader = cloud.elect();
  node.watch();
  const asked = cloud.send(
    leader,
    {
      service: 'agent',
      request: {
        kind: 'watchDesired',
        node: 'node-1',
        epoch: node.epoch,
        fromRevision: node.revision,
        waitUs: 5 * second,
      },
    },
    'photon://plasma/node-1',
  );
  cloud.advance(second);
  expect(cloud.answer(asked)).toBeUndefined();
  cloud.user(create('web'));
  expect(cloud.answer(asked)).toMatchObject({ kind: 'desired', vms: [{ want: { kind: 'run' } }] });
});

test('a report that was overtaken by a newer one changes nothing, also under the next leader', () => {
  const { cloud, first } = twoNodes(2);
  const wanted = first.only();
  first.tell(wanted, 'paused');
  const overtaken = (): AgentResponse =>
    cloud.agent({
      kind: 'report',
      node: 'node-1',
      epoch: first.epoch,
      sequence: 1,
      vms: [reportOf(wanted, 'failed')],
    });
  expect(overtaken()).toMatchObject({ kind: 'reportTaken' });
  expect(shown(cloud, 'web').state).toBe('paused');
  cloud.endLease(cloud.elect(), 'told');
  cloud.advance(2 * second);
  expect(overtaken()).toMatchObject({ kind: 'reportTaken' });
  first.renew();
  expect(shown(cloud, 'web').state).toBe('paused');
});

/** A renewal that comes while the commit of `first` is held, and that of `second` waits behind it. */
function renewedBetweenCommits(cloud: ModelCloud, epoch: number): { asked: number; reads: () => number } {
  const leader = cloud.elect();
  let reads = 0;
  cloud.fate = (call) => {
    if (call.kind === 'kvRange') reads += 1;
    return 'held';
  };
  cloud.send(leader, { service: 'user', request: create('first') });
  cloud.send(leader, { service: 'user', request: create('second') });
  const renewal = { kind: 'renewLease', node: 'node-1', epoch, sequence: 9, appliedRevision: 0 } as const;
  const asked = cloud.send(leader, { service: 'agent', request: renewal }, 'photon://plasma/node-1');
  cloud.settle();
  return { asked, reads: () => reads };
}

test('a renewal is confirmed by a commit that begins after it, which compares the term, without a read', () => {
  const { cloud, first } = twoNodes();
  const { asked, reads } = renewedBetweenCommits(cloud, first.epoch);
  // The commit that was under way when it came has begun before it, and confirms nothing.
  let made = 0;
  cloud.fate = (call) => (call.kind === 'kvTxn' && (made += 1) === 1 ? 'done' : 'held');
  cloud.settle();
  expect(cloud.answer(asked)).toBeUndefined();
  cloud.fate = (call) => (call.kind === 'kvTxn' ? 'done' : 'held');
  cloud.settle();
  expect(cloud.answer(asked)).toMatchObject({ kind: 'leaseGranted', sequence: 9 });
  expect(reads()).toBe(0);
});

test('a renewal that waits for a commit of which nobody hears is confirmed by a read', () => {
  const { cloud, first } = twoNodes();
  const { asked } = renewedBetweenCommits(cloud, first.epoch);
  let made = 0;
  cloud.fate = (call) => {
    if (call.kind === 'kvRange') return 'done';
    made += 1;
    return made === 1 ? 'done' : made === 2 ? 'lost' : 'held';
  };
  cloud.settle();
  expect(cloud.answer(asked)).toMatchObject({ kind: 'leaseGranted', sequence: 9 });
});

test('a renewal that comes to a server which is deposed is never granted by its commit', () => {
  const { cloud, first } = twoNodes(2);
  const leader = cloud.elect();
  const { asked } = renewedBetweenCommits(cloud, first.epoch);
  cloud.endLease(leader, 'untold');
  cloud.fate = () => 'done';
  cloud.settle();
  expect(cloud.answer(asked)).toMatchObject({ kind: 'refused', code: 'NOT_LEADER' });
});
