import { unreachable } from '../../core/base/assert.ts';
import { type HypervisorAct } from '../../core/plasma/hypervisor.ts';
import { type InstanceId } from '../../core/plasma/types.ts';
import { prepareOverlay } from './disk-images.ts';
import { type NodeImage } from './node-images.ts';
import { blockNode, diskDevice, diskDeviceId, diskNode } from './qemu-arguments.ts';
import { type RunningVm } from './running-vm.ts';
import { runSnapshotJob } from './snapshot-jobs.ts';
import { type WatchedVm } from './watched-vms.ts';

/** Acts on a process that is alive. */
export type InstanceAct = Exclude<
  Extract<HypervisorAct, { readonly instance: InstanceId }>,
  { readonly kind: 'kill' }
>;
type DiskAct = Extract<InstanceAct, { readonly kind: 'attachDisk' | 'resizeDisk' }>;

export interface DiskPreparation {
  readonly imageProgram: string;
  image(digest: string): Promise<NodeImage>;
}

/** Settles when it is done; rejects with why it was not. */
export async function actOnInstance(
  act: InstanceAct,
  watched: WatchedVm,
  preparation: DiskPreparation,
): Promise<void> {
  const { vm, migration } = watched;
  switch (act.kind) {
    case 'handOver':
      return migration.handOver();
    case 'cancelMigration':
      return migration.cancel();
    case 'powerDown':
      refuseHandedOver(vm);
      await vm.execute('system_powerdown');
      return;
    case 'pause':
      await refuseAway(vm);
      await vm.execute('stop');
      return;
    case 'resume':
      return resume(vm);
    case 'migrateOut':
      refuseHandedOver(vm);
      if (vm.directory.hasOverlays()) throw new Error('its local disks cannot go to another node');
      return migration.begin(act.uri);
    case 'snapshot':
    case 'restore':
    case 'deleteSnapshot':
      await refuseAway(vm);
      return runSnapshotJob(vm, act.kind, act.snapshot);
    case 'attachDisk':
      await refuseAway(vm);
      return attach(act, vm, preparation);
    case 'resizeDisk':
      await refuseAway(vm);
      return resize(act, vm);
    default:
      unreachable(act);
  }
}

function refuseHandedOver(vm: RunningVm): void {
  if (vm.directory.migrationRecord(vm.instance)?.handedOver === true)
    throw new Error('it has been handed over');
}

/** Of one that is on its way, or not here yet, nothing is changed. */
async function refuseAway(vm: RunningVm): Promise<void> {
  refuseHandedOver(vm);
  const status = await vm.status();
  if (status === 'inmigrate') throw new Error('it waits for its state');
  if (await vm.isBeingSent()) throw new Error('it is on its way to another node');
}

async function resume(vm: RunningVm): Promise<void> {
  await refuseAway(vm);
  const status = await vm.status();
  if (status === 'shutdown' || status === 'guest-panicked') throw new Error('its guest has ended');
  await vm.execute('cont');
}

async function attach(act: DiskAct, vm: RunningVm, { imageProgram, image }: DiskPreparation): Promise<void> {
  const at = act.spec.disks.findIndex(({ name }) => name === act.disk);
  const disk = act.spec.disks[at];
  if (disk === undefined) throw new Error(`there is no disk ${act.disk} in its description`);
  if (await isAttached(vm, act.disk)) return;
  const images = new Map<string, NodeImage>();
  if (disk.image !== undefined) images.set(disk.image, await image(disk.image));
  const { directory } = vm;
  if (disk.kind === 'local') {
    const under = disk.image === undefined ? undefined : images.get(disk.image);
    await prepareOverlay(imageProgram, directory.overlay(disk.name), disk, under);
  }
  const exports = act.exportUri === undefined ? {} : { [disk.name]: act.exportUri };
  const node = blockNode({ disk, at, directory, exports, images });
  await vm.execute('blockdev-add', node);
  try {
    await vm.execute('device_add', diskDevice(disk, at));
  } catch (cause) {
    await vm.execute('blockdev-del', { 'node-name': node['node-name'] });
    throw cause;
  }
}

async function isAttached(vm: RunningVm, disk: string): Promise<boolean> {
  const answer = (await vm.execute('qom-list', { path: '/machine/peripheral' })) as readonly {
    readonly name: string;
  }[];
  return answer.some(({ name }) => name === diskDeviceId(disk));
}

async function resize(act: DiskAct, vm: RunningVm): Promise<void> {
  const disk = act.spec.disks.find(({ name }) => name === act.disk);
  if (disk === undefined) throw new Error(`there is no disk ${act.disk} in its description`);
  if (disk.kind === 'shared') throw new Error(`the size of ${disk.name} is its storage node's`);
  const node = diskNode(act.spec, act.disk);
  const nodes = (await vm.execute('query-named-block-nodes', { flat: true })) as readonly {
    readonly 'node-name': string;
    readonly image: { readonly 'virtual-size': number };
  }[];
  const before = nodes.find((one) => one['node-name'] === node)?.image['virtual-size'];
  if (before === undefined) throw new Error(`disk ${act.disk} is not attached`);
  if (before > disk.sizeBytes)
    throw new Error(`disk ${act.disk} has ${before} bytes: it grows, and never shrinks`);
  await vm.execute('block_resize', { 'node-name': node, size: disk.sizeBytes });
}
