import { Deferred } from '../client/deferred.ts';
import { type RunningVm } from './running-vm.ts';

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

let jobs = 0;

/** Memory and local disks at one moment, kept in the first of the disks' overlays. */
export async function runSnapshotJob(
  vm: RunningVm,
  kind: 'snapshot' | 'restore' | 'deleteSnapshot',
  snapshot: string,
): Promise<void> {
  if (!namePattern.test(snapshot)) throw new Error(`a snapshot's name matches ${namePattern.source}`);
  const disks = await localDisks(vm);
  const isThere = disks.some((disk) => disk.snapshots.includes(snapshot));
  // QEMU would leave the guest standing.
  if (kind !== 'snapshot' && !isThere) throw new Error(`there is no snapshot ${snapshot}`);
  const devices = disks.map(({ node }) => node);
  jobs += 1;
  // A job of an agent that is no more may still be there under its own name.
  const id = `${kind}-${process.pid}-${jobs}`;
  const place = kind === 'deleteSnapshot' ? {} : { vmstate: devices[0] };
  const command = { snapshot: 'snapshot-save', restore: 'snapshot-load', deleteSnapshot: 'snapshot-delete' }[
    kind
  ];
  await vm.execute(command, { 'job-id': id, tag: snapshot, devices, ...place });
  const error = await concluded(vm, id);
  if (vm.ended) throw new Error('there is no such process any more');
  await vm.execute('job-dismiss', { id });
  if (error !== undefined) throw new Error(error);
}

interface LocalDisk {
  readonly node: string;
  readonly snapshots: readonly string[];
}

async function localDisks(vm: RunningVm): Promise<readonly LocalDisk[]> {
  const nodes = (await vm.execute('query-named-block-nodes', { flat: true })) as readonly {
    readonly 'node-name': string;
    readonly drv: string;
    readonly image: { readonly snapshots?: readonly { readonly name: string }[] };
  }[];
  const disks = nodes.filter((node) => /^disk[0-9]+$/.test(node['node-name']));
  if (disks.length === 0) throw new Error('it has no local disk to keep a snapshot on');
  if (disks.some(({ drv }) => drv !== 'qcow2')) throw new Error('its shared disks would not be part of it');
  return disks
    .map(({ 'node-name': node, image }) => ({
      node,
      snapshots: (image.snapshots ?? []).map(({ name }) => name),
    }))
    .sort((left, right) => left.node.localeCompare(right.node));
}

async function concluded(vm: RunningVm, id: string): Promise<string | undefined> {
  for (;;) {
    const changed = new Deferred<undefined>();
    vm.onJob = () => changed.resolve(undefined);
    const answer = (await vm.execute('query-jobs')) as readonly {
      readonly id: string;
      readonly status: string;
      readonly error?: string;
    }[];
    const job = answer.find((one) => one.id === id);
    if (job === undefined) return 'QEMU knows nothing of it any more';
    if (job.status === 'concluded') return job.error;
    await Promise.race([changed.promise, vm.gone]);
    if (vm.ended) return undefined;
  }
}
