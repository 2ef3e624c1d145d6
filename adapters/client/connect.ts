import { type Address, parseAddress } from '../config/address.ts';
import { GrpcChainfireClient } from '../grpc/client.ts';
import { Chainfire } from './chainfire.ts';
import { systemPrng } from './system-prng.ts';

export interface ConnectOptions {
  /** `host:port` of every member that may be asked, or of some: calls, watches and leases move between them. */
  readonly endpoints: readonly string[];
  /** How long a call may take that says nothing else. Default 5 s. */
  readonly timeoutMs?: number;
}

const timeoutMsDefault = 5_000;

/** Connects on demand: this does not fail when nobody is there, calls do. @throws TypeError for an endpoint that is none */
export function connect(options: ConnectOptions): Chainfire {
  const endpoints = options.endpoints.map(addressOf);
  if (endpoints.length === 0) throw new TypeError('give at least one endpoint');
  const client = new GrpcChainfireClient({ endpoints, prng: systemPrng });
  return new Chainfire(client, { timeoutMs: options.timeoutMs ?? timeoutMsDefault });
}

function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined || address.port === 0) {
    throw new TypeError(`endpoint ${JSON.stringify(text)} is not host:port`);
  }
  return address;
}
