import { Command } from 'commander';

import { printJson, printLine } from './print.ts';
import { type PlasmaOptions, withPlasma, withServers } from './session.ts';

/** What has become of something that was asked for. */
export function operationCommand(): Command {
  const operation = new Command('operation').description('look at operations of PlasmaVMC by their ids');
  withServers(operation.command('show'))
    .description('whether it runs still, is done or has failed, and why')
    .argument('<id>', 'its id: --json prints it with each command, --operation-id says it beforehand')
    .action((operationId: string, options: PlasmaOptions) =>
      withPlasma(options, 'photon operation show', async (session) => {
        const { project } = session;
        const shown = await session.ask<'operation'>({ kind: 'operationGet', project, operationId });
        const { state, revision, vm, message } = shown;
        if (options.json === true) printJson({ operationId, state, revision, vm, message });
        else {
          const of = vm === undefined ? '' : ` of ${vm}`;
          printLine(
            `${state}, committed${of} at revision ${revision}${message === '' ? '' : `: ${message}`}`,
          );
        }
      }),
    );
  return operation;
}
