import { Command, InvalidArgumentError, Option } from 'commander';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { type VmShown } from '../../core/plasma/api.ts';
import { type DiskSpec, type NicSpec, type VmSpec } from '../../core/plasma/types.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { integer } from '../kv/options.ts';
import { runConsole } from './console.ts';
import { followEvents } from './events.ts';
import { parseBytes, printJson, printLine, printTable, showBytes } from './print.ts';
import {
  type MutationAsked,
  type PlasmaOptions,
  type PlasmaSession,
  withPlasma,
  withServers,
} from './session.ts';

interface CreateOptions extends PlasmaOptions {
  readonly image?: string;
  readonly diskSize?: number;
  readonly sharedDisk?: string;
  readonly cpus: number;
  readonly memory: number;
  readonly nics: number;
  readonly restart: VmSpec['restartPolicy'];
  readonly lease?: VmSpec['leasePolicy'];
  readonly label: Readonly<Record<string, string>>;
  readonly on: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly userData?: string;
  readonly start: boolean;
}

const examples = `
Examples:
  photon vm create web --image debian --cpus 2 --memory 2GiB --disk-size 20GiB
  photon vm list
  photon vm console web            Ctrl-] ends it
  photon vm migrate web --to n2 --live
`;

export function vmCommand(): Command {
  const vm = new Command('vm')
    .description('make, look at and change virtual machines of PlasmaVMC')
    .addHelpText('after', examples);
  addCreate(vm);
  addLooks(vm);
  simple(vm, 'start', 'run it', (one) => ({ kind: 'vmStart', vm: one }));
  simple(vm, 'pause', 'let it stand', (one) => ({ kind: 'vmPause', vm: one }));
  simple(vm, 'resume', 'let it go on', (one) => ({ kind: 'vmResume', vm: one }));
  simple(vm, 'delete', 'stop it and remove what belongs to it', (one) => ({ kind: 'vmDelete', vm: one }));
  simple(vm, 'stop', 'ask its guest to shut down', (one, { force }) => ({
    ...{ kind: 'vmStop', vm: one, force: force === true },
  })).option('--force', 'at once, without asking the guest');
  simple(vm, 'migrate', 'move it to another node', (one, { to, live }) => ({
    ...{ kind: 'vmMigrate', vm: one, node: to, live: live === true },
  }))
    .option('--to <node>', 'where to; by default where there is room')
    .option('--live', 'while it runs');
  for (const [verb, kind, about] of [
    ['snapshot', 'vmSnapshot', 'keep its state under a name'],
    ['restore', 'vmRestore', 'go back to a kept state'],
  ] as const) {
    withServers(vm.command(verb))
      .description(about)
      .argument('<vm>', 'name or id')
      .argument('<snapshot>', 'name of the snapshot')
      .action((one: string, snapshot: string, options: PlasmaOptions) =>
        mutate(options, verb, one, { kind, vm: one, snapshot }),
      );
  }
  return vm;
}

interface VerbOptions extends PlasmaOptions {
  readonly force?: boolean;
  readonly to?: string;
  readonly live?: boolean;
}

function simple(
  vm: Command,
  verb: string,
  about: string,
  mutation: (vm: string, options: VerbOptions) => MutationAsked,
): Command {
  return withServers(vm.command(verb))
    .description(about)
    .argument('<vm>', 'name or id')
    .action((one: string, options: VerbOptions) => mutate(options, verb, one, mutation(one, options)));
}

function mutate(options: PlasmaOptions, verb: string, vm: string, mutation: MutationAsked): Promise<void> {
  return withPlasma(options, `photon vm ${verb}`, async (session) => {
    const done = await session.mutate(mutation);
    if (options.json === true) printJson(done);
    else printLine(`${vm}: ${verb} at revision ${done.revision}`);
  });
}

function addCreate(vm: Command): void {
  withServers(vm.command('create'))
    .description('make a virtual machine')
    .argument('<name>', 'its name in the project')
    .option('--image <image>', 'image of its disk, by name or digest')
    .option('--disk-size <bytes>', 'size of its disk; by default that of the image', bytes)
    .option('--shared-disk <disk>', 'a shared disk in place of a local one')
    .addOption(new Option('--cpus <count>', 'processors').default(1).argParser(integer(1)))
    .addOption(new Option('--memory <bytes>', 'memory: 512M, 2GiB').default(536_870_912).argParser(bytes))
    .addOption(new Option('--nics <count>', 'network interfaces').default(0).argParser(integer(0)))
    .addOption(
      new Option('--restart <policy>', 'when its guest has ended')
        .choices(['always', 'on-failure', 'never'])
        .default('on-failure'),
    )
    .addOption(
      new Option(
        '--lease <policy>',
        'when its node is cut off; must-stop by default without local disks',
      ).choices(['must-stop', 'keep-running']),
    )
    .option('--label <name=value>', 'a label of it; may be given again', pair, {})
    .option('--on <label=value>', 'a label that its node must have; may be given again', pair, {})
    .addOption(new Option('--priority <number>', '0 to 1000').default(0).argParser(integer(0)))
    .option('--user-data <file>', 'user data of cloud-init')
    .option('--no-start', 'only make it')
    .action((name: string, options: CreateOptions) =>
      withPlasma(options, 'photon vm create', async (session) => {
        const spec = await specOf(session, name, options);
        const done = await session.mutate({ kind: 'vmCreate', spec, start: options.start });
        if (options.json === true) printJson(done);
        else printLine(done.vm ?? name);
      }),
    );
}

