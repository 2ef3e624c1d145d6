import { beforeEach, expect, test } from 'vitest';
import { AgentFleet } from './agent-node.ts';
import { ModelCloud, second } from './model-cloud.ts';
import { create, operation, shown } from './model-requests.ts';

/** The control plane and agents as they are, against each other; in each step no guest may execute twice. */
let cloud: ModelCloud;
let fleet: AgentFleet;

beforeEach(() => {
  cloud = new ModelCloud(2);
  fleet = new AgentFleet(cloud, 3);
});

const disks = [
  { name: 'root', kind: 'shared', image: undefined, sharedDisk: 'root', sizeBytes: 4_096 },
] as const;

function start(name: string): string {
  cloud.user({
    kind: 'sharedDiskCreate',
    operationId: `disk-${name}`,
    project: 'p',
    disk: 'root',
    sizeBytes: 4_096,
  });
  cloud.user(create(name, { disks }));
  fleet.run(2 * second);
  const { id, node, state } = shown(cloud, name);
  expect(state).toBe('running');
  expect(node).toBeDefined();
  return id;
}

test('a virtual machine is made, stopped, started and deleted', () => {
  const id = start('web');
  expect(fleet.executing).toEqual([`${id}/1`]);
  cloud.user({ kind: 'vmStop', operationId: 's', project: 'p', vm: 'web', force: false });
  fleet.run(2 * second);
  expect(shown(cloud, 'web').state).toBe('stopped');
  expect(operation(cloud, 's')).toMatchObject({ state: 'done' });
  expect(fleet.executing).toEqual([]);
  cloud.user({ kind: 'vmStart', operationId: 'g', project: 'p', vm: 'web' });
  fleet.run(2 * second);
  expect(fleet.executing).toEqual([`${id}/1`]);
  cloud.user({ kind: 'vmPause', operationId: 'pa', project: 'p', vm: 'web' });
  fleet.run(2 * second);
  expect(shown(cloud, 'web').state).toBe('paused');
  cloud.user({ kind: 'vmDelete', operationId: 'd', project: 'p', vm: 'web' });
  fleet.run(2 * second);
  expect(cloud.store.keys('/photon/plasma/vms/')).toEqual([]);
  expect(fleet.nodes.flatMap(({ hypervisor }) => [...hypervisor.files.keys()])).toEqual([]);
});

test('a virtual machine moves while it runs', () => {
  const id = start('web');
  const before = shown(cloud, 'web').node;
  cloud.user({ kind: 'vmMigrate', operationId: 'm', project: 'p', vm: 'web', node: undefined, live: true });
  fleet.run(3 * second);
  expect(operation(cloud, 'm')).toMatchObject({ state: 'done' });
  expect(fleet.executing).toEqual([`${id}/2`]);
  expect(shown(cloud, 'web')).toMatchObject({ state: 'running', fenceToken: 2, migratingTo: undefined });
  expect(shown(cloud, 'web').node).not.toBe(before);
  // Not started anew: its state has come.
  expect(fleet.nodes.map(({ hypervisor }) => hypervisor.launches).toSorted()).toEqual([0, 1, 1]);
});

test('a move goes on under the next leader', () => {
  const id = start('web');
  const leader = cloud.elect();
  cloud.user({ kind: 'vmMigrate', operationId: 'm', project: 'p', vm: 'web', node: undefined, live: true });
  cloud.endLease(leader, 'untold');
  fleet.run(15 * second);
  expect(cloud.leader()).not.toBe(leader);
  expect(operation(cloud, 'm')).toMatchObject({ state: 'done' });
  expect(fleet.executing).toEqual([`${id}/2`]);
});

test('a node that is cut off loses what must stop, which runs elsewhere then; when it is back nothing of it is left there', () => {
  const id = start('web');
  const at = fleet.nodes.find(({ name }) => name === shown(cloud, 'web').node);
  if (at === undefined) throw new Error('it is somewhere');
  at.cutOff = true;
  fleet.run(9 * second);
  expect(fleet.executing).toEqual([]);
  fleet.run(6 * second);
  expect(fleet.executing).toEqual([`${id}/2`]);
  at.cutOff = false;
  fleet.run(20 * second);
  expect([...at.hypervisor.files.keys()]).toEqual([]);
  expect(shown(cloud, 'web')).toMatchObject({ fenceToken: 2, state: 'running' });
  expect(cloud.user({ kind: 'nodeList' })).toMatchObject({
    nodes: [{ state: 'up' }, { state: 'up' }, { state: 'up' }],
  });
});

test('an agent that restarts goes on with what runs there', () => {
  const id = start('web');
  for (const node of fleet.nodes) node.restart();
  fleet.run(5 * second);
  expect(fleet.executing).toEqual([`${id}/1`]);
  expect(shown(cloud, 'web')).toMatchObject({ fenceToken: 1, state: 'running' });
  expect(fleet.nodes.map(({ hypervisor }) => hypervisor.launches).toSorted()).toEqual([0, 0, 1]);
});

test('a node that is drained is empty afterwards', () => {
  start('web');
  const node = shown(cloud, 'web').node ?? '';
  cloud.user({ kind: 'nodeDrain', operationId: 'd', project: 'p', node });
  fleet.run(5 * second);
  expect(shown(cloud, 'web')).toMatchObject({ state: 'running', fenceToken: 2 });
  expect(shown(cloud, 'web').node).not.toBe(node);
});

test('what its guest has ended starts again by its policy, under the same token', () => {
  const id = start('web');
  const process = fleet.nodes.map(({ hypervisor }) => hypervisor.of(id)).find((one) => one !== undefined);
  const node = fleet.nodes.find(({ hypervisor }) => hypervisor.of(id) !== undefined);
  if (process === undefined || node === undefined) throw new Error('it runs');
  node.endGuest(process.instance);
  fleet.run(10 * second);
  expect(fleet.executing).toEqual([`${id}/1`]);
  expect(shown(cloud, 'web').restarts).toBe(1);
});
