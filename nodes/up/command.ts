import { Command, InvalidArgumentError, Option } from 'commander';
import { totalmem } from 'node:os';
import { join, resolve } from 'node:path';

import { defaultQemuPrograms, missingPrograms } from '../../adapters/qemu/programs.ts';
import { formatAddress } from '../../adapters/config/address.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { secured, type SecuredCloud } from './pki.ts';
import {
  agentPortStep,
  agentsMax,
  brokerPortStep,
  brokersMax,
  membersMax,
  metricsPortOffset,
  ofSystem,
  plan,
  type PlannedProcess,
  planPlasma,
  takenAddresses,
} from './plan.ts';
import { Supervisor } from './supervisor.ts';

const examples = `
Member i (from 0) listens on port + 2i for clients, port + 2i + 1 for its peers, and port + 2i + ${metricsPortOffset} for
metrics; broker i on broker port + ${brokerPortStep}i, the port before it for its peers, and ${metricsPortOffset} above it for metrics.
PlasmaVMC's server listens on plasma port, agent i on plasma port + 1 + ${agentPortStep}i, the storage node on plasma port + 2 and + 3.
Ctrl-C or SIGTERM stops everything in order; the next start finds its data. What dies is started again.

Examples:
  photon up                          three Chainfire members and three Chronik brokers, data in ./data
  photon up --members 1 --brokers 1 --data /tmp/cloud
  photon up --brokers 0 --agents 0   without Chronik and PlasmaVMC
  photon up --port 12379 --broker-port 19092
                                     on other ports
  photon up --tls                    mutual TLS; an authority and certificates in DATA/pki, made at the first start
`;

