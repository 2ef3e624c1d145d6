import { expect, test } from 'vitest';
import { type ControlPlaneRequest } from '../../../core/plasma/control-plane/protocol.ts';
import { type AgentRequest } from '../../../core/plasma/agent-protocol.ts';
import { type PlasmaRequest } from '../../../core/plasma/api.ts';
import { TestCluster } from '../chainfire/cluster.ts';
import { spec } from '../plasma/control-plane/model-cloud.ts';
import { ServersOverMembers } from './server-over-members.ts';

function user(request: PlasmaRequest): ControlPlaneRequest {
  return { caller: { identity: 'photon://user/alice' }, call: { service: 'user', request } };
}

function agent(request: AgentRequest): ControlPlaneRequest {
  return { caller: { identity: `photon://plasma/${request.node}` }, call: { service: 'agent', request } };
}

const create = user({ kind: 'vmCreate', operationId: 'o-1', project: 'p', spec: spec('web'), start: true });
const registration = agent({
  kind: 'register',
  node: 'node-1',
  agentBootId: 'a',
  machineBootId: 'm',
  capacity: { cpuMilli: 8_000, memoryBytes: 2 ** 34, diskBytes: 2 ** 40 },
  labels: {},
  accelerators: ['tcg'],
  address: '127.0.0.1:7071',
});

function started(members: number, servers: number): { cloud: ServersOverMembers; leader: number } {
  const cluster = new TestCluster(members);
  cluster.elect();
  const cloud = new ServersOverMembers(cluster, servers);
  cloud.runUntil(() => cloud.leader !== undefined);
  return { cloud, leader: cloud.leader ?? 0 };
}

test('one of the servers leads, by a lease of the store, and decides what is in the store', () => {
  const { cloud, leader } = started(1, 2);
  expect(cloud.ask(leader, registration)).toMatchObject({ kind: 'registered', epoch: 1 });
  expect(cloud.ask(leader, agent({ kind: 'inventory', node: 'node-1', epoch: 1, found: [] }))).toMatchObject({
    kind: 'inventoryJudged',
  });
  const created = cloud.ask(leader, create);
  expect(created).toMatchObject({ kind: 'committed' });
  expect(cloud.ask(leader, user({ kind: 'vmGet', project: 'p', vm: 'web' }))).toMatchObject({
    vms: [{ node: 'node-1', fenceToken: 1 }],
  });
  cloud.runUntil(() => cloud.servers[1 - leader]?.status.leader === leader);
  expect(cloud.ask(1 - leader, create)).toMatchObject({ kind: 'refused', code: 'NOT_LEADER', leader });
  expect(
    cloud.ask(leader, user({ kind: 'events', project: 'p', fromRevision: 0, limit: 50, waitUs: 0 })),
  ).toMatchObject({
    events: [
      { what: 'leads' },
      { what: 'registered' },
      { what: 'inventoried' },
      { what: 'placed' },
      { what: 'vmCreate' },
    ],
  });
});

test('when it is gone the next one leads once its lease has ended, with all that was committed', () => {
  const { cloud, leader } = started(3, 2);
  cloud.ask(leader, registration);
  const created = cloud.ask(leader, create);
  cloud.crash(leader);
  const next = 1 - leader;
  cloud.runUntil(() => cloud.leader === next);
  expect(cloud.ask(next, create)).toEqual(created);
  expect(
    cloud.ask(next, agent({ kind: 'renewLease', node: 'node-1', epoch: 1, sequence: 3, appliedRevision: 0 })),
  ).toMatchObject({
    kind: 'leaseGranted',
    sequence: 3,
  });
});

test('the store may lose its leader meanwhile', () => {
  const { cloud, leader } = started(3, 1);
  cloud.ask(leader, registration);
  cloud.cluster.crash(cloud.cluster.elect());
  let answer = cloud.ask(leader, create);
  for (let turn = 0; turn < 20 && answer.kind === 'refused'; turn += 1) {
    cloud.runUntil(() => cloud.leader !== undefined);
    answer = cloud.ask(leader, create);
  }
  expect(answer).toMatchObject({ kind: 'committed' });
  const list = cloud.ask(leader, user({ kind: 'vmList', project: 'p', matches: {} }));
  expect(list).toMatchObject({ kind: 'vms', vms: [{ spec: { name: 'web' } }] });
});

test('texts of all scripts come back as they were', () => {
  const { cloud, leader } = started(1, 1);
  const cloudInit = {
    userData: '#cloud-config\nhostname: "日本 ü 🙂"',
    metaData: '',
    networkConfig: undefined,
  };
  cloud.ask(
    leader,
    user({
      kind: 'vmCreate',
      operationId: 'o',
      project: 'p',
      spec: spec('web', { cloudInit }),
      start: false,
    }),
  );
  cloud.crash(leader);
  const again = new ServersOverMembers(cloud.cluster, 1);
  again.runUntil(() => again.leader === 0);
  expect(again.ask(0, user({ kind: 'vmGet', project: 'p', vm: 'web' }))).toMatchObject({
    vms: [{ spec: { cloudInit } }],
  });
});
