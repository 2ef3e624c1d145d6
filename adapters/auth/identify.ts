import { type Credential, credentialKinds } from '../../core/chainfire/auth/protocol.ts';
import { type TokenProvider } from './token-provider.ts';

/** What a transport knows of the other side of a call. */
export interface ShownIdentity {
  /** The first value of a metadata key, or of a header, given in lower case. */
  metadata(name: string): string | undefined;
  /** The common name of the client's certificate, where one was asked for and verified; absent: there is none. */
  readonly certificateName?: string | undefined;
}

export interface Identification {
  readonly tokens: TokenProvider;
  /**
   * The names of clients' certificates are those of users. Only where the listener admits no connection whose certificate
   * its authority does not vouch for: the transport tells the name of any.
   */
  readonly trustsCertificates: boolean;
}

/** As etcd's clients send it, and as its JSON gateway takes it. */
const tokenNames = ['token', 'authorization'] as const;
const bearer = /^Bearer +/i;

/** What a call shows for who it is. A token stands above a certificate, as in etcd; undefined: nothing is shown. */
export function identify(
  shown: ShownIdentity,
  { tokens, trustsCertificates }: Identification,
): Credential | undefined {
  for (const name of tokenNames) {
    const value = shown.metadata(name);
    if (value !== undefined && value !== '') return tokens.credentialOf(value.replace(bearer, ''));
  }
  if (!trustsCertificates) return undefined;
  const { certificateName } = shown;
  if (certificateName === undefined || certificateName === '') return undefined;
  return { kind: credentialKinds.user, name: certificateName, authRevision: 0 };
}
