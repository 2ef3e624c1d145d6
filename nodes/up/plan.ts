import { createServer } from 'node:net';
import { join } from 'node:path';

import { type Address, formatAddress } from '../../adapters/config/address.ts';

/** What `photon up` runs: Chainfire members, Chronik brokers, and the processes of PlasmaVMC. */
export const plannedSystems = ['chainfire', 'chronik', 'plasma'] as const;
export type PlannedSystem = (typeof plannedSystems)[number];

/** One process as `photon up` runs it. */
export interface PlannedProcess {
  readonly system: PlannedSystem;
  /** Within its system. */
  readonly name: string;
  /** As people are told of it: `member a`, `broker a`. */
  readonly title: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly client: Address;
  /** Of a storage node: where hypervisors find disks. An agent and a server have none. */
  readonly peer?: Address;
  readonly metrics: Address;
  /** Of PlasmaVMC: the command, and what it is told beside its names and addresses. */
  readonly plasma?: { readonly role: PlasmaRole; readonly further: readonly string[] };
  /** Undefined: plain text. */
  readonly tls?: ProcessTls;
}

export type PlasmaRole = 'server' | 'storage' | 'agent';

/** Files of one process's mutual TLS, with clients and with its peers. */
export interface ProcessTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

export interface UpOptions {
  readonly dataDir: string;
  readonly members: number;
  /** 0: none. */
  readonly brokers: number;
  readonly host: string;
  /** Client port of the first member; its peer port is the next, the following member's two further on. */
  readonly port: number;
  /** Client port of the first broker; its peer port is the one before, the following broker's a hundred further on. */
  readonly brokerPort: number;
}

export const metricsPortOffset = 10_000;
/** From one broker to the next. */
export const brokerPortStep = 100;
/** `a` to `i`; more than nine members only slow each other down. */
export const membersMax = 9;
/** The same. */
export const brokersMax = 9;

export function plan(options: UpOptions): readonly PlannedProcess[] {
  const { host, dataDir, port, brokerPort } = options;
  const members = Array.from({ length: options.members }, (_, position): PlannedProcess => {
    const name = nameAt(position);
    const client = { host, port: port + 2 * position };
    return {
      ...{ system: 'chainfire', name, title: `member ${name}`, client },
      dataDir: join(dataDir, name),
      logFile: join(dataDir, `${name}.log`),
      peer: { host, port: client.port + 1 },
      metrics: { host, port: client.port + metricsPortOffset },
    };
  });
  const brokers = Array.from({ length: options.brokers }, (_, position): PlannedProcess => {
    const name = nameAt(position);
    const client = { host, port: brokerPort + brokerPortStep * position };
    return {
      ...{ system: 'chronik', name, title: `broker ${name}`, client },
      dataDir: join(dataDir, 'chronik', name),
      logFile: join(dataDir, 'chronik', `${name}.log`),
      peer: { host, port: client.port - 1 },
      metrics: { host, port: client.port + metricsPortOffset },
    };
  });
  return [...members, ...brokers];
}

export interface PlasmaPlan {
  readonly dataDir: string;
  readonly host: string;
  /** Of the server; the first agent's is the next, the storage node's the two behind that. */
  readonly port: number;
  readonly agents: number;
  /** For each agent. */
  readonly memoryBytes: number;
  /** Clients' addresses of the members. */
  readonly members: readonly Address[];
}

/** From one agent to the next. */
export const agentPortStep = 100;
/** `n1` to `n9`. */
export const agentsMax = 9;

/** A server, a storage node, and agents. */
export function planPlasma(options: PlasmaPlan): readonly PlannedProcess[] {
  const { host, port } = options;
  const server = { host, port };
  const storage = { host, port: port + 2 };
  const process = (
    role: PlasmaRole,
    name: string,
    client: Address,
    further: readonly string[],
  ): PlannedProcess => ({
    ...{ system: 'plasma', name, client, plasma: { role, further } },
    title: role === 'agent' ? `agent ${name}` : `plasma ${role}`,
    dataDir: join(options.dataDir, 'plasma', name),
    logFile: join(options.dataDir, 'plasma', `${name}.log`),
    metrics: { host, port: client.port + metricsPortOffset },
  });
  const chainfire = options.members.map(formatAddress).join(',');
  return [
    process('server', 'server', server, [
      ...['--chainfire', chainfire, '--operators', 'operator,client', '--storage', formatAddress(storage)],
    ]),
    { ...process('storage', 'storage', storage, ['--advertise', 'unix']), peer: { host, port: port + 3 } },
    ...Array.from({ length: options.agents }, (_, position) =>
      process('agent', `n${position + 1}`, { host, port: port + 1 + agentPortStep * position }, [
        ...['--servers', formatAddress(server), '--storage', formatAddress(storage)],
        // Whoever stops the cloud wants nothing left of it.
        ...['--memory-bytes', String(options.memoryBytes), '--on-stop', 'kill'],
      ]),
    ),
  ];
}

export function ofSystem(
  processes: readonly PlannedProcess[],
  system: PlannedSystem,
): readonly PlannedProcess[] {
  return processes.filter((planned) => planned.system === system);
}

function nameAt(position: number): string {
  return String.fromCharCode(97 + position);
}

/** Every address that cannot be listened on, with what it is for and why. */
export async function takenAddresses(processes: readonly PlannedProcess[]): Promise<readonly string[]> {
  const taken: string[] = [];
  const wanted = new Map<string, string>();
  for (const planned of processes) {
    for (const purpose of ['client', 'peer', 'metrics'] as const) {
      const own = planned[purpose];
      if (own === undefined) continue;
      const address = formatAddress(own);
      const use = `${purpose} port of ${planned.title}`;
      const other = wanted.get(address);
      wanted.set(address, use);
      const failure = other === undefined ? await cannotListen(own) : `also the ${other}`;
      if (failure !== undefined) taken.push(`${address} (${use}): ${failure}`);
    }
  }
  return taken;
}

function cannotListen(address: Address): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'EADDRINUSE' ? 'taken by another process' : error.message);
    });
    server.listen({ host: address.host, port: address.port }, () => server.close(() => resolve(undefined)));
  });
}
