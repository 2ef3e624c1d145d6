import { X509Certificate } from 'node:crypto';
import { type Logger } from 'pino';

import { ConfigError } from '../../adapters/config/resolve.ts';
import { type ClientTls } from '../../adapters/grpc/server.ts';
import { type Dial, dialTcp } from '../../adapters/peer/link.ts';
import { dialTls, type PeerTls } from '../../adapters/peer/peer-tls.ts';
import { KeptFiles } from '../../adapters/tls/kept-files.ts';
import { readCertificates, readKeyPair, type TlsMaterial } from '../../adapters/tls/pem-files.ts';

/** The settings of a process that say how its connections are secured, the same for every system. */
export interface SecuritySettings {
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly trustedCaFile: string | undefined;
  readonly clientCertAuth: boolean;
  readonly peerCertFile: string | undefined;
  readonly peerKeyFile: string | undefined;
  readonly peerTrustedCaFile: string | undefined;
}

export interface TransportSecurity {
  /** Undefined: clients are served in plain text. */
  readonly clients: ClientTls | undefined;
  /** Undefined: members speak in plain text. */
  readonly peers: PeerTls | undefined;
  readonly dial: Dial;
}

/**
 * Files are looked at before every handshake: new connections are shown what they say then.
 *
 * @param system what the certificates of peers are for: those of other systems, and clients, are not taken for peers
 * @throws ConfigError naming what is missing, or the file that is not what it should be
 */
export function transportSecurity(
  settings: SecuritySettings,
  system: string,
  log: Logger,
): TransportSecurity {
  try {
    const peers = peerTls(settings, system, log);
    return { clients: clientTls(settings, log), peers, dial: peers === undefined ? dialTcp : dialTls(peers) };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError((error as Error).message, { cause: error });
  }
}

function clientTls(settings: SecuritySettings, log: Logger): ClientTls | undefined {
  const { certFile, keyFile, trustedCaFile, clientCertAuth } = settings;
  if (clientCertAuth && trustedCaFile === undefined) {
    throw new ConfigError('client_cert_auth needs trusted_ca_file: somebody must vouch for clients');
  }
  if (certFile === undefined && keyFile === undefined) {
    if (trustedCaFile === undefined) return undefined;
    throw new ConfigError('trusted_ca_file needs cert_file and key_file: certificates are shown over TLS');
  }
  if (certFile === undefined || keyFile === undefined) {
    throw new ConfigError('cert_file and key_file belong together: give both, or neither');
  }
  return {
    material: materialIn({ certFile, keyFile, caFile: trustedCaFile }, log),
    clientCertRequired: clientCertAuth,
  };
}

function peerTls(settings: SecuritySettings, system: string, log: Logger): PeerTls | undefined {
  const { peerCertFile, peerKeyFile, peerTrustedCaFile } = settings;
  if (peerCertFile === undefined && peerKeyFile === undefined && peerTrustedCaFile === undefined) {
    return undefined;
  }
  if (peerCertFile === undefined || peerKeyFile === undefined || peerTrustedCaFile === undefined) {
    throw new ConfigError(
      'peer_cert_file, peer_key_file and peer_trusted_ca_file belong together: give all three, or none',
    );
  }
  return {
    material: materialIn({ certFile: peerCertFile, keyFile: peerKeyFile, caFile: peerTrustedCaFile }, log),
    system,
  };
}

interface MaterialFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string | undefined;
}

function materialIn({ certFile, keyFile, caFile }: MaterialFiles, log: Logger): () => TlsMaterial {
  const kept = new KeptFiles({
    files: [certFile, keyFile, ...(caFile === undefined ? [] : [caFile])],
    read: (): TlsMaterial => ({
      ...readKeyPair(certFile, keyFile),
      ca: caFile === undefined ? undefined : readCertificates(caFile),
    }),
    onChanged: ({ cert }) => {
      const { validTo } = new X509Certificate(cert);
      log.info({ certFile, validTo }, 'certificates were replaced: new connections are shown the new ones');
    },
    onUnusable: (error) => {
      log.error(
        { reason: error.message },
        'certificates were changed, and cannot be used: new connections are shown the ones of before',
      );
    },
  });
  return () => kept.content;
}
