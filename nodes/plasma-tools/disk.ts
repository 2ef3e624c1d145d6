import { Command, InvalidArgumentError } from 'commander';

import { parseBytes, printJson, printLine, printTable, showBytes } from './print.ts';
import { type PlasmaOptions, withPlasma, withServers } from './session.ts';

/** Shared disks: served by a storage node to whichever node has their virtual machine. */
export function diskCommand(): Command {
  const disk = new Command('disk').description('make, look at and remove shared disks of PlasmaVMC');
  withServers(disk.command('create'))
    .description('make a shared disk')
    .argument('<disk>', 'its name in the project')
    .argument('<size>', 'its size: 512M, 20GiB', sizeOf)
    .action((name: string, sizeBytes: number, options: PlasmaOptions) =>
      withPlasma(options, 'photon disk create', async (session) => {
        const done = await session.mutate({ kind: 'sharedDiskCreate', disk: name, sizeBytes });
        if (options.json === true) printJson(done);
        else printLine(`${name}: ${showBytes(sizeBytes)}`);
      }),
    );
  withServers(disk.command('list'))
    .description('list the shared disks of a project')
    .action((options: PlasmaOptions) =>
      withPlasma(options, 'photon disk list', async (session) => {
        const { project } = session;
        const { disks } = await session.ask<'sharedDisks'>({ kind: 'sharedDiskList', project });
        if (options.json === true) printJson(disks);
        else {
          const rows = disks.map((one) => [one.name, showBytes(one.sizeBytes), one.usedBy ?? '-']);
          printTable(['DISK', 'SIZE', 'USED BY'], rows);
        }
      }),
    );
  withServers(disk.command('delete'))
    .description('remove a shared disk that no virtual machine has')
    .argument('<disk>', 'its name')
    .action((name: string, options: PlasmaOptions) =>
      withPlasma(options, 'photon disk delete', async (session) => {
        const done = await session.mutate({ kind: 'sharedDiskDelete', disk: name });
        if (options.json === true) printJson(done);
        else printLine(`${name}: deleted at revision ${done.revision}`);
      }),
    );
  return disk;
}

function sizeOf(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw new InvalidArgumentError('it must be a size: 512M or 20GiB.');
  return bytes;
}