async function specOf(session: PlasmaSession, name: string, options: CreateOptions): Promise<VmSpec> {
  const { project } = session;
  const disks: DiskSpec[] = [];
  if (options.sharedDisk !== undefined) {
    const { disks: known } = await session.ask<'sharedDisks'>({ kind: 'sharedDiskList', project });
    const disk = known.find((one) => one.name === options.sharedDisk);
    if (disk === undefined)
      throw new ExitError(`there is no shared disk ${options.sharedDisk}`, exitCodes.failed);
    const { sizeBytes } = disk;
    disks.push({ name: 'root', kind: 'shared', image: undefined, sharedDisk: disk.name, sizeBytes });
  } else if (options.image !== undefined) {
    const { images } = await session.ask<'images'>({ kind: 'imageList', project });
    const image = images.find((one) => one.name === options.image || one.digest === options.image);
    if (image === undefined) throw new ExitError(`there is no image ${options.image}`, exitCodes.failed);
    const sizeBytes = options.diskSize ?? image.virtualBytes;
    disks.push({ name: 'root', kind: 'local', image: image.digest, sharedDisk: undefined, sizeBytes });
  } else if (options.diskSize !== undefined) {
    const { diskSize: sizeBytes } = options;
    disks.push({ name: 'root', kind: 'local', image: undefined, sharedDisk: undefined, sizeBytes });
  }
  const local = disks.some((disk) => disk.kind === 'local');
  return {
    ...{ name, project, labels: options.label, cpus: options.cpus, memoryBytes: options.memory, disks },
    nics: Array.from({ length: options.nics }, (_, position) => nic(position)),
    cloudInit:
      options.userData === undefined
        ? undefined
        : {
            userData: textOf(options.userData),
            metaData: `instance-id: ${name}\n`,
            networkConfig: undefined,
          },
    restartPolicy: options.restart,
    leasePolicy: options.lease ?? (local ? 'keep-running' : 'must-stop'),
    ...{ nodeSelector: options.on, affinity: [], priority: options.priority, migratable: !local },
  };
}

function nic(position: number): NicSpec {
  const tail = [...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  return { name: `net${position}`, kind: 'user', tap: undefined, mac: `52:54:00:${tail}` };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ExitError(`cannot read ${file}: ${(error as Error).message}`, exitCodes.refused, {
      cause: error,
    });
  }
}

function addLooks(vm: Command): void {
  withServers(vm.command('list'))
    .description('list virtual machines')
    .option('--label <name=value>', 'only those with it; may be given again', pair, {})
    .action((options: PlasmaOptions & { readonly label: Readonly<Record<string, string>> }) =>
      withPlasma(options, 'photon vm list', async (session) => {
        const { project } = session;
        const { vms } = await session.ask<'vms'>({ kind: 'vmList', project, matches: options.label });
        if (options.json === true) printJson(vms);
        else printTable(['NAME', 'STATE', 'NODE', 'CPUS', 'MEMORY', 'PID', 'RESTARTS', 'ID'], vms.map(rowOf));
      }),
    );
  withServers(vm.command('show'))
    .description('print all of a virtual machine, as JSON')
    .argument('<vm>', 'name or id')
    .action((one: string, options: PlasmaOptions) =>
      withPlasma(options, 'photon vm show', async (session) => {
        const { vms } = await session.ask<'vms'>({ kind: 'vmGet', project: session.project, vm: one });
        printJson(vms[0]);
      }),
    );
  withServers(vm.command('console'))
    .description('its serial console; Ctrl-] ends it')
    .argument('<vm>', 'name or id')
    .action((one: string, options: PlasmaOptions) =>
      withPlasma(options, 'photon vm console', (session) => runConsole(session, one)),
    );
  withServers(vm.command('events'))
    .description('what has happened in the project, oldest first')
    .option('--from <revision>', 'only what is behind it', integer(0), 0)
    .option('--follow', 'go on with what happens from now on')
    .action((options: PlasmaOptions & { readonly from: number; readonly follow?: boolean }) =>
      withPlasma(options, 'photon vm events', (session) => followEvents(session, options)),
    );
}

function rowOf(vm: VmShown): readonly string[] {
  const going = vm.migratingTo === undefined ? '' : ` → ${vm.migratingTo}`;
  const wanted = vm.wanted === vm.state ? '' : ` (${vm.wanted})`;
  return [
    ...[vm.spec.name, `${vm.state}${wanted}`, `${vm.node ?? '-'}${going}`, String(vm.spec.cpus)],
    ...[showBytes(vm.spec.memoryBytes), String(vm.instance?.pid ?? '-'), String(vm.restarts), vm.id],
  ];
}

function bytes(text: string): number {
  const value = parseBytes(text);
  if (value === undefined) throw new InvalidArgumentError('it must be a size: 1048576, 512M or 2GiB.');
  return value;
}

function pair(text: string, previous: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('it must be name=value.');
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}
