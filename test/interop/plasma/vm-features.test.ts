import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { writeSampleGuest } from '../../../nodes/plasma-tools/sample-guest.ts';
import { runCommand } from '../command.ts';
import { freePorts } from '../ports.ts';
import { describeWith } from '../requirement.ts';
import { type CloudNode, PlasmaCloud } from './plasma-cloud.ts';
import { until } from './qemu-subject.ts';

const timeoutMs = 240_000;
const mebibyte = 1_048_576;

/** What a virtual machine can be told, by the commands, to QEMU: each as its users find it. */
describeWith(['qemu-system-x86_64', 'qemu-img'], 'a virtual machine', () => {
  let cloud: PlasmaCloud;
  let node: CloudNode;

  beforeEach(async () => {
    cloud = await PlasmaCloud.start({ nodes: [{ name: 'n1' }] });
    node = cloud.node('n1');
  });

  afterEach(() => cloud.end());

  /** From an image, on a disk of its own. */
  async function created(...further: readonly string[]): Promise<void> {
    const file = join(cloud.dir, 'counting.raw');
    await writeSampleGuest(file);
    await cloud.photon('image', 'import', file);
    const asked = ['--image', 'counting', '--memory', '16M', '--wait', ...further];
    await cloud.photon('vm', 'create', 'web', ...asked);
  }

  /** How far its guest has counted, from its console. */
  async function ticks(): Promise<() => readonly number[]> {
    const console = cloud.consoleOf((await cloud.running('web')).instance, node);
    await until(() => console.ticks.length >= 3);
    return () => console.ticks;
  }

  /** Types at its console. */
  async function typed(text: string): Promise<void> {
    const console = cloud.live('vm', 'console', 'web');
    await console.until((stdout) => stdout.includes('t '));
    console.write(text);
    await cloud.untilVm('web', ({ state, restarts }) => state !== 'running' || restarts > 0);
    await console.end('SIGKILL');
  }

  test(
    'is given disks while it runs, and larger ones; what is there and what failed is shown as it is',
    async () => {
      await created('--label', 'tier=front');
      const count = await ticks();
      const process = (await cloud.vm('web')).instance;
      await cloud.photon('vm', 'attach-disk', 'web', 'own', '--size', '1M', '--wait');
      await cloud.photon('vm', 'resize-disk', 'web', 'own', '3M', '--wait');
      await cloud.photon('disk', 'create', 'data', '2M');
      await cloud.photon('vm', 'attach-disk', 'web', 'data', '--shared', 'data', '--wait');
      const { spec, instance } = await cloud.vm('web');
      expect(instance).toEqual(process);
      expect(spec.disks).toMatchObject([
        { name: 'root', kind: 'local', sizeBytes: mebibyte },
        { name: 'own', kind: 'local', sizeBytes: 3 * mebibyte },
        { name: 'data', kind: 'shared', sharedDisk: 'data', sizeBytes: 2 * mebibyte },
      ]);
      expect(await cloud.json('disk', 'list')).toMatchObject([
        { name: 'data', state: 'there', usedBy: instance?.vm },
        { name: 'tick' },
      ]);
      expect((await cloud.photon('disk', 'list')).stdout).toMatch(/^data +2 MiB +there +web$/m);
      expect(await cloud.refused('vm', 'resize-disk', 'web', 'own', '1M')).toContain('can only grow');
      expect(await cloud.refused('vm', 'resize-disk', 'web', 'data', '4M')).toContain('is shared');
      expect(await cloud.refused('vm', 'attach-disk', 'web', 'own', '--size', '1M')).toContain(
        'web has a disk own',
      );
      expect(await cloud.refused('disk', 'delete', 'data')).toContain('belongs to web');

      // Its shared disk would not go back: asked for all the same it fails, and says so under its id.
      const refusal = 'its shared disks would not be part of it';
      expect(
        await cloud.refused('vm', 'snapshot', 'web', 'one', '--wait', '--operation-id', 's-1'),
      ).toContain(refusal);
      expect(await cloud.json('operation', 'show', 's-1')).toMatchObject({
        state: 'failed',
        message: refusal,
      });
      expect(await cloud.vm('web')).toMatchObject({ state: 'running', message: '', snapshots: [] });
      const before = count().length;
      await until(() => count().length > before);

      const labelled = await cloud.json('vm', 'list', '--label', 'tier=front');
      expect(labelled).toMatchObject([{ spec: { name: 'web', labels: { tier: 'front' } } }]);
      expect(await cloud.json('vm', 'list', '--label', 'tier=back')).toEqual([]);

      expect(await cloud.refused('vm', 'detach-disk', 'web', 'data')).toContain('must have stopped first');
      await cloud.photon('vm', 'stop', 'web', '--force', '--wait');
      await cloud.photon('vm', 'detach-disk', 'web', 'data', '--wait');
      await cloud.photon('disk', 'delete', 'data', '--wait');
      await cloud.photon('vm', 'start', 'web', '--wait');
      expect((await cloud.running('web')).spec.disks.map(({ name }) => name)).toEqual(['root', 'own']);

      await cloud.photon('quota', 'set', '--vms', '1', '--images', '1MiB');
      expect((await cloud.photon('quota', 'show')).stdout).toMatch(/^images +1 MiB +1 MiB$/m);
      const again = ['image', 'import', join(cloud.dir, 'counting.raw'), '--name', 'again'];
      expect(await cloud.refused(...again)).toContain('bytes of images of 1048576');
      expect(await cloud.refused('vm', 'create', 'other')).toContain('2 virtual machines of 1');
      await cloud.photon('quota', 'set', '--vms', 'none');
      expect(await cloud.json('quota', 'show')).toMatchObject({ quota: { imageBytesMax: mebibyte } });
    },
    timeoutMs,
  );

  test(
    'goes back to a state that was kept of it, and is paused, stopped and started as it is told',
    async () => {
      await created();
      const count = await ticks();
      await cloud.photon('vm', 'snapshot', 'web', 'one', '--wait');
      expect(await cloud.json('vm', 'snapshots', 'web')).toEqual(['one']);
      const then = count().at(-1) ?? 0;
      await until(() => (count().at(-1) ?? 0) >= then + 5);
      await cloud.photon('vm', 'restore', 'web', 'one', '--wait');
      // It counts again what it has counted since.
      await until(() => count().some((tick, at) => at > 0 && tick <= (count()[at - 1] ?? 0)));
      await cloud.photon('vm', 'delete-snapshot', 'web', 'one', '--wait');
      expect((await cloud.photon('vm', 'snapshots', 'web')).stdout).toBe('SNAPSHOT\n');

      await cloud.photon('vm', 'pause', 'web', '--wait');
      expect(await cloud.vm('web')).toMatchObject({ state: 'paused' });
      await cloud.photon('vm', 'resume', 'web', '--wait');
      const { instance } = await cloud.running('web');
      // Its guest shuts down when it is asked to.
      await cloud.photon('vm', 'stop', 'web', '--wait');
      expect(await cloud.vm('web')).toMatchObject({ state: 'stopped', cause: 'guest-shutdown' });
      expect(node.instances).toEqual([]);
      await cloud.photon('vm', 'start', 'web', '--wait');
      expect((await cloud.running('web')).instance.pid).not.toBe(instance.pid);
      await cloud.photon('vm', 'stop', 'web', '--force', '--wait');
      expect(await cloud.vm('web')).toMatchObject({ state: 'stopped', cause: 'killed' });
    },
    timeoutMs,
  );

  test(
    'is started again when its guest has panicked, and not when it has shut itself down',
    async () => {
      await created('--restart', 'on-failure');
      const first = (await cloud.running('web')).instance;
      await typed('p');
      const again = await cloud.untilVm(
        'web',
        ({ restarts, state }) => restarts === 1 && state === 'running',
      );
      expect(again.instance?.pid).not.toBe(first.pid);
      expect(again.fenceToken).toBe(first.fenceToken);
      await ticks();
      const console = cloud.live('vm', 'console', 'web');
      await console.until((stdout) => stdout.includes('t '));
      console.write('q');
      await cloud.untilVm('web', ({ state }) => state === 'stopped');
      await console.end('SIGKILL');
      expect(await cloud.vm('web')).toMatchObject({ cause: 'guest-shutdown', restarts: 1 });
      expect(node.instances).toEqual([]);
    },
    timeoutMs,
  );
});

