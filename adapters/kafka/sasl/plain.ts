import { randomBytes, timingSafeEqual } from 'node:crypto';

import { type ScramCredential } from '../../../core/chronik/broker-view.ts';
import {
  credentialOf,
  type Credentials,
  digestBytes,
  iterationsMin,
  scramMechanisms,
} from './credentials.ts';
import { type SaslExchange, type SaslStep } from './step.ts';

const refused: SaslStep = { kind: 'refused', reason: 'Authentication failed: Invalid username or password' };
const nothing = new Uint8Array(0);

/**
 * SASL PLAIN (RFC 4616): `authorization identity NUL user NUL password`. The password is compared with what is kept of it for
 * SCRAM, so that a user has one password whatever the mechanism.
 */
export class PlainExchange implements SaslExchange {
  readonly #credentials: Credentials;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  async next(token: Uint8Array): Promise<SaslStep> {
    const parts = Buffer.from(token.buffer, token.byteOffset, token.byteLength).toString('utf8').split('\0');
    const [authorization = '', user = '', password = ''] = parts;
    if (parts.length !== 3) {
      return refusal(`Invalid SASL/PLAIN response: expected 3 tokens, got ${parts.length}`);
    }
    if (user === '' || password === '')
      return refusal('Authentication failed: user and password must be given');
    if (authorization !== '' && authorization !== user) {
      return refusal('Authentication failed: the authorization identity is not the user');
    }
    const known = this.#known(user);
    // A user who does not exist takes as long as a wrong password.
    const { mechanism, credential } = known ?? { mechanism: scramMechanisms[0], credential: nobody };
    const shown = await credentialOf(mechanism, password, credential);
    const isRight = timingSafeEqual(shown.storedKey, credential.storedKey);
    return known !== undefined && isRight ? { kind: 'authenticated', token: nothing, user } : refused;
  }

  #known(
    user: string,
  ): { mechanism: (typeof scramMechanisms)[number]; credential: ScramCredential } | undefined {
    for (const mechanism of scramMechanisms) {
      const credential = this.#credentials.scram(user, mechanism);
      if (credential !== undefined) return { mechanism, credential };
    }
    return undefined;
  }
}

/** Nobody's password: what a user is compared with who is not known. */
const nobody: ScramCredential = {
  salt: randomBytes(16),
  iterations: iterationsMin,
  storedKey: randomBytes(digestBytes('SCRAM-SHA-256')),
  serverKey: randomBytes(digestBytes('SCRAM-SHA-256')),
};

function refusal(reason: string): SaslStep {
  return { kind: 'refused', reason };
}
