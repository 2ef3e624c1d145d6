import { describe, expect, test } from 'vitest';

import { ScramClient } from '../../../../adapters/kafka/client/sasl.ts';

/** The exchange in print: RFC 7677, section 3. */
const user = { mechanism: 'SCRAM-SHA-256', name: 'user', password: 'pencil' } as const;
const nonce = 'rOprNGfwEbeRWgbNEkqO';
const serverFirst = `r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
const serverFinal = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=';

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

describe('the client of SCRAM', () => {
  test('goes through the exchange in print as it is printed (RFC 7677, section 3)', async () => {
    const client = new ScramClient(user, nonce);
    expect(text(client.first())).toBe(`n,,n=user,r=${nonce}`);
    expect(text(await client.next(Buffer.from(serverFirst)))).toBe(
      `c=biws,r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
    );
    expect(await client.next(Buffer.from(serverFinal))).toBeUndefined();
  });

  test('does not believe a broker that cannot sign', async () => {
    for (const signature of [`v=${Buffer.alloc(32).toString('base64')}`, 'v=', 'e=other-error', '']) {
      const client = new ScramClient(user, nonce);
      client.first();
      await client.next(Buffer.from(serverFirst));
      await expect(client.next(Buffer.from(signature))).rejects.toThrow(/is not whom it claims to be/);
    }
  });

  test.each([
    ['another nonce', 'r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096', /no SCRAM challenge/],
    ['only its own nonce', `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`, /no SCRAM challenge/],
    ['something else', 'hello', /no SCRAM challenge/],
    ['few iterations', serverFirst.replace('4096', '1'), /asks for 1 iterations: 4096 to 1000000/],
    ['endless iterations', serverFirst.replace('4096', '999999999'), /asks for 999999999 iterations/],
  ])('refuses a challenge with %s', async (_, challenge, message) => {
    const client = new ScramClient(user, nonce);
    client.first();
    await expect(client.next(Buffer.from(challenge))).rejects.toThrow(message);
  });
});
