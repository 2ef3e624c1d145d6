import { Command } from 'commander';

import { type NodeShown } from '../../core/plasma/api.ts';
import { type MutationOptions, mutate, withMutation } from './mutation.ts';
import { printJson, printTable, showBytes } from './print.ts';
import { type PlasmaOptions, withPlasma, withServers } from './session.ts';

const verbs = [
  ['cordon', 'nodeCordon', 'place nothing there any more; what is there stays'],
  ['uncordon', 'nodeUncordon', 'place there again'],
  ['drain', 'nodeDrain', 'cordon it, and move away what runs there'],
  [
    'fence',
    'nodeFence',
    'say that the machine is off, as you have seen: what ran there may run elsewhere at once',
  ],
  ['forget', 'nodeForget', 'say that it never comes back: nothing is waited for that only it could say'],
] as const;

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
          printTable(['NODE', 'STATE', 'VMS', 'CPUS', 'MEMORY', 'ACCELERATORS', 'ADDRESS'], nodes.map(rowOf));
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
  return node;
}

function rowOf(node: NodeShown): readonly string[] {
  const { capacity, allocated, cordoned, draining, orphans } = node;
  const marks = [draining ? 'draining' : cordoned ? 'cordoned' : '', orphans > 0 ? `${orphans} orphans` : ''];
  return [
    node.name,
    [node.state, ...marks.filter((mark) => mark !== '')].join(', '),
    String(node.vms),
    `${allocated.cpuMilli / cpuMilliEach}/${capacity.cpuMilli / cpuMilliEach}`,
    `${showBytes(allocated.memoryBytes)}/${showBytes(capacity.memoryBytes)}`,
    node.accelerators.join(','),
    node.address,
  ];
}
