import { type Address, parseAddress } from '../config/address.ts';
import { type ClientCredentials, GrpcChainfireClient } from '../grpc/client.ts';
import { type ClientUser } from '../grpc/client-session.ts';
import { Chainfire } from './chainfire.ts';
import { systemPrng } from './system-prng.ts';

export interface ConnectOptions {
  /** `host:port` of every member that may be asked, or of some: calls, watches and leases move between them. */
  readonly endpoints: readonly string[];
  /** TLS: PEM of the authorities that vouch for members (else the system's), and of this client's certificate and key. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** As whom it speaks, where the cluster asks for that. */
  readonly user?: ClientUser;
  /** How long a call may take that says nothing else. Default 5 s. */
  readonly timeoutMs?: number;
}

const timeoutMsDefault = 5_000;

/** Connects on demand: this does not fail when nobody is there, calls do. @throws TypeError for an endpoint that is none */
export function connect(options: ConnectOptions): Chainfire {
  const endpoints = options.endpoints.map(addressOf);
  if (endpoints.length === 0) throw new TypeError('give at least one endpoint');
  const { tls, user } = options;
  const client = new GrpcChainfireClient({ endpoints, prng: systemPrng, tls: credentialsOf(tls), user });
  return new Chainfire(client, { timeoutMs: options.timeoutMs ?? timeoutMsDefault });
}

function credentialsOf(tls: ConnectOptions['tls']): ClientCredentials | undefined {
  if (tls === undefined) return undefined;
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new TypeError('tls.cert and tls.key belong together: give both, or neither');
  }
  return {
    ...(tls.ca === undefined ? {} : { ca: Buffer.from(tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: Buffer.from(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: Buffer.from(tls.key) }),
  };
}

function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined || address.port === 0) {
    throw new TypeError(`endpoint ${JSON.stringify(text)} is not host:port`);
  }
  return address;
}
