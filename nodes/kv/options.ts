import { type Command, InvalidArgumentError, Option } from 'commander';

import { type ConnectionOptions } from './session.ts';
import { type RenderOptions } from './render.ts';

export type CommonOptions = ConnectionOptions & RenderOptions;

/** What every command that asks a cluster takes. */
export function withConnection(command: Command): Command {
  return withEndpoints(command)
    .addOption(userOption())
    .addOption(new Option('--timeout <seconds>', 'how long to try a call').default(5).argParser(integer(1)))
    .option('--json', 'print JSON');
}

/** Whom to ask, and how to speak with them. */
export function withEndpoints(command: Command): Command {
  return command
    .addOption(
      new Option('--endpoints <list>', 'members to ask, host:port,host:port')
        .default('127.0.0.1:2379')
        .env('PHOTON_KV_ENDPOINTS'),
    )
    .addOption(
      new Option('--cacert <file>', 'speak TLS, with members that this authority vouches for').env(
        'PHOTON_KV_CACERT',
      ),
    )
    .addOption(new Option('--cert <file>', 'certificate to show over TLS; with --key').env('PHOTON_KV_CERT'))
    .addOption(new Option('--key <file>', 'private key of --cert').env('PHOTON_KV_KEY'));
}

export function userOption(): Option {
  return new Option('--user <name[:password]>', 'as whom; without a password it is asked for').env(
    'PHOTON_KV_USER',
  );
}

export function integer(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`it must be an integer of ${min} or more.`);
    }
    return value;
  };
}

/** Leases are named in hex, as etcdctl does. */
export function leaseId(text: string): bigint {
  if (!/^[0-9a-fA-F]{1,16}$/.test(text) || BigInt(`0x${text}`) === 0n) {
    throw new InvalidArgumentError('it must be the id of a lease, in hex.');
  }
  return BigInt(`0x${text}`);
}
