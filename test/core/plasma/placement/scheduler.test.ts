import { expect, test } from 'vitest';

import { InvariantError } from '../../../../core/base/assert.ts';
import { noOvercommit, type PlacementNode } from '../../../../core/plasma/placement/placement-node.ts';
import { unfitInWords } from '../../../../core/plasma/placement/placement-outcome.ts';
import { type PlacementVm, placementVm } from '../../../../core/plasma/placement/placement-vm.ts';
import { type PlacementPolicy } from '../../../../core/plasma/placement/policy.ts';
import { Scheduler } from '../../../../core/plasma/placement/scheduler.ts';
import { type AffinityRule, type VmSpec } from '../../../../core/plasma/types.ts';

function node(name: string, more: Partial<PlacementNode> = {}): PlacementNode {
  const capacity = { cpuMilli: 8_000, memoryBytes: 64_000, diskBytes: 1_000 };
  return { name, capacity, labels: {}, accelerators: [], up: true, cordoned: false, ...more };
}

function vm(id: string, more: Partial<PlacementVm> & { cpus?: number; memory?: number } = {}): PlacementVm {
  const { cpus = 1, memory = 1_000, ...rest } = more;
  const demand = { cpuMilli: cpus * 1_000, memoryBytes: memory, diskBytes: 0 };
  const nothing = { nodeSelector: {}, affinity: [], priority: 0, accelerator: undefined };
  return { id, project: 'p', labels: {}, demand, ...nothing, ...rest };
}

function schedulerOf(policy: PlacementPolicy, ...nodes: PlacementNode[]): Scheduler {
  const scheduler = new Scheduler({ policy, overcommit: noOvercommit });
  for (const each of nodes) scheduler.setNode(each);
  return scheduler;
}

function on(name: string, fenceToken = 1) {
  return { node: name, fenceToken };
}

function rule(kind: AffinityRule['kind'], topology: string, app: string, required = true): AffinityRule {
  return { kind, topology, matches: { app }, required };
}

test('a demand is processors, memory and local disks; shared disks take their room elsewhere', () => {
  const disk = { name: 'd', image: undefined, sharedDisk: undefined };
  const spec: VmSpec = {
    name: 'web',
    project: 'p',
    labels: {},
    cpus: 2,
    memoryBytes: 4_096,
    disks: [
      { ...disk, kind: 'local', sizeBytes: 10 },
      { ...disk, kind: 'local', sizeBytes: 5 },
      { ...disk, kind: 'shared', sharedDisk: 's', sizeBytes: 1_000 },
    ],
    nics: [],
    cloudInit: undefined,
    restartPolicy: 'always',
    leasePolicy: 'must-stop',
    nodeSelector: {},
    affinity: [],
    priority: 3,
    migratable: true,
  };
  const { demand, priority } = placementVm('vm-1', spec);
  expect(demand).toEqual({ cpuMilli: 2_000, memoryBytes: 4_096, diskBytes: 15 });
  expect(priority).toBe(3);
});

test.each([
  // n0 is empty; n1 has 4 cores left and little memory used; n2 has 2 left and much memory used; n3 has 3 left.
  { policy: 'first-fit', cpus: 2, node: 'n0' },
  { policy: 'spread', cpus: 2, node: 'n0' },
  { policy: 'best-fit', cpus: 2, node: 'n2' },
  { policy: 'pack', cpus: 1, node: 'n1' },
  { policy: 'pack', cpus: 2, node: 'n2' },
  { policy: 'pack', cpus: 3, node: 'n3' },
  { policy: 'pack', cpus: 5, node: 'n0' },
] as const)('$policy takes $node for $cpus processors', ({ policy, cpus, node: expected }) => {
  const scheduler = schedulerOf(policy, node('n0'), node('n1'), node('n2'), node('n3'));
  scheduler.allocate(vm('a', { cpus: 4, memory: 1_000 }), on('n1'));
  scheduler.allocate(vm('b', { cpus: 6, memory: 30_000 }), on('n2'));
  scheduler.allocate(vm('c', { cpus: 5, memory: 1_000 }), on('n3'));
  expect(scheduler.place(vm('new', { cpus }))).toEqual({ kind: 'placed', node: expected });
});

test('dot-product takes the node that is used in the shape of what is asked', () => {
  const scheduler = schedulerOf('dot-product', node('n0'), node('n1'));
  scheduler.allocate(vm('a', { cpus: 4, memory: 1_000 }), on('n0'));
  scheduler.allocate(vm('b', { cpus: 1, memory: 32_000 }), on('n1'));
  expect(scheduler.place(vm('new', { cpus: 3, memory: 2_000 }))).toEqual({ kind: 'placed', node: 'n0' });
  expect(scheduler.place(vm('new', { cpus: 1, memory: 24_000 }))).toEqual({ kind: 'placed', node: 'n1' });
});

