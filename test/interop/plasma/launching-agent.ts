import { join } from 'node:path';

import { QemuHypervisor } from '../../../adapters/qemu/qemu-hypervisor.ts';
import { type VmSpec } from '../../../core/plasma/types.ts';

/** An agent's process that launches one virtual machine, says so to its parent, and waits for its end. */
const [, , directory = ''] = process.argv;
const vm = 'vm-0123456789abcdef0123456789abcdef';
const digest = `sha256:${'ab'.repeat(32)}`;
const spec: VmSpec = {
  ...{ name: 'guest', project: 'project', labels: {}, cpus: 1, memoryBytes: 8_388_608, nics: [] },
  ...{
    cloudInit: undefined,
    restartPolicy: 'never',
    leasePolicy: 'must-stop',
    nodeSelector: {},
    affinity: [],
  },
  ...{ priority: 0, migratable: true },
  disks: [{ name: 'root', kind: 'local', image: digest, sharedDisk: undefined, sizeBytes: 1_048_576 }],
};
const hypervisor = await QemuHypervisor.open({
  dataDir: join(directory, 'a'),
  images: {
    image: () => Promise.resolve({ path: join(directory, 'boot.raw'), format: 'raw' }),
    digests: () => Promise.resolve([digest]),
  },
  accelerator: 'tcg',
  migrationHost: '127.0.0.1',
});
hypervisor.onReport = (report) => process.send?.(report);
const start = { vm, fenceToken: 7, spec, exports: {} };
hypervisor.act({ ...start, kind: 'prepare', actId: 1 });
hypervisor.act({ ...start, kind: 'launch', actId: 2, incoming: false, paused: false });
