import { present } from '../../core/base/assert.ts';
import { type ResponseOf } from '../../core/wire/kafka/apis.ts';
import { kafkaErrors } from '../../core/wire/kafka/error-codes.ts';
import { SaslAuthenticateResponse, SaslHandshakeResponse } from '../../core/wire/kafka/messages/security.ts';
import { type Credentials } from './sasl/credentials.ts';
import { isSaslMechanism, openExchange, saslMechanisms } from './sasl/exchange.ts';
import { type SaslExchange } from './sasl/step.ts';

/**
 * `none`: nobody need log in here. `handshake`: the mechanism is still to be named. `exchange`: its messages come in
 * SaslAuthenticate requests; `bare`: they come in frames of their own (KIP-43, before KIP-152). `done`: the client is known.
 */
export type AuthenticationState = 'none' | 'handshake' | 'exchange' | 'bare' | 'done' | 'failed';

/** What came of one message of a mechanism. */
export interface AuthenticationStep {
  readonly response: ResponseOf<'saslAuthenticate'>;
  /** Set when it was refused: once the client has been told, the connection ends. */
  readonly refusal: string | undefined;
}

/**
 * How a client of a SASL listener comes to be known. Before it is, nothing else of it is read; where a connection asks for
 * nobody, both requests get ILLEGAL_SASL_STATE.
 */
export class Authentication {
  readonly #credentials: Credentials;
  #state: AuthenticationState;
  #exchange: SaslExchange | undefined;
  #mechanism = '';
  #user: string | undefined;

  constructor(credentials: Credentials, isAsked: boolean) {
    this.#credentials = credentials;
    this.#state = isAsked ? 'handshake' : 'none';
  }

  get state(): AuthenticationState {
    return this.#state;
  }

  /** Requests of all kinds are read. */
  get isOver(): boolean {
    return this.#state === 'none' || this.#state === 'done';
  }

  /** As the client has named it. */
  get mechanism(): string {
    return this.#mechanism;
  }

  get user(): string | undefined {
    return this.#user;
  }

  /** An answer with an error is the last one, unless the client is known already. */
  handshake(mechanism: string, version: number): ResponseOf<'saslHandshake'> {
    if (this.#state !== 'handshake') {
      if (!this.isOver) this.#state = 'failed';
      return SaslHandshakeResponse.create({ errorCode: kafkaErrors.ILLEGAL_SASL_STATE });
    }
    this.#mechanism = mechanism;
    const mechanisms = saslMechanisms;
    if (!isSaslMechanism(mechanism)) {
      this.#state = 'failed';
      return SaslHandshakeResponse.create({ errorCode: kafkaErrors.UNSUPPORTED_SASL_MECHANISM, mechanisms });
    }
    this.#exchange = openExchange(mechanism, this.#credentials);
    this.#state = version === 0 ? 'bare' : 'exchange';
    return SaslHandshakeResponse.create({ mechanisms });
  }

  /** One message of the mechanism; the next may come once this one has been answered. */
  async authenticate(token: Uint8Array): Promise<AuthenticationStep> {
    if (this.#state !== 'exchange' && this.#state !== 'bare') {
      const refusal = this.isOver ? undefined : 'SaslAuthenticate came before SaslHandshake';
      if (refusal !== undefined) this.#state = 'failed';
      const errorCode = kafkaErrors.ILLEGAL_SASL_STATE;
      return { response: SaslAuthenticateResponse.create({ errorCode, errorMessage: refusal }), refusal };
    }
    const step = await present(this.#exchange, 'a named mechanism has an exchange').next(token);
    switch (step.kind) {
      case 'continued':
        return answered(step.token);
      case 'authenticated':
        this.#state = 'done';
        this.#user = step.user;
        return answered(step.token);
      case 'refused': {
        this.#state = 'failed';
        const errorCode = kafkaErrors.SASL_AUTHENTICATION_FAILED;
        const response = SaslAuthenticateResponse.create({ errorCode, errorMessage: step.reason });
        return { response, refusal: step.reason };
      }
    }
  }
}

function answered(authBytes: Uint8Array): AuthenticationStep {
  return { response: SaslAuthenticateResponse.create({ authBytes }), refusal: undefined };
}
