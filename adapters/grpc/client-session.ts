import { type Client, type ServiceError } from '@grpc/grpc-js';

import { AuthenticateRequest, AuthenticateResponse } from '../../core/chainfire/api/auth.ts';
import { type MemberRefusalCode } from '../../core/chainfire/member-protocol.ts';
import { bufferOf, bytesOf } from './buffers.ts';
import { refusalOfStatus, refusalTrailer } from './errors.ts';

/** As whom a client speaks. */
export interface ClientUser {
  readonly name: string;
  readonly password: string;
}

/** A token, `undefined` where the cluster wants none, or why there is none. */
export type TokenOutcome = { readonly token: string | undefined } | { readonly error: ServiceError };

/** With these a member says that a token is not, or no longer, worth anything; nothing was done. */
const stale: ReadonlySet<MemberRefusalCode> = new Set([
  'INVALID_AUTH_TOKEN',
  'AUTH_REVISION_OLD',
  'USER_NAME_EMPTY',
]);

/** Shows its password once, and again when a member does not take its token any more. */
export class ClientSession {
  readonly #user: ClientUser;
  readonly #timeoutMs: number;
  #token: Promise<TokenOutcome> | undefined;

  constructor(user: ClientUser, timeoutMs: number) {
    this.#user = user;
    this.#timeoutMs = timeoutMs;
  }

  static isStale(code: MemberRefusalCode): boolean {
    return stale.has(code);
  }

  /** Never rejects. */
  token(channel: Client): Promise<TokenOutcome> {
    if (this.#token !== undefined) return this.#token;
    const token = this.#authenticate(channel);
    this.#token = token;
    void token.then((outcome) => {
      if ('error' in outcome) this.forget(token);
    });
    return token;
  }

  /** The one that was given is not taken; one that has come since is kept. */
  forget(token: Promise<TokenOutcome>): void {
    if (this.#token === token) this.#token = undefined;
  }

  #authenticate(channel: Client): Promise<TokenOutcome> {
    const { name, password } = this.#user;
    return new Promise((resolve) => {
      channel.makeUnaryRequest(
        '/etcdserverpb.Auth/Authenticate',
        bufferOf,
        bytesOf,
        AuthenticateRequest.encode({ name, password }),
        { deadline: Date.now() + this.#timeoutMs },
        (error, bytes) => {
          if (error === null)
            resolve({ token: AuthenticateResponse.decode(bytes ?? new Uint8Array(0)).token });
          else if (refusalIn(error) === 'AUTH_NOT_ENABLED') resolve({ token: undefined });
          else resolve({ error });
        },
      );
    });
  }
}

function refusalIn(error: ServiceError): MemberRefusalCode | undefined {
  return refusalOfStatus(error.details, error.metadata.get(refusalTrailer)[0]?.toString())?.code;
}
