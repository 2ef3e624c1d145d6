import { type VmSpec } from '../../core/plasma/types.ts';
import { type FirecrackerRequest } from './api.ts';

const mebibyte = 1_048_576;
const cpusMax = 32;
/** For a kernel that is booted without firmware, and whose end is the process' end. */
export const defaultBootArguments = 'console=ttyS0 reboot=k panic=1 root=/dev/vda rw';

export interface MicroVmFiles {
  /** Of a disk of the virtual machine, by name. */
  readonly disk: (name: string) => string;
  /** Undefined: it has none. */
  readonly seed: string | undefined;
  readonly kernelImage: string;
  readonly bootArguments: string;
}

/** What Firecracker cannot do of what a virtual machine can be, in words for operators. Undefined: it can be run. */
export function unfitForFirecracker(spec: VmSpec): string | undefined {
  const { cpus, memoryBytes, disks, nics } = spec;
  if (!Number.isSafeInteger(cpus) || cpus < 1 || cpus > cpusMax)
    return `Firecracker gives 1 to ${cpusMax} processors, not ${cpus}`;
  if (!Number.isSafeInteger(memoryBytes) || memoryBytes < mebibyte)
    return `it has at least ${mebibyte} bytes of memory, not ${memoryBytes}`;
  const shared = disks.find(({ kind }) => kind === 'shared');
  if (shared !== undefined)
    return `Firecracker has no client for the shared disk ${shared.name}: local ones only`;
  const odd = disks.find(({ name }) => !/^[a-z0-9-]{1,32}$/.test(name));
  if (odd !== undefined) return `a disk's name matches [a-z0-9-]{1,32}, not ${odd.name}`;
  const user = nics.find(({ kind }) => kind === 'user');
  if (user !== undefined) return `Firecracker has no network of its own for ${user.name}: tap only`;
  return undefined;
}

/** Everything that is told before the guest starts, in order. */
export function configuration(
  spec: VmSpec,
  files: MicroVmFiles,
): readonly Exclude<FirecrackerRequest, { readonly method: 'GET' }>[] {
  const body = { vcpu_count: spec.cpus, mem_size_mib: Math.ceil(spec.memoryBytes / mebibyte) };
  const { kernelImage, bootArguments, seed } = files;
  const drive = (name: string, path: string, how: { readonly root: boolean; readonly readOnly: boolean }) =>
    ({
      method: 'PUT',
      path: `/drives/${driveId(name)}`,
      body: {
        drive_id: driveId(name),
        path_on_host: path,
        is_root_device: how.root,
        is_read_only: how.readOnly,
        cache_type: 'Writeback',
      },
    }) as const;
  return [
    { method: 'PUT', path: '/machine-config', body },
    {
      method: 'PUT',
      path: '/boot-source',
      body: { kernel_image_path: kernelImage, boot_args: bootArguments },
    },
    ...spec.disks.map(({ name }, at) =>
      drive(`disk-${name}`, files.disk(name), { root: at === 0, readOnly: false }),
    ),
    ...(seed === undefined ? [] : [drive('seed', seed, { root: false, readOnly: true })]),
    ...spec.nics.map(({ tap, mac }, at) => {
      const id = `nic${at}`;
      return {
        method: 'PUT',
        path: `/network-interfaces/${id}`,
        body: { iface_id: id, host_dev_name: tap ?? '', guest_mac: mac },
      } as const;
    }),
  ];
}

/** Letters, digits and underscores. */
export function driveId(name: string): string {
  return name.replaceAll('-', '_');
}
