import { type Infer, bytes, int16, int32, int64, int8, list, message, string } from '../schema.ts';

/** Names the mechanism of authentication; its messages follow in SaslAuthenticate from version 1 on (KIP-43, KIP-152). */
export const SaslHandshakeRequest = message(
  'SaslHandshakeRequest',
  { versions: '0-1', flexible: 'none' },
  {
    mechanism: string('0+'),
  },
);
export type SaslHandshakeRequest = Infer<typeof SaslHandshakeRequest>;

/** The mechanisms that a broker has. */
export const SaslHandshakeResponse = message(
  'SaslHandshakeResponse',
  { versions: '0-1', flexible: 'none' },
  {
    errorCode: int16('0+'),
    mechanisms: list('0+', string),
  },
);
export type SaslHandshakeResponse = Infer<typeof SaslHandshakeResponse>;

/** A client's message of its mechanism (KIP-152). */
export const SaslAuthenticateRequest = message(
  'SaslAuthenticateRequest',
  { versions: '0-2', flexible: '2+' },
  {
    authBytes: bytes('0+'),
  },
);
export type SaslAuthenticateRequest = Infer<typeof SaslAuthenticateRequest>;

/** The broker's message of the mechanism, and for how long the session lives (KIP-368). */
export const SaslAuthenticateResponse = message(
  'SaslAuthenticateResponse',
  { versions: '0-2', flexible: '2+' },
  {
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    authBytes: bytes('0+'),
    sessionLifetimeMs: int64('1+', { ignorable: true }),
  },
);
export type SaslAuthenticateResponse = Infer<typeof SaslAuthenticateResponse>;

/** Asks which SCRAM credentials users have; null means all users (KIP-554). */
export const DescribeUserScramCredentialsRequest = message(
  'DescribeUserScramCredentialsRequest',
  { versions: '0', flexible: '0+' },
  {
    users: list(
      '0+',
      { nullable: '0+' },
      {
        name: string('0+'),
      },
    ),
  },
);
export type DescribeUserScramCredentialsRequest = Infer<typeof DescribeUserScramCredentialsRequest>;

/** Mechanisms and iterations, never the keys. */
export const DescribeUserScramCredentialsResponse = message(
  'DescribeUserScramCredentialsResponse',
  { versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    results: list('0+', {
      user: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      credentialInfos: list('0+', {
        mechanism: int8('0+'),
        iterations: int32('0+'),
      }),
    }),
  },
);
export type DescribeUserScramCredentialsResponse = Infer<typeof DescribeUserScramCredentialsResponse>;

/** Deletes and sets SCRAM credentials; the client has salted the password (KIP-554). */
export const AlterUserScramCredentialsRequest = message(
  'AlterUserScramCredentialsRequest',
  { versions: '0', flexible: '0+' },
  {
    deletions: list('0+', {
      name: string('0+'),
      mechanism: int8('0+'),
    }),
    upsertions: list('0+', {
      name: string('0+'),
      mechanism: int8('0+'),
      iterations: int32('0+'),
      salt: bytes('0+'),
      saltedPassword: bytes('0+'),
    }),
  },
);
export type AlterUserScramCredentialsRequest = Infer<typeof AlterUserScramCredentialsRequest>;

/** How it went, by user. */
export const AlterUserScramCredentialsResponse = message(
  'AlterUserScramCredentialsResponse',
  { versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32('0+'),
    results: list('0+', {
      user: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
    }),
  },
);
export type AlterUserScramCredentialsResponse = Infer<typeof AlterUserScramCredentialsResponse>;
