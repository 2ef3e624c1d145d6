import { Command, InvalidArgumentError, Option } from 'commander';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { type VmShown } from '../../core/plasma/api.ts';
import { type DiskSpec, type NicSpec, type VmSpec } from '../../core/plasma/types.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { integer } from '../kv/options.ts';
import { runConsole } from './console.ts';
import { followEvents } from './events.ts';
import { printJson, printLine, printTable, showBytes } from './print.ts';
import { type MutationOptions, mutate, tell, withMutation } from './mutation.ts';
import {
  type MutationAsked,
  type PlasmaOptions,
  type PlasmaSession,
  withPlasma,
  withServers,
} from './session.ts';
import { addDiskCommands, bytes, diskOf } from './vm-disks.ts';

interface CreateOptions extends MutationOptions {
  readonly image?: string;
  readonly diskSize?: number;
  readonly sharedDisk?: string;
  readonly cpus: number;
  readonly memory: number;
  readonly nics: number;
  readonly tap: readonly string[];
  readonly restart: VmSpec['restartPolicy'];
  readonly lease?: VmSpec['leasePolicy'];
  readonly label: Readonly<Record<string, string>>;
  readonly on: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly userData?: string;
  readonly start: boolean;
}

/** Of what is said of a virtual machine in a table. */
const messageCharsMax = 100;

const examples = `
Examples:
  photon vm create web --image debian --cpus 2 --memory 2GiB --disk-size 20GiB
  photon vm list
  photon vm console web            Ctrl-] ends it
  photon vm migrate web --to n2 --live
  photon vm attach-disk web data --size 10GiB --wait
  photon vm resize-disk web data 20GiB --wait
  photon vm snapshot web before-upgrade --wait
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
  addDiskCommands(vm);
  return vm;
}

interface VerbOptions extends MutationOptions {
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
  return withMutation(vm.command(verb))
    .description(about)
    .argument('<vm>', 'name or id')
    .action((one: string, options: VerbOptions) =>
      mutate(options, { command: `photon vm ${verb}`, subject: one, verb }, mutation(one, options)),
    );
}

function addCreate(vm: Command): void {
  withMutation(vm.command('create'))
    .description('make a virtual machine')
    .argument('<name>', 'its name in the project')
    .option('--image <image>', 'image of its disk, by name or digest')
    .option('--disk-size <bytes>', 'size of its disk; by default that of the image', bytes)
    .option('--shared-disk <disk>', 'a shared disk in place of a local one')
    .addOption(new Option('--cpus <count>', 'processors').default(1).argParser(integer(1)))
    .addOption(new Option('--memory <bytes>', 'memory: 512M, 2GiB').default(536_870_912).argParser(bytes))
    .addOption(
      new Option('--nics <count>', "network interfaces of the hypervisor's own network")
        .default(0)
        .argParser(integer(0)),
    )
    .option('--tap <interface>', 'a network interface on this one of its node; may be given again', more, [])
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
        const { start, operationId } = options;
        const done = await session.mutate({ kind: 'vmCreate', spec, start }, operationId);
        // A script takes the id as it is.
        if (options.wait !== true && options.json !== true) printLine(done.vm ?? name);
        else await tell(session, options, done, `${done.vm ?? name}: create`);
      }),
    );
}

async function specOf(session: PlasmaSession, name: string, options: CreateOptions): Promise<VmSpec> {
  const { project } = session;
  const { image, diskSize: size, sharedDisk: shared } = options;
  const root = await diskOf(session, 'root', {
    ...(image === undefined ? {} : { image }),
    ...(size === undefined ? {} : { size }),
    ...(shared === undefined ? {} : { shared }),
  });
  const disks: readonly DiskSpec[] = root === undefined ? [] : [root];
  const local = disks.some((disk) => disk.kind === 'local');
  return {
    ...{ name, project, labels: options.label, cpus: options.cpus, memoryBytes: options.memory, disks },
    nics: [...Array.from({ length: options.nics }, () => undefined), ...options.tap].map(nic),
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

function nic(tap: string | undefined, position: number): NicSpec {
  const tail = [...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  return { name: `net${position}`, kind: tap === undefined ? 'user' : 'tap', tap, mac: `52:54:00:${tail}` };
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
        else printVms(vms);
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

/** With why it is as it is, where something is to be said of one of them. */
function printVms(vms: readonly VmShown[]): void {
  const columns = ['NAME', 'STATE', 'NODE', 'CPUS', 'MEMORY', 'PID', 'RESTARTS', 'ID'];
  if (vms.every(({ message }) => message === '')) printTable(columns, vms.map(rowOf));
  else
    printTable(
      [...columns, 'MESSAGE'],
      vms.map((vm) => [...rowOf(vm), vm.message.replaceAll(/\s+/g, ' ').slice(0, messageCharsMax)]),
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

function more(text: string, previous: readonly string[]): readonly string[] {
  return [...previous, text];
}

function pair(text: string, previous: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('it must be name=value.');
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}
