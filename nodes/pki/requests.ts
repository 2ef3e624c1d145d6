import { type CertificateRequest } from '../../adapters/pki/certificate.ts';
import { type Identity, identityUri } from '../../adapters/tls/identity.ts';

export const authorityDays = 3_650;
export const certificateDays = 365;

/** Peers know each other by the URI, clients find it at its hosts. */
export function nodeRequest(identity: Identity, hosts: readonly string[], days: number): CertificateRequest {
  return {
    commonName: identity.node,
    names: { hosts, uris: [identityUri(identity)] },
    purposes: ['server', 'client'],
    days,
  };
}

export function clientRequest(name: string, days: number): CertificateRequest {
  return { commonName: name, names: { hosts: [], uris: [] }, purposes: ['client'], days };
}
