import { Command, Option } from 'commander';

import { type NodeShown } from '../../core/plasma/api.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { integer } from '../kv/options.ts';
import { type MutationOptions, mutate, tell, withMutation } from './mutation.ts';
import { printJson, printTable, showBytes } from './print.ts';
import { type PlasmaOptions, type PlasmaSession, withPlasma, withServers } from './session.ts';

const verbs = [
  ['cordon', 'nodeCordon', 'place nothing there any more; what is there stays'],
  ['uncordon', 'nodeUncordon', 'place there again'],
  ['drain', 'nodeDrain', 'cordon it, and move away what runs there'],
  ['forget', 'nodeForget', 'say that it never comes back: nothing is waited for that only it could say'],
] as const;

interface FenceOptions extends MutationOptions {
  readonly epoch?: number;
}

const cpuMilliEach = 1_000;

export function nodeCommand(): Command {
  const node = new Command('node').description('look at and change compute nodes of PlasmaVMC');
  withServers(node.command('list'))
    .description('list nodes')
    .action((options: PlasmaOptions) =>
      withPlasma(options, 'photon node list', async (session) => {
        const { nodes } = await session.ask<'nodes'>({ kind: 'nodeList' });
        if (options.json === true) printJson(nodes);
        else
          printTable(
            ['NODE', 'STATE', 'EPOCH', 'VMS', 'CPUS', 'MEMORY', 'ACCELERATORS', 'ADDRESS'],
            nodes.map(rowOf),
          );
      }),
    );
  for (const [verb, kind, about] of verbs) {
    withMutation(node.command(verb))
      .description(about)
      .argument('<node>', 'name of the node')
      .action((name: string, options: MutationOptions) =>
        mutate(options, { command: `photon node ${verb}`, subject: name, verb }, { kind, node: name }),
      );
  }
  withMutation(node.command('fence'))
    .description('say that the machine is off, as you have seen: what ran there may run elsewhere at once')
    .argument('<node>', 'name of the node')
    .addOption(
      new Option(
        '--epoch <epoch>',
        'of the life that has ended, as in the list of nodes; by default the newest',
      ).argParser(integer(1)),
    )
    .action((name: string, options: FenceOptions) =>
      withPlasma(options, 'photon node fence', async (session) => {
        const epoch = options.epoch ?? (await newestEpoch(session, name));
        const done = await session.mutate({ kind: 'nodeFence', node: name, epoch }, options.operationId);
        await tell(session, options, done, `${name}: fence`);
      }),
    );
  return node;
}

/** @throws ExitError where there is no such node */
async function newestEpoch(session: PlasmaSession, name: string): Promise<number> {
  const { nodes } = await session.ask<'nodes'>({ kind: 'nodeList' });
  const node = nodes.find((one) => one.name === name);
  if (node === undefined) throw new ExitError(`there is no node ${name}`, exitCodes.refused);
  return node.epoch;
}

function rowOf(node: NodeShown): readonly string[] {
  const { capacity, allocated, cordoned, draining, orphans } = node;
  const marks = [draining ? 'draining' : cordoned ? 'cordoned' : '', orphans > 0 ? `${orphans} orphans` : ''];
  return [
    node.name,
    [node.state, ...marks.filter((mark) => mark !== '')].join(', '),
    String(node.epoch),
    String(node.vms),
    `${allocated.cpuMilli / cpuMilliEach}/${capacity.cpuMilli / cpuMilliEach}`,
    `${showBytes(allocated.memoryBytes)}/${showBytes(capacity.memoryBytes)}`,
    node.accelerators.join(','),
    node.address,
  ];
}
