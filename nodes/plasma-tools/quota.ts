import { Command, InvalidArgumentError } from 'commander';

import { type Quota, type QuotaUsed } from '../../core/plasma/api.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { type MutationOptions, tell, withMutation } from './mutation.ts';
import { parseBytes, printJson, printTable, showBytes } from './print.ts';
import { type PlasmaOptions, withPlasma, withServers } from './session.ts';

/** A bound as it is typed; `none`: no bound. */
type Bound = number | 'none';

interface QuotaOptions extends MutationOptions {
  readonly vms?: Bound;
  readonly cpus?: Bound;
  readonly memory?: Bound;
  readonly disk?: Bound;
  readonly images?: Bound;
}

const examples = `
Examples:
  photon quota show --project shop
  photon quota set --project shop --vms 20 --memory 64GiB
  photon quota set --project shop --disk none        what is not named stays as it is
`;

/** What a project may use at most, of all that its virtual machines, shared disks and images take. */
export function quotaCommand(): Command {
  const quota = new Command('quota')
    .description('look at and set what a project may use')
    .addHelpText('after', examples);
  withServers(quota.command('show'))
    .description('what the project uses, and may use')
    .action((options: PlasmaOptions) =>
      withPlasma(options, 'photon quota show', async (session) => {
        const answer = await session.ask<'quota'>({ kind: 'quotaGet', project: session.project });
        if (options.json === true) printJson({ quota: answer.quota, used: answer.used });
        else printTable(['WHAT', 'USED', 'AT MOST'], rowsOf(answer.quota, answer.used));
      }),
    );
  withMutation(quota.command('set'))
    .description('set bounds; those that are not named stay')
    .option('--vms <count>', 'virtual machines, or none', countOf)
    .option('--cpus <count>', 'processors of all of them, or none', countOf)
    .option('--memory <bytes>', 'memory of all of them: 64GiB, or none', bytesOf)
    .option('--disk <bytes>', 'local and shared disks: 2TiB, or none', bytesOf)
    .option('--images <bytes>', 'files of images: 100GiB, or none', bytesOf)
    .action((options: QuotaOptions) =>
      withPlasma(options, 'photon quota set', async (session) => {
        const { vms, cpus, memory, disk, images } = options;
        if ([vms, cpus, memory, disk, images].every((one) => one === undefined)) {
          const named = '--vms, --cpus, --memory, --disk or --images';
          throw new ExitError(`nothing is set: name ${named}`, exitCodes.refused);
        }
        const { quota: now } = await session.ask<'quota'>({ kind: 'quotaGet', project: session.project });
        const next: Quota = {
          vmsMax: changed(now.vmsMax, vms),
          cpusMax: changed(now.cpusMax, cpus),
          memoryBytesMax: changed(now.memoryBytesMax, memory),
          diskBytesMax: changed(now.diskBytesMax, disk),
          imageBytesMax: changed(now.imageBytesMax, images),
        };
        const done = await session.mutate({ kind: 'quotaSet', quota: next }, options.operationId);
        await tell(session, options, done, `${session.project}: quota set`);
      }),
    );
  return quota;
}

function rowsOf(quota: Quota, used: QuotaUsed): readonly (readonly string[])[] {
  const most = (bound: number | undefined, show: (value: number) => string): string =>
    bound === undefined ? '-' : show(bound);
  return [
    ['virtual machines', String(used.vms), most(quota.vmsMax, String)],
    ['processors', String(used.cpus), most(quota.cpusMax, String)],
    ['memory', showBytes(used.memoryBytes), most(quota.memoryBytesMax, showBytes)],
    ['disk', showBytes(used.diskBytes), most(quota.diskBytesMax, showBytes)],
    ['images', showBytes(used.imageBytes), most(quota.imageBytesMax, showBytes)],
  ];
}

function changed(now: number | undefined, asked: Bound | undefined): number | undefined {
  if (asked === undefined) return now;
  return asked === 'none' ? undefined : asked;
}

function countOf(text: string): Bound {
  if (text === 'none') return text;
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('it must be a whole number, or none.');
  return Number(text);
}

function bytesOf(text: string): Bound {
  if (text === 'none') return text;
  const bytes = text === '0' ? 0 : parseBytes(text);
  if (bytes === undefined) throw new InvalidArgumentError('it must be a size: 512M, 64GiB or 2TiB, or none.');
  return bytes;
}
