import { type Logger } from 'pino';

import { type Address } from '../../adapters/config/address.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { optional } from '../../adapters/config/schema.ts';
import { path } from '../../adapters/config/values.ts';
import { type ClientCredentials } from '../../adapters/grpc/client.ts';
import { type ClientTls } from '../../adapters/grpc/server.ts';
import { readCertificates, readKeyPair } from '../../adapters/tls/pem-files.ts';
import { transportSecurity } from '../process/transport-security.ts';

/** The files of a process's mutual TLS, the same in every process of PlasmaVMC. */
export const securitySettings = {
  certFile: optional(
    path(),
    'Certificate of this process, named photon://plasma/<name>, in PEM: shown to whoever asks it and to whom it asks',
  ),
  keyFile: optional(path(), 'Private key of cert_file, in PEM'),
  trustedCaFile: optional(path(), 'Authorities that vouch for everybody else, in PEM'),
} as const;

export interface PlasmaSecuritySettings {
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly trustedCaFile: string | undefined;
}

export interface PlasmaSecurity {
  /** Undefined: plain text, on this machine alone. */
  readonly listen: ClientTls | undefined;
  readonly dial: ClientCredentials | undefined;
}

const loopback = /^(127\.[0-9]+\.[0-9]+\.[0-9]+|::1|localhost)$/;

/**
 * All three files, then TLS is mutual; or none, then the process is reached from its own machine alone, where everybody may do
 * everything.
 *
 * @throws ConfigError naming what is missing
 */
export function plasmaSecurity(
  settings: PlasmaSecuritySettings,
  listens: Readonly<Record<string, Address>>,
  log: Logger,
): PlasmaSecurity {
  const { certFile, keyFile, trustedCaFile } = settings;
  if (certFile === undefined && keyFile === undefined && trustedCaFile === undefined) {
    onLoopback(listens);
    return { listen: undefined, dial: undefined };
  }
  if (certFile === undefined || keyFile === undefined || trustedCaFile === undefined)
    throw new ConfigError('cert_file, key_file and trusted_ca_file belong together: give all three, or none');
  const noPeers = { peerCertFile: undefined, peerKeyFile: undefined, peerTrustedCaFile: undefined };
  const { clients } = transportSecurity(
    { certFile, keyFile, trustedCaFile, clientCertAuth: true, ...noPeers },
    'plasma',
    log,
  );
  return {
    listen: clients,
    dial: { ca: readCertificates(trustedCaFile), ...readKeyPair(certFile, keyFile) },
  };
}

/**
 * Where nobody shows who he is, nobody from elsewhere is let in.
 *
 * @throws ConfigError naming the address that others reach
 */
function onLoopback(listens: Readonly<Record<string, Address>>): void {
  for (const [name, { host }] of Object.entries(listens)) {
    if (!loopback.test(host)) {
      throw new ConfigError(
        `${name} is ${host}, which others reach: without cert_file, key_file and trusted_ca_file it must be 127.0.0.1, ::1 or localhost`,
      );
    }
  }
}
