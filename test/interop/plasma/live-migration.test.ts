import { afterEach, beforeEach, expect, test } from 'vitest';

import { isAlive } from '../../../adapters/qemu/proc.ts';
import { type InstanceId } from '../../../core/plasma/types.ts';
import { describeWith } from '../requirement.ts';
import { hasFailedWrite } from './guest-ticks.ts';
import { type CloudNode, PlasmaCloud } from './plasma-cloud.ts';
import { until } from './qemu-subject.ts';

describeWith(
  ['qemu-system-x86_64', 'qemu-img'],
  'a virtual machine that is told to move while it runs',
  () => {
    let cloud: PlasmaCloud;
    let from: CloudNode;
    let to: CloudNode;
    let before: InstanceId;

    beforeEach(async () => {
      cloud = await PlasmaCloud.start({ nodes: [{ name: 'n1' }, { name: 'n2' }] });
      await cloud.photon('vm', 'create', 'ticker', '--shared-disk', 'tick', '--memory', '16M');
      const vm = await cloud.running('ticker');
      from = cloud.node(vm.node);
      to = cloud.other(from);
      before = vm.instance;
    });

    afterEach(() => cloud.end());

    test('goes on at the other node where it stood: no tick twice, none left out, and nothing stays behind', async () => {
      const source = cloud.consoleOf(before, from);
      await until(() => source.ticks.length >= 5);
      const { stdout } = await cloud.photon('vm', 'migrate', 'ticker', '--to', to.name, '--live');
      expect(stdout).toMatch(/^ticker: migrate at revision [0-9]+\n$/);
      expect(await cloud.event('handedOver')).toMatchObject({ node: to.name, message: `from ${from.name}` });
      expect(await cloud.event('migrated')).toMatchObject({ node: to.name });

      const vm = await cloud.running('ticker');
      expect(vm).toMatchObject({ node: to.name, migratingTo: undefined, restarts: 0 });
      expect(vm.instance.fenceToken).toBeGreaterThan(before.fenceToken);
      const target = cloud.consoleOf(vm.instance, to);
      await until(() => target.ticks.length >= 5);
      await until(() => !isAlive(before));
      const ticks = [...source.ticks, ...target.ticks];
      expect(ticks).toEqual(ticks.map((_, at) => at + 1));
      expect(hasFailedWrite(source.said + target.said)).toBe(false);
      // It was not booted again, and its disk has gone with it.
      expect(target.said).not.toContain('b 0');
      expect(cloud.disk.counted.boots).toBe(1);
      await until(() => cloud.disk.counted.ticks >= ticks.length + 5);

      await until(() => !from.hasFiles(before));
      expect(from.instances).toEqual([]);
      expect(to.instances).toEqual([vm.instance]);
    });

    test('and back, by a drain of its node', async () => {
      const source = cloud.consoleOf(before, from);
      await until(() => source.ticks.length >= 5);
      await cloud.photon('node', 'drain', from.name);
      const migrated = await cloud.event('migrated');
      expect(migrated).toMatchObject({ node: to.name });
      const there = await cloud.running('ticker');
      const target = cloud.consoleOf(there.instance, to);
      await until(() => target.ticks.length >= 5);
      await cloud.photon('node', 'uncordon', from.name);
      await cloud.photon('vm', 'migrate', 'ticker', '--live');
      expect(await cloud.event('migrated', migrated)).toMatchObject({ node: from.name });
      const back = await cloud.running('ticker');
      const again = cloud.consoleOf(back.instance, from);
      await until(() => again.ticks.length >= 5);
      const ticks = [...source.ticks, ...target.ticks, ...again.ticks];
      expect(ticks).toEqual(ticks.map((_, at) => at + 1));
      expect(cloud.disk.counted.boots).toBe(1);
      await until(() => to.instances.length === 0);
      expect(from.instances).toEqual([back.instance]);
    });
  },
);
