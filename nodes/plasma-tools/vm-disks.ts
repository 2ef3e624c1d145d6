import { type Command, InvalidArgumentError } from 'commander';

import { type DiskSpec } from '../../core/plasma/types.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { type MutationOptions, mutate, tell, withMutation } from './mutation.ts';
import { parseBytes, printJson, printTable } from './print.ts';
import { type PlasmaOptions, type PlasmaSession, withPlasma, withServers } from './session.ts';

/** What a disk is to be: of a virtual machine that is made, or attached to one that runs. */
export interface DiskOptions {
  readonly image?: string;
  readonly size?: number;
  readonly shared?: string;
}

/** Commands about the disks of virtual machines, and the states of them that are kept. */
export function addDiskCommands(vm: Command): void {
  withMutation(vm.command('attach-disk'))
    .description('give it another disk, while it runs or stands still')
    .argument('<vm>', 'name or id')
    .argument('<disk>', 'name of the disk in the virtual machine')
    .option('--size <bytes>', 'a local disk of this size: 512M, 20GiB', bytes)
    .option('--image <image>', 'a local disk that begins as this image, by name or digest')
    .option('--shared <disk>', 'a shared disk of the project')
    .action((one: string, name: string, options: MutationOptions & DiskOptions) =>
      withPlasma(options, 'photon vm attach-disk', async (session) => {
        const disk = await diskOf(session, name, options);
        if (disk === undefined)
          throw new ExitError('what disk? name --size, --image or --shared', exitCodes.refused);
        const done = await session.mutate({ kind: 'vmAttachDisk', vm: one, disk }, options.operationId);
        await tell(session, options, done, `${one}: attach-disk ${name}`);
      }),
    );
  withMutation(vm.command('detach-disk'))
    .description('take a shared disk away from it, with what is on it, while it stands still')
    .argument('<vm>', 'name or id')
    .argument('<disk>', 'name of the disk in the virtual machine')
    .action((one: string, disk: string, options: MutationOptions) =>
      mutate(
        options,
        { command: 'photon vm detach-disk', subject: one, verb: `detach-disk ${disk}` },
        { kind: 'vmDetachDisk', vm: one, disk },
      ),
    );
  withMutation(vm.command('resize-disk'))
    .description('make a local disk of it larger, while it runs or stands still')
    .argument('<vm>', 'name or id')
    .argument('<disk>', 'name of the disk in the virtual machine; the first is root')
    .argument('<size>', 'its new size: 512M, 20GiB', bytes)
    .action((one: string, disk: string, sizeBytes: number, options: MutationOptions) =>
      mutate(
        options,
        { command: 'photon vm resize-disk', subject: one, verb: `resize-disk ${disk}` },
        { kind: 'vmResizeDisk', vm: one, disk, sizeBytes },
      ),
    );
  for (const [verb, kind, about] of snapshotVerbs) {
    withMutation(vm.command(verb))
      .description(about)
      .argument('<vm>', 'name or id')
      .argument('<snapshot>', 'name of the snapshot')
      .action((one: string, snapshot: string, options: MutationOptions) =>
        mutate(
          options,
          { command: `photon vm ${verb}`, subject: one, verb: `${verb} ${snapshot}` },
          { kind, vm: one, snapshot },
        ),
      );
  }
  withServers(vm.command('snapshots'))
    .description('list the states that are kept of it')
    .argument('<vm>', 'name or id')
    .action((one: string, options: PlasmaOptions) =>
      withPlasma(options, 'photon vm snapshots', async (session) => {
        const { vms } = await session.ask<'vms'>({ kind: 'vmGet', project: session.project, vm: one });
        const snapshots = vms[0]?.snapshots ?? [];
        if (options.json === true) printJson(snapshots);
        else {
          const rows = snapshots.map((snapshot) => [snapshot]);
          printTable(['SNAPSHOT'], rows);
        }
      }),
    );
}

const snapshotVerbs = [
  ['snapshot', 'vmSnapshot', 'keep its state under a name, memory and local disks'],
  ['restore', 'vmRestore', 'go back to a kept state'],
  ['delete-snapshot', 'vmDeleteSnapshot', 'keep a state no longer'],
] as const;

/** @returns undefined when nothing says what it is to be @throws ExitError when that is not there, or said twice */
export async function diskOf(
  session: PlasmaSession,
  name: string,
  { image, size, shared }: DiskOptions,
): Promise<DiskSpec | undefined> {
  const { project } = session;
  if (shared !== undefined) {
    if (image !== undefined || size !== undefined)
      throw new ExitError('a shared disk has its own size, and no image', exitCodes.refused);
    const { disks } = await session.ask<'sharedDisks'>({ kind: 'sharedDiskList', project });
    const found = disks.find((one) => one.name === shared && one.state === 'there');
    if (found === undefined)
      throw new ExitError(`there is no shared disk ${shared} in ${project}`, exitCodes.failed);
    return { name, kind: 'shared', image: undefined, sharedDisk: shared, sizeBytes: found.sizeBytes };
  }
  if (image !== undefined) {
    const { images } = await session.ask<'images'>({ kind: 'imageList', project });
    const found = images.find((one) => one.name === image || one.digest === image);
    if (found === undefined)
      throw new ExitError(`there is no image ${image} in ${project}`, exitCodes.failed);
    const sizeBytes = size ?? found.virtualBytes;
    return { name, kind: 'local', image: found.digest, sharedDisk: undefined, sizeBytes };
  }
  return size === undefined
    ? undefined
    : { name, kind: 'local', image: undefined, sharedDisk: undefined, sizeBytes: size };
}

export function bytes(text: string): number {
  const value = parseBytes(text);
  if (value === undefined) throw new InvalidArgumentError('it must be a size: 1048576, 512M or 2GiB.');
  return value;
}