test('pack fills by the resource that is scarcest in the cluster', () => {
  const scheduler = schedulerOf('pack', node('n0'), node('n1'));
  scheduler.allocate(vm('a', { cpus: 1, memory: 60_000 }), on('n1'));
  scheduler.allocate(vm('b', { cpus: 1, memory: 40_000 }), on('n0'));
  expect(scheduler.place(vm('new', { memory: 4_000 }))).toEqual({ kind: 'placed', node: 'n1' });
});

test('says of each node why it will not do, and how many there are of each', () => {
  const scheduler = schedulerOf(
    'pack',
    node('n0', { up: false }),
    node('n1', { cordoned: true }),
    node('n2', { labels: { zone: 'b' } }),
    node('n3', { labels: { zone: 'a' } }),
    node('n4', { labels: { zone: 'a' } }),
  );
  scheduler.allocate(vm('a', { cpus: 8 }), on('n3'));
  scheduler.allocate(vm('b', { cpus: 7 }), on('n4'));
  const outcome = scheduler.place(vm('new', { cpus: 2, nodeSelector: { zone: 'a' } }));
  expect(outcome).toEqual({
    kind: 'noNode',
    unfit: [
      { reason: 'not up', nodes: 1 },
      { reason: 'cordoned', nodes: 1 },
      { reason: 'node selector', nodes: 1 },
      { reason: 'cpu', nodes: 2 },
    ],
  });
  expect(outcome.kind === 'noNode' && unfitInWords(outcome.unfit)).toBe(
    'no node will do: 1 not up, 1 cordoned, 1 node selector, 2 cpu',
  );
  expect(unfitInWords([])).toBe('there are no nodes');
});

test('who keeps others out keeps out those that come later, too', () => {
  const scheduler = schedulerOf('first-fit', node('n0'), node('n1'));
  const alone = { labels: { app: 'db' }, affinity: [rule('anti-affinity', 'node', 'web')] };
  scheduler.allocate(vm('a', alone), on('n0'));
  const web = vm('b', { labels: { app: 'web' } });
  expect(scheduler.unfit(web, 'n0')).toBe('anti-affinity of others');
  expect(scheduler.place(web)).toEqual({ kind: 'placed', node: 'n1' });
  expect(scheduler.unfit({ ...web, project: 'q' }, 'n0')).toBeUndefined();
});

test('the first of those that are to be together may be anywhere, the others only with it', () => {
  const zone = (value: string) => ({ labels: { zone: value } });
  const scheduler = schedulerOf(
    'spread',
    node('n0', zone('a')),
    node('n1', zone('b')),
    node('n2', zone('b')),
  );
  const member = { labels: { app: 'x' }, affinity: [rule('affinity', 'zone', 'x')] };
  expect(scheduler.place(vm('a', member))).toEqual({ kind: 'placed', node: 'n0' });
  scheduler.allocate(vm('a', member), on('n1'));
  expect(scheduler.place(vm('b', member))).toEqual({ kind: 'placed', node: 'n2' });
  expect(scheduler.place(vm('c', { affinity: [rule('affinity', 'zone', 'y')] })).kind).toBe('noNode');
});

test('counts a virtual machine at both ends of its migration, and forbids it nothing by itself', () => {
  const scheduler = schedulerOf('first-fit', node('n0'), node('n1'));
  const apart = vm('a', { cpus: 5, labels: { app: 'x' }, affinity: [rule('anti-affinity', 'node', 'x')] });
  scheduler.allocate(apart, on('n0', 1));
  expect(scheduler.place(apart, { except: ['n0'] })).toEqual({ kind: 'placed', node: 'n1' });
  scheduler.allocate(apart, on('n1', 2));
  expect(scheduler.unfit(vm('b', { cpus: 4 }), 'n0')).toBe('cpu');
  expect(scheduler.unfit(vm('b', { labels: { app: 'x' } }), 'n1')).toBe('anti-affinity of others');
  scheduler.release('a', on('n0', 1));
  expect(scheduler.unfit(vm('b', { cpus: 4, labels: { app: 'x' } }), 'n0')).toBeUndefined();
  expect(scheduler.brokenRules()).toEqual([]);
});

test('a node that comes to be in another zone breaks what is broken there', () => {
  const scheduler = schedulerOf(
    'pack',
    node('n0', { labels: { zone: 'a' } }),
    node('n1', { labels: { zone: 'b' } }),
  );
  const apart = { labels: { app: 'x' }, affinity: [rule('anti-affinity', 'zone', 'x')] };
  scheduler.allocate(vm('a', apart), on('n0'));
  scheduler.allocate(vm('b', apart), on('n1'));
  expect(scheduler.brokenRules()).toEqual([]);
  scheduler.setNode(node('n1', { labels: { zone: 'a' } }));
  expect(scheduler.brokenRules()).toEqual([
    { vm: 'a', other: 'b', topology: 'zone' },
    { vm: 'b', other: 'a', topology: 'zone' },
  ]);
});

