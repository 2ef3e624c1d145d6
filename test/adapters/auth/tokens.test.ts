import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';

import { identify } from '../../../adapters/auth/identify.ts';
import { JwtKeys } from '../../../adapters/auth/jwt.ts';
import { JwtTokens, SimpleTokens } from '../../../adapters/auth/token-provider.ts';
import { credentialKinds, invalidCredential } from '../../../core/chainfire/auth/protocol.ts';

const secret = Buffer.alloc(32, 7);
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const privatePem = Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }));
const publicPem = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));
const claims = { username: 'ann', revision: 3, exp: 1_000 };

test.each([
  ['HS256', new JwtKeys('HS256', secret), new JwtKeys('HS256', secret)],
  ['RS256', new JwtKeys('RS256', privatePem), new JwtKeys('RS256', publicPem)],
] as const)('%s: what was signed is verified until its time is over', (_, signer, verifier) => {
  const token = signer.sign(claims);
  expect(verifier.verify(token, 999)).toEqual(claims);
  expect(verifier.verify(token, 1_000)).toBeUndefined();
  const [head, body, signature] = token.split('.');
  const other = Buffer.from(JSON.stringify({ ...claims, username: 'root' })).toString('base64url');
  for (const bad of ['', 'a.b', `${head}.${other}.${signature}`, `${head}.${body}.`, `${token}.x`]) {
    expect(verifier.verify(bad, 999)).toBeUndefined();
  }
});

test('a token does not choose how it is verified: no method, and a public key as a secret, prove nothing (RFC 8725 §2.1)', () => {
  const verifier = new JwtKeys('RS256', publicPem);
  const [, body] = verifier.canSign ? [] : new JwtKeys('RS256', privatePem).sign(claims).split('.');
  const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
  expect(verifier.verify(`${none}.${body ?? ''}.`, 999)).toBeUndefined();
  expect(verifier.verify(new JwtKeys('HS256', publicPem).sign(claims), 999)).toBeUndefined();
});

test('keys that are too weak or of another kind are refused', () => {
  expect(() => new JwtKeys('HS256', Buffer.alloc(31))).toThrow('32 are the least');
  const { privateKey: curve } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = Buffer.from(curve.export({ type: 'pkcs8', format: 'pem' }));
  expect(() => new JwtKeys('RS256', pem)).toThrow('needs an RSA key');
});

test('members learn of a simple token by its digest, which is not the token', () => {
  const tokens = new SimpleTokens();
  const { token, digest } = tokens.issue();
  expect(digest).not.toContain(token);
  expect(tokens.credentialOf(token)).toEqual({ kind: credentialKinds.token, name: digest, authRevision: 0 });
});

test('a token stands above a certificate, and a certificate counts only where it was asked for', () => {
  const tokens = new JwtTokens(new JwtKeys('HS256', secret), 60);
  const token = tokens.issue('ann', 3)?.token ?? '';
  const with_ = (metadata: Readonly<Record<string, string>>, certificateName?: string) => ({
    metadata: (name: string) => metadata[name],
    certificateName,
  });
  const user = (name: string, authRevision: number) => ({ kind: credentialKinds.user, name, authRevision });
  const trusting = { tokens, trustsCertificates: true };
  expect(identify(with_({ token }, 'bob'), trusting)).toEqual(user('ann', 3));
  expect(identify(with_({ authorization: `Bearer ${token}` }), trusting)).toEqual(user('ann', 3));
  expect(identify(with_({ token: 'x' }, 'bob'), trusting)).toEqual(invalidCredential);
  expect(identify(with_({}, 'bob'), trusting)).toEqual(user('bob', 0));
  expect(identify(with_({}, 'bob'), { tokens, trustsCertificates: false })).toBeUndefined();
  expect(identify(with_({}), trusting)).toBeUndefined();
});
