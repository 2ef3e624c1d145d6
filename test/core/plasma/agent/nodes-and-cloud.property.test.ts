import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ModelCloud, second } from '../control-plane/model-cloud.ts';
import { create, shown } from '../control-plane/model-requests.ts';
import { NodesAndCloud } from './nodes-and-cloud.ts';
import { sharedRoot } from './specs.ts';

const names = ['node-1', 'node-2', 'node-3'];
const vms = ['web', 'mail', 'data'];
const node = fc.constantFrom(...names);
const vm = fc.constantFrom(...vms);

const command = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('migrate' as const), vm, live: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('stop' as const, 'start' as const), vm }) },
  fc.record({ kind: fc.constantFrom('cut' as const, 'heal' as const), node }),
  fc.record({
    kind: fc.constant('crash' as const),
    node,
    acts: fc.integer({ min: 0, max: 12 }),
  }),
  fc.record({ kind: fc.constant('restart' as const), node }),
  fc.record({ kind: fc.constant('fail' as const), node }),
  fc.record({ kind: fc.constant('drain' as const), node }),
);

type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

function obey(world: NodesAndCloud, step: Command, operationId: string): void {
  const { cloud } = world;
  switch (step.kind) {
    case 'migrate':
      cloud.user({
        kind: 'vmMigrate',
        operationId,
        project: 'p',
        vm: step.vm,
        node: undefined,
        live: step.live,
      });
      return;
    case 'stop':
      cloud.user({ kind: 'vmStop', operationId, project: 'p', vm: step.vm, force: false });
      return;
    case 'start':
      cloud.user({ kind: 'vmStart', operationId, project: 'p', vm: step.vm });
      return;
    case 'cut':
    case 'heal':
      world.node(step.node).cutOff = step.kind === 'cut';
      return;
    case 'crash':
      world.crashAfter(step.node, step.acts);
      return;
    case 'restart':
      world.node(step.node).start(cloud.nowUs);
      return;
    case 'fail':
      world.node(step.node).hypervisor.failing = 1;
      return;
    case 'drain':
      cloud.user({ kind: 'nodeDrain', operationId, project: 'p', node: step.node });
      world.advance(second);
      cloud.user({ kind: 'nodeUncordon', operationId: `${operationId}-back`, project: 'p', node: step.node });
      return;
  }
}

test('whatever befalls nodes and agents, a virtual machine executes in one place at most, and in the end where it is wanted', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), command), { maxLength: 25, size: 'max' }),
      (commands) => {
        const cloud = new ModelCloud();
        const world = new NodesAndCloud(cloud, names);
        for (const name of vms) {
          const disks = name === 'data' ? [{ ...sharedRoot, sharedDisk: 'd' }] : [];
          cloud.user({
            kind: 'sharedDiskCreate',
            operationId: `disk-${name}`,
            project: 'p',
            disk: name,
            sizeBytes: 1_048_576,
          });
          cloud.user(create(name, { disks: disks.map((disk) => ({ ...disk, sharedDisk: name })) }));
        }
        world.settle();
        commands.forEach(([seconds, step], at) => {
          world.advance((seconds * second) / 4);
          obey(world, step, `o-${at}`);
          expect(world.violations).toEqual([]);
        });
        for (const one of world.nodes) {
          one.cutOff = false;
          one.actsLeft = Infinity;
          one.start(cloud.nowUs);
        }
        world.advance(100 * second);
        vms.forEach((name, at) =>
          cloud.user({ kind: 'vmStart', operationId: `last-${at}`, project: 'p', vm: name }),
        );
        world.advance(20 * second);
        expect(world.violations).toEqual([]);
        for (const name of vms) {
          const { id, node: where, state } = shown(cloud, name);
          expect({ name, state, runsOn: world.runningOn(id) }).toEqual({
            name,
            state: 'running',
            runsOn: [where],
          });
        }
        const left = world.nodes.reduce((sum, { hypervisor }) => sum + hypervisor.files.size, 0);
        expect(left).toBe(vms.length);
      },
    ),
    { numRuns: 25 },
  );
});
