import { expect, test } from 'vitest';

import { parseExportUri } from '../../../adapters/qemu/export-uri.ts';
import { qemuArguments } from '../../../adapters/qemu/qemu-arguments.ts';
import { VmDirectory } from '../../../adapters/qemu/vm-directory.ts';
import { parseVmDirectoryName, vmDirectoryName, vmUuid } from '../../../adapters/qemu/vm-names.ts';
import { type DiskSpec, type VmSpec } from '../../../core/plasma/types.ts';

const vm = 'vm-0123456789abcdef0123456789abcdef';
const digest = `sha256:${'ab'.repeat(32)}`;
const root: DiskSpec = { name: 'root', kind: 'local', image: digest, sharedDisk: undefined, sizeBytes: 1 };
const data: DiskSpec = { name: 'data', kind: 'shared', image: undefined, sharedDisk: 'data', sizeBytes: 1 };
const spec: VmSpec = {
  ...{ name: 'guest', project: 'project', labels: {}, cpus: 3, memoryBytes: 1_048_577 },
  ...{
    cloudInit: undefined,
    restartPolicy: 'never',
    leasePolicy: 'must-stop',
    nodeSelector: {},
    affinity: [],
  },
  ...{ priority: 0, migratable: true, disks: [root, data] },
  nics: [{ name: 'eth0', kind: 'tap', tap: 'tap3', mac: '52:54:00:00:00:03' }],
};

function argumentsOf(changed: Partial<Parameters<typeof qemuArguments>[0]> = {}): readonly string[] {
  return qemuArguments({
    directory: new VmDirectory('/d/vms', vm, 7),
    spec,
    exports: { data: 'nbd://[::1]:7/blue/data@x.7' },
    images: new Map([[digest, { path: '/images/a,b.raw', format: 'qcow2' }]]),
    accelerator: 'tcg',
    incoming: false,
    ...changed,
  });
}

/** What stands behind each of a flag, read as JSON. */
function given(args: readonly string[], flag: string): readonly unknown[] {
  return args.flatMap((word, at) => {
    const value = args[at + 1] ?? '';
    return word === flag && value.startsWith('{') ? [JSON.parse(value) as unknown] : [];
  });
}

test('every format and every backing file is said, down to the last', () => {
  expect(given(argumentsOf(), '-blockdev')).toEqual([
    {
      'node-name': 'disk0',
      driver: 'qcow2',
      discard: 'unmap',
      file: { driver: 'file', filename: `/d/vms/${vm}.7/disk-root.qcow2` },
      backing: {
        driver: 'qcow2',
        'read-only': true,
        file: { driver: 'file', filename: '/images/a,b.raw' },
        backing: null,
      },
    },
    {
      'node-name': 'disk1',
      driver: 'nbd',
      server: { type: 'inet', host: '::1', port: '7' },
      export: 'blue/data@x.7',
      'reconnect-delay': 30,
    },
  ]);
});

test('both ends of a migration give each device the same place', () => {
  const [source, target] = [argumentsOf(), argumentsOf({ incoming: true })];
  expect(given(target, '-device')).toEqual(given(source, '-device'));
  expect(given(source, '-device')).toMatchObject([
    { id: 'disk-root', addr: '8', bootindex: 1 },
    { id: 'disk-data', addr: '9', bootindex: 2 },
    { id: 'device-nic0', addr: '3', mac: '52:54:00:00:00:03' },
  ]);
  expect(target.slice(-2)).toEqual(['-incoming', 'defer']);
});

test('a guest stands at first, and its process stays when it has ended', () => {
  const args = argumentsOf();
  expect(args).toContain('-S');
  expect(args[args.indexOf('-action') + 1]).toBe('reboot=reset,shutdown=pause,panic=pause');
  expect(args[args.indexOf('-m') + 1]).toBe('size=1025k');
});

test('what is missing is said', () => {
  expect(() => argumentsOf({ exports: {} })).toThrow('nobody serves the shared disk data');
  expect(() => argumentsOf({ images: new Map() })).toThrow('is not on this node');
});

test('names of directories and processes are those of virtual machines, and nothing else', () => {
  expect(vmUuid(vm)).toBe('01234567-89ab-cdef-0123-456789abcdef');
  expect(parseVmDirectoryName(vmDirectoryName(vm, 7))).toEqual({ vm, fenceToken: 7 });
  for (const name of [`${vm}.07`, `${vm}.`, `${vm}.7.new`, '../etc', `${vm}.99999999999999999999`, vm])
    expect(parseVmDirectoryName(name), name).toBeUndefined();
  expect(() => vmUuid('vm-1')).toThrow('32 hex digits');
  expect(() => vmDirectoryName(vm, -1)).toThrow('natural number');
});

test('a shared disk is served over NBD, over TCP or a unix socket', () => {
  expect(parseExportUri('nbd://storage/a%20b')).toEqual({
    server: { type: 'inet', host: 'storage', port: '10809' },
    export: 'a b',
  });
  expect(parseExportUri('nbd+unix:///disk?socket=/run/s%2Cock')).toEqual({
    server: { type: 'unix', path: '/run/s,ock' },
    export: 'disk',
  });
  for (const uri of ['', 'disk', 'file:///etc/passwd', 'nbd+unix:///disk', 'nbd:///disk', 'http://a/b'])
    expect(() => parseExportUri(uri), uri).toThrow('a shared disk is served at');
});
