import { type Address } from '../../config/address.ts';

export const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type SaslMechanism = (typeof saslMechanisms)[number];

/** Who logs in, and how. */
export interface SaslUser {
  readonly mechanism: SaslMechanism;
  readonly name: string;
  readonly password: string;
}

/** What is shown to brokers, and who vouches for them: nobody but the authorities of the system unless given. */
export interface ClientTls {
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

export interface KafkaClientOptions {
  /** Brokers to ask first: who all of them are, they say. */
  readonly bootstrap: readonly Address[];
  /** Undefined: in the clear. */
  readonly tls?: ClientTls | undefined;
  readonly sasl?: SaslUser | undefined;
  readonly clientId: string;
  /** For a call with all of its attempts, and for each attempt no more than what is left of it. */
  readonly timeoutMs: number;
}

/** A broker that answers with more is not listened to any longer. */
export const responseBytesMax = 256 * 1_048_576;
/** Requests that wait for their answers on one connection. */
export const inFlightMax = 64;