describeWith(
  ['qemu-system-x86_64', 'qemu-img', 'ip', 'networkNamespaces', 'tunDevice'],
  'a virtual machine with network interfaces and a seed',
  () => {
    let cloud: PlasmaCloud;
    let tap = '';

    beforeEach(async () => {
      const [port = 0] = await freePorts(1);
      tap = `pht${port}t`;
      await ip('tuntap', 'add', 'dev', tap, 'mode', 'tap');
      await ip('link', 'set', tap, 'up');
      cloud = await PlasmaCloud.start({ nodes: [{ name: 'n1' }] });
    });

    afterEach(async () => {
      await cloud.end();
      await ip('link', 'delete', tap);
    });

    const hasCarrier = (): boolean => readFileSync(`/sys/class/net/${tap}/carrier`, 'latin1') === '1\n';

    test(
      'has its own network and an interface of its node, which loses its carrier with it',
      async () => {
        const userData = join(cloud.dir, 'user-data');
        writeFileSync(userData, '#cloud-config\nhostname: web\n');
        const create = ['vm', 'create', 'web', '--disk-size', '1M', '--memory', '16M', '--wait'];
        expect(hasCarrier()).toBe(false);
        await cloud.photon(...create, '--nics', '1', '--tap', tap, '--user-data', userData);
        const { spec, instance } = await cloud.running('web');
        expect(spec.nics).toMatchObject([
          { name: 'net0', kind: 'user' },
          { name: 'net1', kind: 'tap', tap },
        ]);
        expect(hasCarrier()).toBe(true);
        const { vm, fenceToken } = instance;
        const seed = join(cloud.node('n1').dataDir, 'vms', `${vm}.${fenceToken}`, 'seed.iso');
        expect(readFileSync(seed, 'latin1')).toContain('hostname: web\n');
        await cloud.photon('vm', 'delete', 'web', '--wait');
        expect(hasCarrier()).toBe(false);

        // One that is not there: it is tried a bounded number of times, and says why.
        await cloud.photon(
          'vm',
          'create',
          'other',
          '--disk-size',
          '1M',
          '--memory',
          '16M',
          '--tap',
          'pht-none',
        );
        const failed = await cloud.untilVm('other', ({ message }) => message !== '');
        expect(failed.message).toContain('no network interface pht-none');
        expect(cloud.node('n1').instances).toEqual([]);
      },
      timeoutMs,
    );
  },
);

