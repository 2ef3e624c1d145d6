import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';

export const jwtMethods = ['HS256', 'RS256'] as const;
export type JwtMethod = (typeof jwtMethods)[number];

/** What a signed token says; the names are etcd's. */
export interface JwtClaims {
  readonly username: string;
  /** The auth revision that the user was known under. */
  readonly revision: number;
  /** Wall-clock seconds. */
  readonly exp: number;
}

/** HMAC by a key shorter than its hash is weaker than the hash. */
const secretBytesMin = 32;
const tokenCharsMax = 8_192;

interface Keys {
  readonly signs: ((input: Buffer) => Buffer) | undefined;
  readonly verifies: (input: Buffer, signature: Buffer) => boolean;
}

/** Signed tokens (RFC 7519), by one method and one key: what a token's own header says of its method is compared, never followed. */
export class JwtKeys {
  readonly #method: JwtMethod;
  readonly #keys: Keys;

  /**
   * @param key the shared secret, or a PEM with the private key; one with the public key can only verify
   * @throws Error saying what the key must be
   */
  constructor(method: JwtMethod, key: Buffer) {
    this.#method = method;
    this.#keys = method === 'HS256' ? secretKeys(key) : rsaKeys(key);
  }

  get canSign(): boolean {
    return this.#keys.signs !== undefined;
  }

  /** @throws Error where there is only a public key */
  sign(claims: JwtClaims): string {
    if (this.#keys.signs === undefined) throw new Error('a public key verifies tokens only');
    const input = `${encoded({ alg: this.#method, typ: 'JWT' })}.${encoded(claims)}`;
    return `${input}.${this.#keys.signs(Buffer.from(input)).toString('base64url')}`;
  }

  /** @param nowSeconds wall-clock time; undefined is returned for whatever proves nothing */
  verify(token: string, nowSeconds: number): JwtClaims | undefined {
    if (token.length > tokenCharsMax) return undefined;
    const [head, body, signature, ...more] = token.split('.');
    if (head === undefined || body === undefined || signature === undefined || more.length > 0)
      return undefined;
    if (decoded(head)?.['alg'] !== this.#method) return undefined;
    const isSigned = this.#keys.verifies(Buffer.from(`${head}.${body}`), Buffer.from(signature, 'base64url'));
    if (!isSigned) return undefined;
    const { username, revision, exp } = decoded(body) ?? {};
    if (typeof username !== 'string' || username === '') return undefined;
    if (typeof revision !== 'number' || !Number.isSafeInteger(revision) || revision < 1) return undefined;
    if (typeof exp !== 'number' || exp <= nowSeconds) return undefined;
    return { username, revision, exp };
  }
}

function secretKeys(key: Buffer): Keys {
  if (key.length < secretBytesMin) {
    throw new Error(`the secret of HS256 has ${key.length} bytes; ${secretBytesMin} are the least`);
  }
  const signs = (input: Buffer): Buffer => createHmac('sha256', key).update(input).digest();
  const verifies = (input: Buffer, signature: Buffer): boolean => {
    const own = signs(input);
    return own.length === signature.length && timingSafeEqual(own, signature);
  };
  return { signs, verifies };
}

function rsaKeys(pem: Buffer): Keys {
  const isPrivate = pem.includes('PRIVATE KEY');
  const privateKey = isPrivate ? createPrivateKey(pem) : undefined;
  const publicKey = createPublicKey(pem);
  if (publicKey.asymmetricKeyType !== 'rsa') {
    throw new Error(
      `RS256 needs an RSA key; this one is of the type ${publicKey.asymmetricKeyType ?? 'unknown'}`,
    );
  }
  return {
    signs: privateKey && ((input) => sign('sha256', input, privateKey)),
    verifies: (input, signature) => verify('sha256', input, publicKey satisfies KeyObject, signature),
  };
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decoded(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
