import { Command, InvalidArgumentError, Option } from 'commander';
import { join, resolve } from 'node:path';

import { formatAddress } from '../../adapters/config/address.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { secured, type SecuredCloud } from './pki.ts';
import { membersMax, metricsPortOffset, plan, type PlannedMember, takenAddresses } from './plan.ts';
import { Supervisor } from './supervisor.ts';

const examples = `
Member i (from 0) listens on port + 2i for clients, port + 2i + 1 for its peers, and port + 2i + ${metricsPortOffset} for
metrics. Ctrl-C or SIGTERM stops everything in order; the next start finds its data. A member that dies is started again.

Examples:
  photon up                          three members, data in ./data
  photon up --members 1 --data /tmp/cloud
  photon up --port 12379             on other ports
  photon up --tls                    mutual TLS; an authority and certificates in DATA/pki, made at the first start
`;

export function upCommand(): Command {
  return new Command('up')
    .description('run a whole cloud on this machine: Chainfire members, each a process of its own')
    .addOption(new Option('--data <dir>', 'directory for everything that is kept').default('./data'))
    .addOption(
      new Option('--members <count>', `Chainfire members, 1 to ${membersMax}`)
        .default(3)
        .argParser(integerFrom(1, membersMax)),
    )
    .addOption(
      new Option('--host <host>', 'address to listen on; keep it local where there is no --tls').default(
        '127.0.0.1',
      ),
    )
    .addOption(
      new Option('--port <port>', "the first member's client port")
        .default(2379)
        .argParser(integerFrom(1, 65_535 - metricsPortOffset - 2 * membersMax)),
    )
    .option('--tls', 'speak mutual TLS, with clients and between members')
    .addHelpText('after', examples)
    .action(async (options: UpFlags) => {
      const dataDir = resolve(options.data);
      const { members, host, port } = options;
      await up(
        plan({ dataDir, members, host, port }),
        options.tls === true ? join(dataDir, 'pki') : undefined,
      );
    });
}

interface UpFlags {
  readonly data: string;
  readonly members: number;
  readonly host: string;
  readonly port: number;
  readonly tls?: boolean;
}

/** @param pkiDir undefined: plain text */
async function up(members: readonly PlannedMember[], pkiDir: string | undefined): Promise<void> {
  const taken = await takenAddresses(members);
  if (taken.length > 0) {
    throw new ExitError(
      `photon up: cannot listen on\n  ${taken.join('\n  ')}\nstop what uses them, or give another --port`,
      exitCodes.refused,
    );
  }
  const cloud = pkiDir === undefined ? undefined : secured(members, pkiDir);
  const stopped = stopRequested();
  const supervisor = new Supervisor(cloud?.members ?? members, print);
  const { length } = supervisor.members;
  if (length === 0)
    throw new ExitError('photon up: every member was removed; give another --data', exitCodes.refused);
  print(`starting ${length} Chainfire ${length === 1 ? 'member' : 'members'}`);
  try {
    const interrupted = await Promise.race([supervisor.start().then(() => false), stopped.then(() => true)]);
    if (!interrupted) {
      announce(supervisor.members, cloud);
      await stopped;
    }
  } finally {
    print('stopping');
    await supervisor.stop();
  }
}

function announce(members: readonly PlannedMember[], cloud: SecuredCloud | undefined): void {
  const addresses = members.map((member) => formatAddress(member.client));
  const endpoints = addresses
    .map((address) => (cloud === undefined ? address : `https://${address}`))
    .join(',');
  const metrics = members.map((member) => `http://${formatAddress(member.metrics)}/metrics`).join(' ');
  const flags =
    cloud === undefined
      ? ''
      : ` --cacert ${cloud.caFile} --cert ${cloud.client.certFile} --key ${cloud.client.keyFile}`;
  print(`ready: chainfire ${endpoints} metrics ${metrics}`);
  print('try:');
  print(`  ETCDCTL_API=3 etcdctl --endpoints=${endpoints}${flags} put hello world`);
  print(`  npx photon kv get hello --endpoints ${endpoints}${flags}`);
}

/** Resolves at the first SIGTERM or SIGINT; a second one is left to its default and ends the process at once. */
function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

function integerFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`it must be an integer from ${min} to ${max}.`);
    }
    return value;
  };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
