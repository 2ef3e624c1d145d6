import { ConfigError } from '../../adapters/config/resolve.ts';
import { type ClientTls } from '../../adapters/grpc/server.ts';
import { type Dial, dialTcp } from '../../adapters/peer/link.ts';
import { dialTls, type PeerTls } from '../../adapters/peer/peer-tls.ts';
import { readCertificates, readKeyPair } from '../../adapters/tls/pem-files.ts';
import { type ChainfireSettings } from './settings.ts';

/** What a member's certificates are for: peers of other systems, and clients, are not taken for members. */
export const chainfireSystem = 'chainfire';

export interface TransportSecurity {
  /** Undefined: clients are served in plain text. */
  readonly clients: ClientTls | undefined;
  /** Undefined: members speak in plain text. */
  readonly peers: PeerTls | undefined;
  readonly dial: Dial;
}

/** @throws ConfigError naming what is missing, or the file that is not what it should be */
export function transportSecurity(settings: ChainfireSettings): TransportSecurity {
  try {
    const peers = peerTls(settings);
    return { clients: clientTls(settings), peers, dial: peers === undefined ? dialTcp : dialTls(peers) };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError((error as Error).message, { cause: error });
  }
}

function clientTls(settings: ChainfireSettings): ClientTls | undefined {
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
    ...readKeyPair(certFile, keyFile),
    ca: trustedCaFile === undefined ? undefined : readCertificates(trustedCaFile),
    clientCertRequired: clientCertAuth,
  };
}

function peerTls({ peerCertFile, peerKeyFile, peerTrustedCaFile }: ChainfireSettings): PeerTls | undefined {
  if (peerCertFile === undefined && peerKeyFile === undefined && peerTrustedCaFile === undefined) {
    return undefined;
  }
  if (peerCertFile === undefined || peerKeyFile === undefined || peerTrustedCaFile === undefined) {
    throw new ConfigError(
      'peer_cert_file, peer_key_file and peer_trusted_ca_file belong together: give all three, or none',
    );
  }
  return {
    ...readKeyPair(peerCertFile, peerKeyFile),
    ca: readCertificates(peerTrustedCaFile),
    system: chainfireSystem,
  };
}