async function ip(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runCommand('ip', args);
  if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

describeWith(['qemu-system-x86_64', 'qemu-img'], 'a shared disk that is deleted', () => {
  let cloud: PlasmaCloud;

  beforeEach(async () => {
    cloud = await PlasmaCloud.start({ nodes: [{ name: 'n1' }] });
  });

  afterEach(() => cloud.end());

  const ran = async (name: string): Promise<void> => {
    await cloud.photon('vm', 'create', name, '--shared-disk', 'data', '--memory', '16M', '--wait');
    await cloud.running(name);
    await cloud.photon('vm', 'delete', name, '--wait');
  };
  const filesOfData = (): readonly string[] => cloud.diskFiles.filter((file) => file.includes('+data.'));

  test(
    'leaves nothing on the storage node, and its name is free at once',
    async () => {
      await cloud.photon('disk', 'create', 'data', '1M');
      await ran('one');
      await ran('two');
      const [first] = filesOfData();
      expect(filesOfData()).toHaveLength(1);
      await cloud.photon('disk', 'delete', 'data', '--wait');
      expect(filesOfData()).toEqual([]);
      // Of a lower token than the one before it was written under, which is nothing to it.
      await cloud.photon('disk', 'create', 'data', '1M');
      await ran('three');
      expect(filesOfData()).toHaveLength(1);
      expect(filesOfData()).not.toContain(first);
    },
    timeoutMs,
  );

  test(
    'while the storage node is away goes when that is back, and counts until then; so does one that was never used',
    async () => {
      await cloud.photon('disk', 'create', 'data', '1M');
      await cloud.photon('disk', 'create', 'unused', '1M');
      await ran('one');
      await cloud.storage.end('SIGKILL');
      await cloud.photon('disk', 'delete', 'data', '--operation-id', 'd-1');
      await cloud.photon('disk', 'delete', 'unused', '--operation-id', 'd-2');
      await cloud.photon('disk', 'create', 'data', '1M');
      expect((await cloud.photon('operation', 'show', 'd-1')).stdout).toMatch(/^running/);
      expect((await cloud.photon('disk', 'list')).stdout).toMatch(/data .* there .*\ndata .* deleting /);
      expect(await cloud.json('quota', 'show')).toMatchObject({ used: { diskBytes: 4 * mebibyte } });
      expect(filesOfData()).toHaveLength(1);

      await cloud.storage.start();
      for (const id of ['d-1', 'd-2']) await untilDone(id);
      expect(filesOfData()).toEqual([]);
      expect(await cloud.json('quota', 'show')).toMatchObject({ used: { diskBytes: 2 * mebibyte } });
      await ran('two');
    },
    timeoutMs,
  );

  async function untilDone(operationId: string): Promise<void> {
    const untilMs = performance.now() + timeoutMs / 4;
    for (;;) {
      const shown = (await cloud.json('operation', 'show', operationId)) as { readonly state: string };
      if (shown.state === 'done') return;
      if (performance.now() > untilMs) throw new Error(`it is not done: ${JSON.stringify(shown)}`);
    }
  }
});
