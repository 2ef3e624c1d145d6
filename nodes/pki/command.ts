import { Command, InvalidArgumentError, Option } from 'commander';
import { resolve } from 'node:path';

import { memberNamePattern } from '../../adapters/config/values.ts';
import { Authority } from '../../adapters/pki/authority.ts';
import { type CertificateRequest } from '../../adapters/pki/certificate.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { authorityDays, certificateDays, clientRequest, nodeRequest } from './requests.ts';

const examples = `
DIR holds ca.crt and ca.key, and NAME.crt and NAME.key of everybody else; keys can be read by their owner alone, and nothing is
written over. Give out ca.crt, keep ca.key: whoever has it can make himself anybody.

Examples:
  photon pki init                                    an authority in ./pki
  photon pki node a --hosts 10.0.0.1,a.cloud.lan      a certificate for member a, for clients and for its peers
  photon pki client operator                         a certificate for a client
  photon chainfire serve … --cert-file pki/a.crt --key-file pki/a.key --trusted-ca-file pki/ca.crt --client-cert-auth true \\
    --peer-cert-file pki/a.crt --peer-key-file pki/a.key --peer-trusted-ca-file pki/ca.crt
  etcdctl --endpoints https://10.0.0.1:2379 --cacert pki/ca.crt --cert pki/operator.crt --key pki/operator.key get hello
`;

interface CommonOptions {
  readonly dir: string;
  readonly days: number;
}

export function pkiCommand(): Command {
  const init = withCommon(new Command('init'), authorityDays)
    .description('make an authority for one cloud')
    .option('--name <name>', 'its name', 'PhotonCloud development authority')
    .action(({ dir, days, name }: CommonOptions & { name: string }) => {
      tell(() => [Authority.create(resolve(dir), name, days).certFile]);
    });
  const node = withCommon(new Command('node'), certificateDays)
    .description('make a certificate for a process that is called, and that calls its peers')
    .argument('<name>', 'its name, as --name of `photon chainfire serve`', nodeName)
    .addOption(
      new Option('--system <system>', 'what it is a node of').choices(['chainfire']).default('chainfire'),
    )
    .option('--hosts <list>', 'names and addresses at which clients find it', '127.0.0.1,::1,localhost')
    .action((name: string, options: CommonOptions & { system: string; hosts: string }) => {
      const hosts = options.hosts.split(',').map((host) => host.trim());
      issued(name, options, nodeRequest({ system: options.system, node: name }, hosts, options.days));
    });
  const client = withCommon(new Command('client'), certificateDays)
    .description('make a certificate for a client')
    .argument('<name>', 'its name, the common name of the certificate', nodeName)
    .action((name: string, options: CommonOptions) =>
      issued(name, options, clientRequest(name, options.days)),
    );
  return new Command('pki')
    .description('make an authority for development, and certificates')
    .addCommand(init)
    .addCommand(node)
    .addCommand(client)
    .addHelpText('after', examples);
}

function withCommon(command: Command, days: number): Command {
  return command
    .option('--dir <dir>', 'directory of the authority', './pki')
    .addOption(new Option('--days <count>', 'how long it is good').default(days).argParser(dayCount));
}

function issued(name: string, { dir }: CommonOptions, request: CertificateRequest): void {
  tell(() => {
    const { certFile, keyFile } = Authority.open(resolve(dir)).issue(name, request);
    return [certFile, keyFile];
  });
}

/** Prints what was made. @throws ExitError saying why it was not */
function tell(make: () => readonly string[]): void {
  try {
    for (const file of make()) process.stdout.write(`${file}\n`);
  } catch (error) {
    throw new ExitError(`photon pki: ${(error as Error).message}`, exitCodes.refused, { cause: error });
  }
}

function nodeName(text: string): string {
  if (!memberNamePattern.test(text) || text === 'ca') {
    throw new InvalidArgumentError('it must be 1 to 63 letters, digits, ".", "_" and "-", and not ca.');
  }
  return text;
}

function dayCount(text: string): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value < 1 || value > 36_500) {
    throw new InvalidArgumentError('it must be an integer from 1 to 36500.');
  }
  return value;
}
