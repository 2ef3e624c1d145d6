import { createHash, randomBytes } from 'node:crypto';

import { type Credential, credentialKinds, invalidCredential } from '../../core/chainfire/auth/protocol.ts';
import { type JwtKeys } from './jwt.ts';

/** A token that was made for a user whose password is right. */
export interface IssuedToken {
  readonly token: string;
  /** What the members must know of it before it is given away; undefined where the token speaks for itself. */
  readonly digest: string | undefined;
}

/** Makes tokens, and says what one that a client shows is worth. */
export interface TokenProvider {
  /** Undefined: this member verifies tokens only. */
  issue(user: string, authRevision: number): IssuedToken | undefined;
  credentialOf(token: string): Credential;
}

const tokenBytes = 24;

/**
 * Tokens that mean nothing but to members: they learn of each from the log, by its digest, so that no log, recording or
 * backup holds one that could be used.
 */
export class SimpleTokens implements TokenProvider {
  issue(): IssuedToken {
    const token = randomBytes(tokenBytes).toString('base64url');
    return { token, digest: digestOf(token) };
  }

  credentialOf(token: string): Credential {
    return { kind: credentialKinds.token, name: digestOf(token), authRevision: 0 };
  }
}

/** Tokens that are signed: no member need have heard of one. They end with their time, or with the next change of users. */
export class JwtTokens implements TokenProvider {
  readonly #keys: JwtKeys;
  readonly #ttlSeconds: number;

  constructor(keys: JwtKeys, ttlSeconds: number) {
    this.#keys = keys;
    this.#ttlSeconds = ttlSeconds;
  }

  issue(user: string, authRevision: number): IssuedToken | undefined {
    if (!this.#keys.canSign) return undefined;
    const exp = nowSeconds() + this.#ttlSeconds;
    return { token: this.#keys.sign({ username: user, revision: authRevision, exp }), digest: undefined };
  }

  credentialOf(token: string): Credential {
    const claims = this.#keys.verify(token, nowSeconds());
    if (claims === undefined) return invalidCredential;
    return { kind: credentialKinds.user, name: claims.username, authRevision: claims.revision };
  }
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}
