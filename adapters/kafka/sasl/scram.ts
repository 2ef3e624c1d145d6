import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

import { type ScramCredential, type ScramMechanism } from '../../../core/chronik/broker-view.ts';
import { type Credentials, digestBytes, hash, hmac, iterationsMin } from './credentials.ts';
import { type SaslExchange, type SaslStep } from './step.ts';

/** Of the client's first message what the proof is made over. */
interface FirstMessage {
  readonly header: string;
  readonly bare: string;
  readonly user: string;
  readonly nonce: string;
}

type ScramState =
  | { readonly kind: 'begins' }
  | {
      readonly kind: 'challenged';
      readonly first: FirstMessage;
      readonly nonce: string;
      readonly serverFirst: string;
      readonly credential: ScramCredential;
      /** False: the user does not exist, and is to learn no more than that something was wrong. */
      readonly known: boolean;
    }
  | { readonly kind: 'over' };

/** A nonce's random part. */
const nonceBytes = 24;
/** A process's own: a user who does not exist is shown the same salt each time, as one who does. */
const salting = randomBytes(32);
const credentialsRefused = 'Authentication failed during authentication due to invalid credentials';

/**
 * The server's side of SCRAM (RFC 5802) without channel binding:
 *
 *     client  n,,n=user,r=nonce
 *     server  r=nonce+ours,s=salt,i=iterations
 *     client  c=biws,r=nonce+ours,p=proof
 *     server  v=signature
 */
export class ScramExchange implements SaslExchange {
  readonly #mechanism: ScramMechanism;
  readonly #credentials: Credentials;
  readonly #ownNonce: string;
  #state: ScramState = { kind: 'begins' };

  /** @param ownNonce random; given by tests that compare with an exchange in print */
  constructor(
    mechanism: ScramMechanism,
    credentials: Credentials,
    ownNonce = randomBytes(nonceBytes).toString('base64url'),
  ) {
    this.#mechanism = mechanism;
    this.#credentials = credentials;
    this.#ownNonce = ownNonce;
  }

  next(token: Uint8Array): Promise<SaslStep> {
    const text = Buffer.from(token.buffer, token.byteOffset, token.byteLength).toString('utf8');
    const state = this.#state;
    this.#state = { kind: 'over' };
    switch (state.kind) {
      case 'begins':
        return Promise.resolve(this.#challenge(text));
      case 'challenged':
        return Promise.resolve(this.#verify(text, state));
      case 'over':
        return Promise.resolve(refusal('the SCRAM exchange is over'));
    }
  }

  #challenge(text: string): SaslStep {
    const first = parseFirst(text);
    if (typeof first === 'string') return refusal(first);
    const found = this.#credentials.scram(first.user, this.#mechanism);
    const credential = found ?? this.#nobody(first.user);
    const nonce = first.nonce + this.#ownNonce;
    const salt = Buffer.from(credential.salt).toString('base64');
    const serverFirst = `r=${nonce},s=${salt},i=${credential.iterations}`;
    this.#state = { kind: 'challenged', first, nonce, serverFirst, credential, known: found !== undefined };
    return { kind: 'continued', token: Buffer.from(serverFirst) };
  }

  #verify(text: string, state: Extract<ScramState, { kind: 'challenged' }>): SaslStep {
    const match = /^c=([A-Za-z0-9+/=]+),r=([^,]+)((?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/]+={0,2})$/.exec(text);
    if (match === null) return refusal('Invalid SCRAM client final message');
    const [, binding = '', nonce = '', , proofText = ''] = match;
    // librdkafka before 2.6.1 puts its own nonce before it once more; the proof is made over what it says all the same.
    if (!nonce.endsWith(state.nonce)) return refusal('Invalid client nonce in the final SCRAM message');
    if (binding !== Buffer.from(state.first.header).toString('base64')) {
      return refusal('Invalid channel binding in the final SCRAM message');
    }
    const { storedKey, serverKey } = state.credential;
    const proof = Buffer.from(proofText, 'base64');
    if (proof.length !== digestBytes(this.#mechanism)) return refusal(credentialsRefused);
    const withoutProof = text.slice(0, text.lastIndexOf(',p='));
    const signed = `${state.first.bare},${state.serverFirst},${withoutProof}`;
    const signature = hmac(this.#mechanism, storedKey, signed);
    const clientKey = proof.map((byte, at) => byte ^ (signature[at] ?? 0));
    const isRight = timingSafeEqual(hash(this.#mechanism, clientKey), storedKey);
    if (!state.known || !isRight) return refusal(credentialsRefused);
    const verifier = hmac(this.#mechanism, serverKey, signed).toString('base64');
    return { kind: 'authenticated', token: Buffer.from(`v=${verifier}`), user: state.first.user };
  }

  #nobody(user: string): ScramCredential {
    const salt = createHmac('sha256', salting).update(user).digest();
    const key = randomBytes(digestBytes(this.#mechanism));
    return { salt: salt.subarray(0, 24), iterations: iterationsMin, storedKey: key, serverKey: key };
  }
}

/** What is wrong, when it cannot be taken. */
function parseFirst(text: string): FirstMessage | string {
  const match =
    /^(([ny]|p=[A-Za-z0-9.-]+),(?:a=([^,]+))?,)(n=([^,]+),r=([^,]+)((?:,[A-Za-z]+=[^,]*)*))$/.exec(text);
  if (match === null) return 'Invalid SCRAM client first message';
  const [, header = '', binding = '', authorization, bare = '', name = '', nonce = '', extensions = ''] =
    match;
  if (binding.startsWith('p')) return 'Channel binding is not supported';
  const user = decodeName(name);
  if (user === undefined) return 'Invalid user name in the first SCRAM message';
  if (authorization !== undefined && decodeName(authorization) !== user) {
    return 'Authentication failed: the authorization identity is not the user';
  }
  if (extensions.includes(',tokenauth=true')) return 'Delegation tokens are not supported';
  return { header, bare, user, nonce };
}

/** `=2C` and `=3D` stand for a comma and an equals sign, and no other escape is legal. */
function decodeName(name: string): string | undefined {
  if (/=(?!2C|3D)/.test(name)) return undefined;
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function refusal(reason: string): SaslStep {
  return { kind: 'refused', reason };
}
