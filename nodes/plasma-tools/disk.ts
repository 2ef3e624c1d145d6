import { Command } from 'commander';

import { type MutationOptions, mutate, tell, withMutation } from './mutation.ts';
import { printJson, printTable, showBytes } from './print.ts';
import { type PlasmaOptions, withPlasma, withServers } from './session.ts';
import { bytes } from './vm-disks.ts';

/** Shared disks: served by a storage node to whichever node has their virtual machine. */
export function diskCommand(): Command {
  const disk = new Command('disk').description('make, look at and remove shared disks of PlasmaVMC');
  withMutation(disk.command('create'))
    .description('make a shared disk')
    .argument('<disk>', 'its name in the project')
    .argument('<size>', 'its size: 512M, 20GiB', bytes)
    .action((name: string, sizeBytes: number, options: MutationOptions) =>
      withPlasma(options, 'photon disk create', async (session) => {
        const asked = { kind: 'sharedDiskCreate', disk: name, sizeBytes } as const;
        const done = await session.mutate(asked, options.operationId);
        await tell(session, options, done, `${name}: ${showBytes(sizeBytes)}, created`);
      }),
    );
  withServers(disk.command('list'))
    .description('list the shared disks of a project')
    .action((options: PlasmaOptions) =>
      withPlasma(options, 'photon disk list', async (session) => {
        const { project } = session;
        const { disks } = await session.ask<'sharedDisks'>({ kind: 'sharedDiskList', project });
        if (options.json === true) return printJson(disks);
        const { vms } = await session.ask<'vms'>({ kind: 'vmList', project, matches: {} });
        const names = new Map(vms.map(({ id, spec }) => [id, spec.name]));
        printTable(
          ['DISK', 'SIZE', 'STATE', 'USED BY'],
          disks.map(({ name, sizeBytes, state, usedBy = '-' }) => [
            ...[name, showBytes(sizeBytes), state, names.get(usedBy) ?? usedBy],
          ]),
        );
      }),
    );
  withMutation(disk.command('delete'))
    .description('remove a shared disk that no virtual machine has, and what is on it')
    .argument('<disk>', 'its name')
    .action((name: string, options: MutationOptions) =>
      mutate(
        options,
        { command: 'photon disk delete', subject: name, verb: 'deleted' },
        { kind: 'sharedDiskDelete', disk: name },
      ),
    );
  return disk;
}
