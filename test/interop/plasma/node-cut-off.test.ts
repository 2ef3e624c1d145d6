import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { Authority } from '../../../adapters/pki/authority.ts';
import { isAlive } from '../../../adapters/qemu/proc.ts';
import { clientRequest, nodeRequest } from '../../../nodes/pki/requests.ts';
import { describeWith } from '../requirement.ts';
import { hasFailedWrite, TickDisk } from './guest-ticks.ts';
import { NodeNetwork } from './node-network.ts';
import { startedAfterUs, stoppedByUs } from './node-fence.ts';
import { type CloudSecurity, PlasmaCloud } from './plasma-cloud.ts';
import { until } from './qemu-subject.ts';

const days = 2;

function securityIn(dir: string): CloudSecurity {
  const authority = Authority.create(dir, 'a cloud', days);
  return {
    authority: authority.certFile,
    process: (node, host) =>
      authority.issue(node, nodeRequest({ system: 'plasma', node }, [host, '127.0.0.1'], days)),
    operator: { name: 'alice', ...authority.issue('alice', clientRequest('alice', days)) },
  };
}

describeWith(
  ['qemu-system-x86_64', 'qemu-img', 'ip', 'networkNamespaces'],
  'a node in a network of its own, all of it over mutual TLS',
  () => {
    let dir: string;
    let network: NodeNetwork;
    let cloud: PlasmaCloud | undefined;

    beforeEach(async () => {
      dir = mkdtempSync(join(tmpdir(), 'photon-cut-'));
      network = await NodeNetwork.create();
    });

    afterEach(async () => {
      await cloud?.end();
      await network.remove();
      rmSync(dir, { recursive: true, force: true });
    });

    test('is cut off: what must stop does, and runs elsewhere; what keeps running is found again', async () => {
      const { host, inside, namespace } = network;
      cloud = await PlasmaCloud.start({
        ...{ host, security: securityIn(join(dir, 'pki')) },
        nodes: [{ name: 'near' }, { name: 'far', network: { namespace, host: inside } }],
      });
      const [near, far] = [cloud.node('near'), cloud.node('far')];
      writeFileSync(join(dir, 'tick.raw'), TickDisk.content());
      await cloud.photon('image', 'import', join(dir, 'tick.raw'));
      await cloud.photon('node', 'cordon', 'near');
      await cloud.photon('vm', 'create', 'ticker', '--shared-disk', 'tick', '--memory', '16M');
      await cloud.photon('vm', 'create', 'stayer', '--image', 'tick', '--memory', '16M');
      const { instance: before } = await cloud.running('ticker');
      const { instance: stays } = await cloud.running('stayer');
      await cloud.photon('node', 'uncordon', 'near');
      const [old, stayer] = [cloud.consoleOf(before, far), cloud.consoleOf(stays, far)];
      await until(() => old.ticks.length >= 5 && stayer.ticks.length >= 5);
      const stoppedBy = await stoppedByUs(far, before);
      await network.cut();

      await until(() => !isAlive(before));
      expect(await cloud.event('nodeLost')).toMatchObject({ node: 'far' });
      const vm = await cloud.running('ticker');
      expect(vm.node).toBe('near');
      expect(startedAfterUs(vm.instance)).toBeGreaterThanOrEqual(stoppedBy);
      const console = cloud.consoleOf(vm.instance, near);
      await until(() => console.ticks.length >= 5);
      expect(await cloud.vm('stayer')).toMatchObject({ node: 'far', state: 'unknown', wanted: 'running' });
      const heard = stayer.ticks.length;
      await until(() => stayer.ticks.length >= heard + 5);

      await network.join();
      await cloud.untilNode('far', ({ state, epoch }) => state === 'up' && epoch === 2);
      expect((await cloud.running('stayer')).instance).toEqual(stays);
      expect(far.instances).toEqual([stays]);
      expect((await cloud.running('ticker')).instance).toEqual(vm.instance);
      const [first = 0, ...further] = console.ticks;
      expect([1, 2]).toContain(first - (old.ticks.at(-1) ?? 0));
      expect(further).toEqual(further.map((_, at) => first + 1 + at));
      expect(hasFailedWrite(console.said)).toBe(false);
      expect(cloud.disk.counted.boots).toBe(2);
    });
  },
);