export function upCommand(): Command {
  return new Command('up')
    .description(
      'run a whole cloud on this machine: Chainfire members, Chronik brokers and PlasmaVMC, each a process of its own',
    )
    .addOption(new Option('--data <dir>', 'directory for everything that is kept').default('./data'))
    .addOption(
      new Option('--members <count>', `Chainfire members, 1 to ${membersMax}`)
        .default(3)
        .argParser(integerFrom(1, membersMax)),
    )
    .addOption(
      new Option('--brokers <count>', `Chronik brokers, 0 to ${brokersMax}`)
        .default(3)
        .argParser(integerFrom(0, brokersMax)),
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
    .addOption(
      new Option('--broker-port <port>', "the first broker's client port")
        .default(9092)
        .argParser(integerFrom(2, 65_535 - metricsPortOffset - brokerPortStep * brokersMax)),
    )
    .addOption(
      new Option('--agents <count>', `PlasmaVMC's compute nodes, 1 to ${agentsMax}; 0 leaves PlasmaVMC out`)
        .default(2)
        .argParser(integerFrom(0, agentsMax)),
    )
    .addOption(
      new Option('--plasma-port <port>', "port of PlasmaVMC's server")
        .default(7070)
        .argParser(integerFrom(1, 65_535 - metricsPortOffset - agentPortStep * agentsMax)),
    )
    .option('--tls', 'speak mutual TLS, with clients and among themselves')
    .addHelpText('after', examples)
    .action(async (options: UpFlags) => {
      const dataDir = resolve(options.data);
      const { members, brokers, host, port, brokerPort } = options;
      const clouds = plan({ dataDir, members, brokers, host, port, brokerPort });
      await up(
        [...clouds, ...plasmaOf(options, dataDir, clouds)],
        options.tls === true ? join(dataDir, 'pki') : undefined,
      );
    });
}

interface UpFlags {
  readonly data: string;
  readonly members: number;
  readonly brokers: number;
  readonly host: string;
  readonly port: number;
  readonly brokerPort: number;
  readonly agents: number;
  readonly plasmaPort: number;
  readonly tls?: boolean;
}

/** Of the machine's memory, what virtual machines may have. */
const memoryPercent = 60;

/** Without QEMU there is a control plane, and no node. */
function plasmaOf(
  { agents, host, plasmaPort }: UpFlags,
  dataDir: string,
  planned: readonly PlannedProcess[],
): readonly PlannedProcess[] {
  if (agents === 0) return [];
  const missing = missingPrograms(defaultQemuPrograms);
  if (missing !== undefined)
    print(`cannot run ${missing}: PlasmaVMC is started without agents, so that no virtual machine runs`);
  return planPlasma({
    ...{ dataDir, host, port: plasmaPort, agents: missing === undefined ? agents : 0 },
    memoryBytes: Math.floor((totalmem() * memoryPercent) / 100 / agents),
    members: ofSystem(planned, 'chainfire').map(({ client }) => client),
  });
}

/** @param pkiDir undefined: plain text */
async function up(processes: readonly PlannedProcess[], pkiDir: string | undefined): Promise<void> {
  const taken = await takenAddresses(processes);
  if (taken.length > 0) {
    throw new ExitError(
      `photon up: cannot listen on\n  ${taken.join('\n  ')}\nstop what uses them, or give another --port, --broker-port or --plasma-port`,
      exitCodes.refused,
    );
  }
  const cloud = pkiDir === undefined ? undefined : secured(processes, pkiDir);
  const stopped = stopRequested();
  const supervisor = new Supervisor(cloud?.processes ?? processes, print);
  const members = ofSystem(supervisor.processes, 'chainfire');
  const brokers = ofSystem(supervisor.processes, 'chronik');
  const plasma = ofSystem(supervisor.processes, 'plasma');
  const agents = plasma.filter((one) => one.plasma?.role === 'agent');
  if (members.length === 0)
    throw new ExitError('photon up: every member was removed; give another --data', exitCodes.refused);
  const parts = [`${members.length} Chainfire ${members.length === 1 ? 'member' : 'members'}`];
  if (brokers.length > 0)
    parts.push(`${brokers.length} Chronik ${brokers.length === 1 ? 'broker' : 'brokers'}`);
  if (plasma.length > 0)
    parts.push(`PlasmaVMC with ${agents.length} ${agents.length === 1 ? 'agent' : 'agents'}`);
  print(`starting ${listed(parts)}`);
  try {
    const interrupted = await Promise.race([supervisor.start().then(() => false), stopped.then(() => true)]);
    if (!interrupted) {
      announceMembers(members, cloud);
      if (brokers.length > 0) announceBrokers(brokers, cloud);
      if (plasma.length > 0) announcePlasma(plasma, agents.length, cloud);
      await stopped;
    }
  } finally {
    print('stopping');
    await supervisor.stop();
  }
}

function announceMembers(members: readonly PlannedProcess[], cloud: SecuredCloud | undefined): void {
  const addresses = members.map((member) => formatAddress(member.client));
  const endpoints = addresses
    .map((address) => (cloud === undefined ? address : `https://${address}`))
    .join(',');
  const flags =
    cloud === undefined
      ? ''
      : ` --cacert ${cloud.caFile} --cert ${cloud.client.certFile} --key ${cloud.client.keyFile}`;
  print(`ready: chainfire ${endpoints} metrics ${metricsOf(members)}`);
  print('try:');
  print(`  ETCDCTL_API=3 etcdctl --endpoints=${endpoints}${flags} put hello world`);
  print(`  npx photon kv get hello --endpoints ${endpoints}${flags}`);
}

function announceBrokers(brokers: readonly PlannedProcess[], cloud: SecuredCloud | undefined): void {
  const addresses = brokers.map((broker) => formatAddress(broker.client)).join(',');
  const properties =
    cloud === undefined
      ? []
      : [
          'security.protocol=ssl',
          `ssl.ca.location=${cloud.caFile}`,
          `ssl.certificate.location=${cloud.client.certFile}`,
          `ssl.key.location=${cloud.client.keyFile}`,
        ];
  const flags = properties.map((property) => ` -X ${property}`).join('');
  print(`ready: chronik ${addresses} metrics ${metricsOf(brokers)}`);
  print('try:');
  print(`  echo hello | kcat -b ${addresses}${flags} -P -t greetings`);
  print(`  kcat -b ${addresses}${flags} -C -t greetings -e`);
}

function announcePlasma(
  plasma: readonly PlannedProcess[],
  agents: number,
  cloud: SecuredCloud | undefined,
): void {
  const servers = plasma
    .filter((one) => one.plasma?.role === 'server')
    .map((one) => formatAddress(one.client))
    .join(',');
  const flags =
    cloud === undefined
      ? ''
      : ` --cacert ${cloud.caFile} --cert ${cloud.client.certFile} --key ${cloud.client.keyFile}`;
  const asked = `--endpoints ${servers}${flags}`;
  print(`ready: plasma ${servers} metrics ${metricsOf(plasma)}`);
  print('try:');
  print(`  npx photon node list ${asked}`);
  if (agents === 0) return;
  print('  npx photon image sample counting.raw');
  print(`  npx photon image import counting.raw ${asked}`);
  print(`  npx photon vm create web --image counting --memory 16MiB ${asked}`);
  print(`  npx photon vm console web ${asked}`);
}

/** `a, b and c`. */
function listed(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(', ')} and ${last}`;
}

function metricsOf(processes: readonly PlannedProcess[]): string {
  return processes.map(({ metrics }) => `http://${formatAddress(metrics)}/metrics`).join(' ');
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
