import { expect, test } from 'vitest';
import { ModelCloud, spec } from './model-cloud.ts';
import { ModelNode } from './model-node.ts';

test('a virtual machine is placed, told to its node, and shown as running when the node has said so', () => {
  const cloud = new ModelCloud();
  const node = new ModelNode(cloud, 'node-1').join();
  const created = cloud.user({
    kind: 'vmCreate',
    operationId: 'o-1',
    project: 'p',
    spec: spec('web'),
    start: true,
  });
  expect(created).toMatchObject({ kind: 'committed', operationId: 'o-1' });
  const wanted = node.only();
  expect(wanted).toMatchObject({
    fenceToken: 1,
    want: { kind: 'run', runState: 'running' },
    spec: { name: 'web' },
  });
  expect(node.tell(wanted, 'running')).toEqual({ kind: 'reportTaken', sequence: 1 });
  const shown = cloud.user({ kind: 'vmGet', project: 'p', vm: 'web' });
  expect(shown).toMatchObject({
    kind: 'vms',
    vms: [{ node: 'node-1', state: 'running', wanted: 'running' }],
  });
  expect(cloud.user({ kind: 'operationGet', project: 'p', operationId: 'o-1' })).toMatchObject({
    state: 'done',
  });
});
