import { Command, InvalidArgumentError, Option } from 'commander';

import { bytesFromLatin1, latin1FromBytes } from '../../../core/base/bytes.ts';
import { type NamespaceLimits } from '../../../core/chainfire/api/namespace.ts';
import { type CommonOptions, integer, withConnection } from '../../kv/options.ts';
import { askOnce } from '../../kv/session.ts';
import { bytesFrom } from './byte-size.ts';
import { namespaceJson, namespaceTable } from './render.ts';

const asker = 'photon chainfire namespace';

const examples = `
A namespace is a prefix of keys with a name, and limits to what lies below it: bytes of live keys and values, live keys, leases
that have keys there, and watches on each member. What would pass a limit is refused with RESOURCE_EXHAUSTED, by name; what is
deleted makes room. No prefix of a namespace begins with another's. With authentication, all of this is for the root role.

Examples:
  photon chainfire namespace set team-a --prefix team-a/ --bytes 64MiB --keys 10000
  photon chainfire namespace set team-a --keys 20000     # from now on no limit of bytes: what is not named has none
  photon chainfire namespace list --json
  photon chainfire namespace remove team-a               # its keys stay
`;

/** `photon chainfire namespace`. */
export function namespaceCommand(): Command {
  const namespace = new Command('namespace').description('set limits to what lies below a prefix of keys');
  for (const command of [setCommand(), listCommand(), removeCommand()]) {
    namespace.addCommand(withConnection(command));
  }
  return namespace.addHelpText('after', examples);
}

type SetOptions = CommonOptions & Partial<NamespaceLimits> & { readonly prefix?: string };

function setCommand(): Command {
  const count = (flags: string, about: string): Option =>
    new Option(flags, `${about}; left out: no limit`).argParser(integer(1));
  return new Command('set')
    .description('define a namespace, or give one that is there other limits')
    .argument('<name>', 'what it is called in refusals and metrics')
    .option('--prefix <prefix>', 'what its keys begin with; needed for a new one, and never changed')
    .addOption(
      new Option(
        '--bytes <size>',
        'of live keys and their values: 1000, 64KiB, 10MiB; left out: no limit',
      ).argParser(size),
    )
    .addOption(count('--keys <count>', 'live keys'))
    .addOption(count('--leases <count>', 'leases that have keys in it'))
    .addOption(count('--watches <count>', 'watches of it that are open on one member'))
    .action(async (name: string, options: SetOptions) => {
      const { prefix = '', bytes = 0, keys = 0, leases = 0, watches = 0 } = options;
      const request = {
        name,
        prefix: latin1FromBytes(Buffer.from(prefix)),
        limits: { bytes, keys, leases, watches },
      };
      const { namespace } = await askOnce(options, { kind: 'namespacePut', request }, asker);
      const set = namespace === undefined ? [] : [namespace];
      say(options, set[0] && namespaceJson(set[0]), namespaceTable(set));
    });
}

function listCommand(): Command {
  return new Command('list')
    .description('print namespaces, their limits and what they hold')
    .argument('[name]', 'only this one')
    .action(async (name: string | undefined, options: CommonOptions) => {
      const request = { name: name ?? '' };
      const { namespaces } = await askOnce(options, { kind: 'namespaceList', request }, asker);
      say(options, { namespaces: namespaces.map(namespaceJson) }, namespaceTable(namespaces));
    });
}

function removeCommand(): Command {
  return new Command('remove')
    .description('end a namespace: its keys stay, without limits')
    .argument('<name>')
    .action(async (name: string, options: CommonOptions) => {
      await askOnce(options, { kind: 'namespaceRemove', request: { name } }, asker);
      say(options, { name }, `namespace ${name} removed\n`);
    });
}

function size(text: string): number {
  const bytes = bytesFrom(text);
  if (bytes === undefined) {
    throw new InvalidArgumentError(
      'it must be a number of bytes of 1 or more, or of KiB, MiB, GiB or TiB: 10MiB.',
    );
  }
  return bytes;
}

/** @param text a char a byte: prefixes are printed as they are */
function say(options: CommonOptions, json: unknown, text: string): void {
  if (options.json) process.stdout.write(`${JSON.stringify(json)}\n`);
  else process.stdout.write(bytesFromLatin1(text));
}