test('what is reserved is there for its project alone, and counts once', () => {
  const scheduler = schedulerOf('pack', node('n0'));
  const kept = { cpuMilli: 6_000, memoryBytes: 0, diskBytes: 0 };
  scheduler.reserve({ id: 'r', node: 'n0', kept, beneficiary: { kind: 'project', project: 'q' } });
  expect(scheduler.unfit(vm('a', { cpus: 3 }), 'n0')).toBe('cpu');
  scheduler.allocate(vm('b', { cpus: 2 }), on('n0'));
  scheduler.allocate(vm('c', { cpus: 4, project: 'q' }), on('n0'));
  expect(scheduler.unfit(vm('d', { cpus: 2, project: 'q' }), 'n0')).toBeUndefined();
  expect(scheduler.unfit(vm('d', { cpus: 1 }), 'n0')).toBe('cpu');
  scheduler.unreserve('r');
  expect(scheduler.unfit(vm('d', { cpus: 2 }), 'n0')).toBeUndefined();
});

test('displaces the fewest of the least important, smaller ones rather than larger', () => {
  const scheduler = schedulerOf('pack', node('n0'), node('n1'), node('n2'));
  scheduler.allocate(vm('a', { cpus: 8, priority: 5 }), on('n0'));
  for (const id of ['b', 'c', 'd', 'e']) scheduler.allocate(vm(id, { cpus: 2, priority: 1 }), on('n1'));
  scheduler.allocate(vm('f', { cpus: 5, priority: 1 }), on('n2'));
  scheduler.allocate(vm('g', { cpus: 3, priority: 1 }), on('n2'));
  const asked = vm('new', { cpus: 3, priority: 9 });
  expect(scheduler.preempt(asked)).toEqual({ kind: 'displace', node: 'n2', victims: ['g'] });
  expect(scheduler.preempt(asked, { except: ['n2'] })).toMatchObject({ node: 'n1', victims: ['d', 'e'] });
  expect(scheduler.preempt({ ...asked, priority: 1 })).toEqual({ kind: 'noNode' });
  expect(scheduler.preempt(asked, {}, (id) => id === 'a')).toMatchObject({ node: 'n0', victims: ['a'] });
});

test('displaces whom its rules forbid to be near', () => {
  const scheduler = schedulerOf('pack', node('n0'));
  scheduler.allocate(vm('a', { labels: { app: 'x' } }), on('n0'));
  scheduler.allocate(vm('b', { labels: { app: 'y' } }), on('n0'));
  const asked = vm('new', { priority: 1, affinity: [rule('anti-affinity', 'node', 'x')] });
  expect(scheduler.preempt(asked)).toEqual({ kind: 'displace', node: 'n0', victims: ['a'] });
});

test('a drain moves those that have to be together to the same place, whom others need first', () => {
  const scheduler = schedulerOf('spread', node('n0'), node('n1'), node('n2'));
  scheduler.allocate(vm('a', { labels: { app: 'x' }, affinity: [rule('affinity', 'node', 'y')] }), on('n0'));
  scheduler.allocate(vm('b', { labels: { app: 'y' } }), on('n0'));
  scheduler.allocate(vm('c', { priority: 9, nodeSelector: { zone: 'gone' } }), on('n0'));
  expect(scheduler.evacuate('n0')).toEqual({
    moves: [
      { vm: 'b', to: 'n1' },
      { vm: 'a', to: 'n1' },
    ],
    stuck: [
      {
        vm: 'c',
        unfit: [
          { reason: 'excluded', nodes: 1 },
          { reason: 'node selector', nodes: 2 },
        ],
      },
    ],
  });
});

test('what was never allocated is not released, and a node in use is not removed', () => {
  const scheduler = schedulerOf('pack', node('n0'));
  scheduler.allocate(vm('a'), on('n0'));
  expect(() => {
    scheduler.removeNode('n0');
  }).toThrow(InvariantError);
  expect(() => {
    scheduler.release('a', on('n0', 2));
  }).toThrow(InvariantError);
  expect(() => {
    scheduler.allocate(vm('a'), on('n0'));
  }).toThrow(InvariantError);
});

test('rules and labels that were only asked about are forgotten, those in use are not', () => {
  const scheduler = schedulerOf('first-fit', node('n0'), node('n1'));
  const apart = { labels: { app: 'x' }, affinity: [rule('anti-affinity', 'node', 'x')] };
  scheduler.allocate(vm('a', apart), on('n0'));
  for (let at = 0; at < 3_000; at += 1)
    scheduler.place(vm('b', { affinity: [rule('anti-affinity', `label-${at}`, `app-${at}`)] }));
  expect(scheduler.place(vm('c', apart))).toEqual({ kind: 'placed', node: 'n1' });
  expect(scheduler.place(vm('c', { affinity: [rule('affinity', 'node', 'x')] }))).toMatchObject({
    node: 'n0',
  });
});
