import { createServer } from 'node:net';
import { join } from 'node:path';

import { type Address, formatAddress } from '../../adapters/config/address.ts';

/** One member as `photon up` runs it. */
export interface PlannedMember {
  readonly name: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly client: Address;
  readonly peer: Address;
  readonly metrics: Address;
  /** Undefined: plain text. */
  readonly tls?: MemberTls;
}

/** Files of one member's mutual TLS, with clients and with its peers. */
export interface MemberTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

export interface UpOptions {
  readonly dataDir: string;
  readonly members: number;
  readonly host: string;
  /** Client port of the first member; its peer port is the next, the following member's two further on. */
  readonly port: number;
}

export const metricsPortOffset = 10_000;
/** `a` to `i`; more than nine members only slow each other down. */
export const membersMax = 9;

export function plan(options: UpOptions): readonly PlannedMember[] {
  return Array.from({ length: options.members }, (_, position) => {
    const name = String.fromCharCode(97 + position);
    const client = { host: options.host, port: options.port + 2 * position };
    return {
      name,
      dataDir: join(options.dataDir, name),
      logFile: join(options.dataDir, `${name}.log`),
      client,
      peer: { host: options.host, port: client.port + 1 },
      metrics: { host: options.host, port: client.port + metricsPortOffset },
    };
  });
}

/** Every address that cannot be listened on, with what it is for and why. */
export async function takenAddresses(members: readonly PlannedMember[]): Promise<readonly string[]> {
  const taken: string[] = [];
  for (const member of members) {
    for (const purpose of ['client', 'peer', 'metrics'] as const) {
      const failure = await cannotListen(member[purpose]);
      if (failure !== undefined)
        taken.push(
          `${formatAddress(member[purpose])} (${purpose} port of member ${member.name}): ${failure}`,
        );
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
