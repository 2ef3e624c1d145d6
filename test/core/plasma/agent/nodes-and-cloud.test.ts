import { beforeEach, describe, expect, test } from 'vitest';
import { ModelCloud, second } from '../control-plane/model-cloud.ts';
import { create, operation, shown } from '../control-plane/model-requests.ts';
import { NodesAndCloud } from './nodes-and-cloud.ts';

let cloud: ModelCloud;
let world: NodesAndCloud;
let id: string;

function migrate(): void {
  cloud.user({ kind: 'vmMigrate', operationId: 'm', project: 'p', vm: 'web', node: undefined, live: true });
}

/** Where it runs, and that it runs nowhere else. */
function runsOn(): string | undefined {
  expect(world.violations).toEqual([]);
  const nodes = world.runningOn(id);
  expect(nodes.length).toBeLessThan(2);
  return nodes[0];
}

beforeEach(() => {
  cloud = new ModelCloud();
  world = new NodesAndCloud(cloud, ['node-1', 'node-2']);
  cloud.user(create('web'));
  world.settle();
  id = shown(cloud, 'web').id;
});

describe('agents under a control plane', () => {
  test('a virtual machine is created, stopped, started and deleted', () => {
    expect(runsOn()).toBe(shown(cloud, 'web').node);
    expect(shown(cloud, 'web')).toMatchObject({ state: 'running' });
    cloud.user({ kind: 'vmStop', operationId: 'o-1', project: 'p', vm: 'web', force: false });
    world.settle();
    expect(runsOn()).toBeUndefined();
    expect(operation(cloud, 'o-1')).toMatchObject({ state: 'done' });
    cloud.user({ kind: 'vmStart', operationId: 'o-2', project: 'p', vm: 'web' });
    world.settle();
    expect(runsOn()).toBe('node-1');
    cloud.user({ kind: 'vmDelete', operationId: 'o-3', project: 'p', vm: 'web' });
    world.advance(second);
    expect(runsOn()).toBeUndefined();
    expect(operation(cloud, 'o-3')).toMatchObject({ state: 'done' });
    for (const { hypervisor, agent } of world.nodes) {
      expect(hypervisor.files.size).toBe(0);
      expect(agent?.view.vms).toEqual([]);
    }
  });

  test('it is migrated while it runs, and nothing stays behind', () => {
    expect(runsOn()).toBe('node-1');
    migrate();
    world.advance(second);
    expect(runsOn()).toBe('node-2');
    expect(operation(cloud, 'm')).toMatchObject({ state: 'done' });
    expect(shown(cloud, 'web')).toMatchObject({ node: 'node-2', state: 'running', fenceToken: 2 });
    expect(world.node('node-1').hypervisor.files.size).toBe(0);
    expect(world.node('node-1').agent?.view.vms).toEqual([]);
    expect(world.node('node-2').hypervisor.launches).toBe(1);
  });

  for (const after of [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20]) {
    test(`a migration whose source dies ${after} acts into it comes to an end, in one place`, () => {
      migrate();
      world.crashAfter('node-1', after);
      world.advance(2 * second);
      world.node('node-1').start(cloud.nowUs);
      world.advance(60 * second);
      expect(runsOn()).toBe(shown(cloud, 'web').node);
      expect(shown(cloud, 'web')).toMatchObject({ state: 'running', migratingTo: undefined });
    });

    test(`a migration whose target dies ${after} acts into it comes to an end, in one place`, () => {
      migrate();
      world.crashAfter('node-2', after);
      world.advance(2 * second);
      world.node('node-2').start(cloud.nowUs);
      world.advance(60 * second);
      expect(runsOn()).toBe(shown(cloud, 'web').node);
      expect(shown(cloud, 'web')).toMatchObject({ state: 'running', migratingTo: undefined });
    });
  }

  test('a node that is cut off stops it, and only then another one starts it', () => {
    world.node('node-1').cutOff = true;
    let nowhere = false;
    for (let passed = 0; passed < 30; passed += 1) {
      world.advance(second);
      nowhere ||= runsOn() === undefined;
    }
    expect(nowhere).toBe(true);
    expect(runsOn()).toBe('node-2');
    world.node('node-1').cutOff = false;
    world.advance(30 * second);
    expect(runsOn()).toBe('node-2');
    expect(world.node('node-1').hypervisor.files.size).toBe(0);
  });

  test('a node whose agent is dead has its watchdog stop it, and only then another one starts it', () => {
    world.node('node-1').crash();
    world.advance(30 * second);
    expect(runsOn()).toBe('node-2');
    world.node('node-1').start(cloud.nowUs);
    world.advance(30 * second);
    expect(runsOn()).toBe('node-2');
    expect(world.node('node-1').hypervisor.files.size).toBe(0);
  });

  test('an agent that is back in time goes on with what it had', () => {
    const process = world.node('node-1').hypervisor.of(id)?.instance;
    world.node('node-1').crash();
    world.advance(3 * second);
    world.node('node-1').start(cloud.nowUs);
    world.advance(30 * second);
    expect(runsOn()).toBe('node-1');
    expect(world.node('node-1').hypervisor.of(id)?.instance).toEqual(process);
  });
});
