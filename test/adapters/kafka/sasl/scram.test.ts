import { pbkdf2Sync } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { type ScramCredential } from '../../../../core/chronik/broker-view.ts';
import { credentialOf, type Credentials, hmac } from '../../../../adapters/kafka/sasl/credentials.ts';
import { ScramExchange } from '../../../../adapters/kafka/sasl/scram.ts';
import { type SaslStep } from '../../../../adapters/kafka/sasl/step.ts';

/** The exchange in print: RFC 7677, section 3. */
const printed = {
  ownNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};
const pencil = await credentialOf('SCRAM-SHA-256', 'pencil', {
  salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
  iterations: 4096,
});

function users(known: Readonly<Record<string, ScramCredential>>): Credentials {
  return {
    scram: (user, mechanism) =>
      mechanism === 'SCRAM-SHA-256' && Object.hasOwn(known, user) ? known[user] : undefined,
  };
}

function exchange(): ScramExchange {
  return new ScramExchange('SCRAM-SHA-256', users({ user: pencil, 'a,b=c': pencil }), printed.ownNonce);
}

function text(step: SaslStep): string {
  return step.kind === 'refused' ? step.reason : Buffer.from(step.token).toString();
}

describe('SCRAM', () => {
  test('the exchange in print goes as it is printed (RFC 7677, section 3)', async () => {
    const scram = exchange();
    expect(text(await scram.next(Buffer.from(printed.clientFirst)))).toBe(printed.serverFirst);
    const last = await scram.next(Buffer.from(printed.clientFinal));
    expect(last).toMatchObject({ kind: 'authenticated', user: 'user' });
    expect(text(last)).toBe(printed.serverFinal);
  });

  test('a proof of another password is refused', async () => {
    const scram = exchange();
    await scram.next(Buffer.from(printed.clientFirst));
    const other = printed.clientFinal.replace(/p=.*/, `p=${Buffer.alloc(32, 7).toString('base64')}`);
    expect(await scram.next(Buffer.from(other))).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(/invalid credentials/) as string,
    });
  });

  test('a user who is not known is challenged like any other, always with one salt, and refused in the same words', async () => {
    const challenge = async (): Promise<string> =>
      text(await exchange().next(Buffer.from('n,,n=nobody,r=rOprNGfwEbeRWgbNEkqO')));
    const first = await challenge();
    expect(first).toMatch(/^r=rOprNGfwEbeRWgbNEkqO.*,s=[A-Za-z0-9+/]+=*,i=4096$/);
    expect(await challenge()).toBe(first);
    const scram = exchange();
    await scram.next(Buffer.from('n,,n=nobody,r=rOprNGfwEbeRWgbNEkqO'));
    expect(text(await scram.next(Buffer.from(printed.clientFinal)))).toMatch(/invalid credentials/);
  });

  test('names are written with =2C and =3D (RFC 5802, section 5.1)', async () => {
    const scram = exchange();
    const step = await scram.next(Buffer.from('n,,n=a=2Cb=3Dc,r=rOprNGfwEbeRWgbNEkqO'));
    expect(text(step)).toContain('s=W22ZaJ0SNY7soEsUEjb6gQ==');
  });

  test.each([
    ['channel binding', 'p=tls-unique,,n=user,r=abc', /Channel binding is not supported/],
    ['another authorization identity', 'n,a=root,n=user,r=abc', /authorization identity/],
    ['a delegation token', 'n,,n=user,r=abc,tokenauth=true', /Delegation tokens/],
    ['an escape that is none', 'n,,n=us=er,r=abc', /user name/],
    ['something else altogether', 'GET / HTTP/1.1', /client first message/],
    ['nothing', '', /client first message/],
  ])('%s is refused', async (_, first, reason) => {
    expect(text(await exchange().next(Buffer.from(first)))).toMatch(reason);
  });

  test.each([
    ['another nonce', (final: string) => final.replace('r=rOpr', 'r=xOpr'), /client nonce/],
    ['another binding', (final: string) => final.replace('c=biws', 'c=eSws'), /channel binding/],
    ['a proof of another length', (final: string) => final.replace(/p=.*/, 'p=AAAA'), /invalid credentials/],
    ['no proof', (final: string) => final.replace(/,p=.*/, ''), /client final message/],
  ])('%s in the last message is refused', async (_, change, reason) => {
    const scram = exchange();
    await scram.next(Buffer.from(printed.clientFirst));
    expect(text(await scram.next(Buffer.from(change(printed.clientFinal))))).toMatch(reason);
  });

  test('a nonce that its client has put before the whole once more is taken: librdkafka before 2.6.1 does so', async () => {
    const scram = exchange();
    await scram.next(Buffer.from(printed.clientFirst));
    const withoutProof = `c=biws,r=rOprNGfwEbeRWgbNEkqO${printed.serverFirst.slice(2, printed.serverFirst.indexOf(','))}`;
    const signed = `n=user,r=rOprNGfwEbeRWgbNEkqO,${printed.serverFirst},${withoutProof}`;
    const salted = pbkdf2Sync('pencil', pencil.salt, 4_096, 32, 'sha256');
    const clientKey = hmac('SCRAM-SHA-256', salted, 'Client Key');
    const signature = hmac('SCRAM-SHA-256', pencil.storedKey, signed);
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString('base64');
    expect(await scram.next(Buffer.from(`${withoutProof},p=${proof}`))).toMatchObject({ user: 'user' });
  });

  test('an exchange is over after its last message', async () => {
    const scram = exchange();
    await scram.next(Buffer.from('nonsense'));
    expect(text(await scram.next(Buffer.from(printed.clientFirst)))).toMatch(/over/);
  });
});
