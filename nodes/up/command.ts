import { Command, InvalidArgumentError, Option } from 'commander';
import { resolve } from 'node:path';

import { formatAddress } from '../../adapters/config/address.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { membersMax, metricsPortOffset, plan, type PlannedMember, takenAddresses } from './plan.ts';
import { Supervisor } from './supervisor.ts';

const examples = `
Member i (from 0) listens on port + 2i for clients, port + 2i + 1 for its peers, and port + 2i + ${metricsPortOffset} for
metrics. Ctrl-C or SIGTERM stops everything in order; the next start finds its data. A member that dies is started again.

Examples:
  photon up                          three members, data in ./data
  photon up --members 1 --data /tmp/cloud
  photon up --port 12379             on other ports
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
      new Option('--host <host>', 'address to listen on; there is no encryption, so keep it local').default(
        '127.0.0.1',
      ),
    )
    .addOption(
      new Option('--port <port>', "the first member's client port")
        .default(2379)
        .argParser(integerFrom(1, 65_535 - metricsPortOffset - 2 * membersMax)),
    )
    .addHelpText('after', examples)
    .action(async (options: { data: string; members: number; host: string; port: number }) => {
      await up(
        plan({
          dataDir: resolve(options.data),
          members: options.members,
          host: options.host,
          port: options.port,
        }),
      );
    });
}

async function up(members: readonly PlannedMember[]): Promise<void> {
  const taken = await takenAddresses(members);
  if (taken.length > 0) {
    throw new ExitError(
      `photon up: cannot listen on\n  ${taken.join('\n  ')}\nstop what uses them, or give another --port`,
      exitCodes.refused,
    );
  }
  const stopped = stopRequested();
  const supervisor = new Supervisor(members, print);
  const { length } = supervisor.members;
  if (length === 0)
    throw new ExitError('photon up: every member was removed; give another --data', exitCodes.refused);
  print(`starting ${length} Chainfire ${length === 1 ? 'member' : 'members'}`);
  try {
    const interrupted = await Promise.race([supervisor.start().then(() => false), stopped.then(() => true)]);
    if (!interrupted) {
      announce(supervisor.members);
      await stopped;
    }
  } finally {
    print('stopping');
    await supervisor.stop();
  }
}

function announce(members: readonly PlannedMember[]): void {
  const endpoints = members.map((member) => formatAddress(member.client)).join(',');
  const metrics = members.map((member) => `http://${formatAddress(member.metrics)}/metrics`).join(' ');
  print(`ready: chainfire ${endpoints} metrics ${metrics}`);
  print('try:');
  print(`  ETCDCTL_API=3 etcdctl --endpoints=${endpoints} put hello world`);
  print(`  npx photon kv get hello --endpoints ${endpoints}`);
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
