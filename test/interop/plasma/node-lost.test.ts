import { afterEach, beforeEach, expect, test } from 'vitest';

import { isAlive } from '../../../adapters/qemu/proc.ts';
import { type InstanceId } from '../../../core/plasma/types.ts';
import { describeWith } from '../requirement.ts';
import { hasFailedWrite } from './guest-ticks.ts';
import { startedAfterUs, stoppedByUs } from './node-fence.ts';
import { type CloudNode, PlasmaCloud } from './plasma-cloud.ts';
import { until } from './qemu-subject.ts';

describeWith(['qemu-system-x86_64', 'qemu-img'], 'a node of which nothing is heard', () => {
  let cloud: PlasmaCloud;
  let node: CloudNode;
  let before: InstanceId;

  beforeEach(async () => {
    cloud = await PlasmaCloud.start({ nodes: [{ name: 'n1' }, { name: 'n2' }] });
    await cloud.photon('vm', 'create', 'ticker', '--shared-disk', 'tick', '--memory', '16M');
    const vm = await cloud.running('ticker');
    expect(vm.spec.leasePolicy).toBe('must-stop');
    node = cloud.node(vm.node);
    before = vm.instance;
  });

  afterEach(() => cloud.end());

  test('stands still, and writes nothing when it goes on: another node has what must stop', async () => {
    const old = cloud.consoleOf(before, node);
    await until(() => old.ticks.length >= 5);
    const stoppedBy = await stoppedByUs(node, before);
    node.signal('SIGSTOP');

    const lost = await cloud.event('nodeLost');
    expect(lost).toMatchObject({ node: node.name });
    expect(await cloud.event('placed', lost)).toMatchObject({ vm: before.vm, node: cloud.other(node).name });
    const vm = await cloud.running('ticker');
    expect(startedAfterUs(vm.instance)).toBeGreaterThanOrEqual(stoppedBy);
    expect(vm.instance.fenceToken).toBeGreaterThan(before.fenceToken);
    const console = cloud.consoleOf(vm.instance, cloud.other(node));
    await until(() => console.ticks.length >= 5);
    expect(cloud.disk.counted.boots).toBe(2);

    // The guest first, with nobody to stop it: it goes on where it stood, and the disk takes nothing of it.
    process.kill(before.pid, 'SIGCONT');
    await until(() => hasFailedWrite(old.said));
    const seen = console.ticks.length;
    await until(() => console.ticks.length >= seen + 5);
    // Then the watchdog, whose time has come long ago; at last the agent, as another registration of its node.
    process.kill(node.watchdog, 'SIGCONT');
    await until(() => !isAlive(before));
    process.kill(node.agent.pid, 'SIGCONT');
    await cloud.untilNode(node.name, ({ state, epoch }) => state === 'up' && epoch === 2);

    const [first = 0, ...further] = console.ticks;
    expect(old.ticks).toEqual(old.ticks.map((_, at) => at + 1));
    expect(further).toEqual(further.map((_, at) => first + 1 + at));
    // Of what was written last before it fell asleep it may not have heard any more.
    expect([1, 2]).toContain(first - (old.ticks.at(-1) ?? 0));
    expect(hasFailedWrite(console.said)).toBe(false);
    await until(() => cloud.disk.counted.ticks >= (further.at(-1) ?? 0) + 5);
    expect(cloud.disk.counted.boots).toBe(2);
    expect(node.instances).toEqual([]);
    expect(await cloud.running('ticker')).toMatchObject({ instance: vm.instance, restarts: 0 });
  });

  test.each(['dead', 'frozen'] as const)(
    'has a %s agent: its watchdog stops what must stop, and another node has it',
    async (agent) => {
      const old = cloud.consoleOf(before, node);
      await until(() => old.ticks.length >= 5);
      const stoppedBy = await stoppedByUs(node, before);
      if (agent === 'dead') await node.agent.end('SIGKILL');
      else process.kill(node.agent.pid, 'SIGSTOP');
      await until(() => !isAlive(before));

      expect(await cloud.event('nodeLost')).toMatchObject({ node: node.name });
      const vm = await cloud.running('ticker');
      expect(vm.node).toBe(cloud.other(node).name);
      expect(startedAfterUs(vm.instance)).toBeGreaterThanOrEqual(stoppedBy);
      const console = cloud.consoleOf(vm.instance, cloud.other(node));
      await until(() => console.ticks.length >= 5);
      expect([1, 2]).toContain((console.ticks[0] ?? 0) - (old.ticks.at(-1) ?? 0));

      if (agent === 'dead') await node.agent.start();
      else process.kill(node.agent.pid, 'SIGCONT');
      await cloud.untilNode(node.name, ({ state, epoch }) => state === 'up' && epoch === 2);
      expect(node.instances).toEqual([]);
      expect((await cloud.running('ticker')).instance).toEqual(vm.instance);
    },
  );
});
