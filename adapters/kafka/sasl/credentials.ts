import { createHash, createHmac, pbkdf2 } from 'node:crypto';

import { type ScramCredential, type ScramMechanism } from '../../../core/chronik/broker-view.ts';

/** The SCRAM mechanisms that brokers speak (KIP-84). */
export const scramMechanisms = [
  'SCRAM-SHA-256',
  'SCRAM-SHA-512',
] as const satisfies readonly ScramMechanism[];

/** Whose passwords are known. */
export interface Credentials {
  /** Undefined: there is no such user, or he has no password for this mechanism. */
  scram(user: string, mechanism: ScramMechanism): ScramCredential | undefined;
}

/** Asks the one, and then the other. */
export class CredentialsInTurn implements Credentials {
  readonly #sources: readonly Credentials[];

  constructor(sources: readonly Credentials[]) {
    this.#sources = sources;
  }

  scram(user: string, mechanism: ScramMechanism): ScramCredential | undefined {
    for (const source of this.#sources) {
      const found = source.scram(user, mechanism);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Kafka's bounds: below it a guess is cheap, above it a login is a way to keep the process busy. */
export const iterationsMin = 4_096;
export const iterationsMax = 16_384;

const digests: Readonly<Record<ScramMechanism, { readonly name: string; readonly lengthBytes: number }>> = {
  'SCRAM-SHA-256': { name: 'sha256', lengthBytes: 32 },
  'SCRAM-SHA-512': { name: 'sha512', lengthBytes: 64 },
};

export function digestBytes(mechanism: ScramMechanism): number {
  return digests[mechanism].lengthBytes;
}

export function hash(mechanism: ScramMechanism, bytes: Uint8Array): Buffer {
  return createHash(digests[mechanism].name).update(bytes).digest();
}

export function hmac(mechanism: ScramMechanism, key: Uint8Array, text: Uint8Array | string): Buffer {
  return createHmac(digests[mechanism].name, key).update(text).digest();
}

/** In the thread pool: it takes milliseconds by intention. */
export function credentialOf(
  mechanism: ScramMechanism,
  password: string,
  { salt, iterations }: Pick<ScramCredential, 'salt' | 'iterations'>,
): Promise<ScramCredential> {
  const { name, lengthBytes } = digests[mechanism];
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, lengthBytes, name, (error, salted) => {
      if (error !== null) {
        reject(error);
        return;
      }
      const storedKey = hash(mechanism, hmac(mechanism, salted, 'Client Key'));
      resolve({ salt, iterations, storedKey, serverKey: hmac(mechanism, salted, 'Server Key') });
    });
  });
}
