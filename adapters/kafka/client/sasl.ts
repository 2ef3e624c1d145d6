import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

import { KafkaClientError } from './errors.ts';
import { type SaslUser } from './options.ts';

/** A client's side of a mechanism: what it sends next, given what the broker said; undefined: it is satisfied. */
export interface ClientExchange {
  first(): Uint8Array;
  next(token: Uint8Array): Promise<Uint8Array | undefined>;
}

const derive = promisify(pbkdf2);
const nonceBytes = 24;
/** A broker that asks for more is out to keep its clients busy. */
const iterationsMax = 1_000_000;
/** Fewer are as good as none (RFC 7677). */
const iterationsMin = 4_096;

export function exchangeOf(user: SaslUser): ClientExchange {
  return user.mechanism === 'PLAIN' ? new PlainClient(user) : new ScramClient(user);
}

/** Name and password in one message (RFC 4616). */
class PlainClient implements ClientExchange {
  readonly #user: SaslUser;

  constructor(user: SaslUser) {
    this.#user = user;
  }

  first(): Uint8Array {
    return Buffer.from(`\0${this.#user.name}\0${this.#user.password}`);
  }

  next(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

/** The client's side of SCRAM without channel binding (RFC 5802): the broker proves that it knows the password, too. */
export class ScramClient implements ClientExchange {
  readonly #user: SaslUser;
  readonly #hash: 'sha256' | 'sha512';
  readonly #nonce: string;
  /** What the broker must sign in the end; set when the proof has been sent. */
  #signature: Buffer | undefined;

  /** @param nonce random; given by tests that compare with an exchange in print */
  constructor(user: SaslUser, nonce = randomBytes(nonceBytes).toString('base64url')) {
    this.#user = user;
    this.#hash = user.mechanism === 'SCRAM-SHA-512' ? 'sha512' : 'sha256';
    this.#nonce = nonce;
  }

  first(): Uint8Array {
    return Buffer.from(`n,,${this.#bare}`);
  }

  async next(token: Uint8Array): Promise<Uint8Array | undefined> {
    const text = Buffer.from(token).toString('utf8');
    if (this.#signature !== undefined) {
      this.#checkSignature(text, this.#signature);
      return undefined;
    }
    const match = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=([0-9]{1,9})$/.exec(text);
    const [, nonce = '', salt = '', count = ''] = match ?? [];
    const iterations = Number(count);
    if (match === null || !nonce.startsWith(this.#nonce) || nonce === this.#nonce) {
      throw failed('the broker answered with no SCRAM challenge');
    }
    if (iterations < iterationsMin || iterations > iterationsMax) {
      throw failed(
        `the broker asks for ${iterations} iterations: ${iterationsMin} to ${iterationsMax} are done`,
      );
    }
    const lengthBytes = this.#hash === 'sha512' ? 64 : 32;
    const salted = await derive(
      this.#user.password,
      Buffer.from(salt, 'base64'),
      iterations,
      lengthBytes,
      this.#hash,
    );
    const withoutProof = `c=biws,r=${nonce}`;
    const signed = `${this.#bare},${text},${withoutProof}`;
    const clientKey = this.#hmac(salted, 'Client Key');
    const signature = this.#hmac(createHash(this.#hash).update(clientKey).digest(), signed);
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] as number)));
    this.#signature = this.#hmac(this.#hmac(salted, 'Server Key'), signed);
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  get #bare(): string {
    const name = this.#user.name.replaceAll('=', '=3D').replaceAll(',', '=2C');
    return `n=${name},r=${this.#nonce}`;
  }

  #checkSignature(text: string, expected: Buffer): void {
    const given = Buffer.from(/^v=([A-Za-z0-9+/=]+)$/.exec(text)?.[1] ?? '', 'base64');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw failed('the broker does not know the password that it asked for: it is not whom it claims to be');
    }
  }

  #hmac(key: Uint8Array, text: string): Buffer {
    return createHmac(this.#hash, key).update(text).digest();
  }
}

function failed(message: string): KafkaClientError {
  return new KafkaClientError(message, 'failed');
}
