import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { hmac, scramKeys } from '../../../core/base/scram-keys.ts';
import { sha2 } from '../../../core/base/sha2.ts';

const kinds = ['sha256', 'sha512'] as const;
const anyBytes = fc.uint8Array({ maxLength: 300 });

describe.each(kinds)('%s', (kind) => {
  test('gives what another implementation gives (FIPS 180-4)', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(Buffer.from(sha2(kind, bytes))).toEqual(createHash(kind).update(bytes).digest());
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test.each([55, 56, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129])('pads %d bytes', (length) => {
    const bytes = new Uint8Array(length).fill(0x61);
    expect(Buffer.from(sha2(kind, bytes))).toEqual(createHash(kind).update(bytes).digest());
  });

  test('keys a hash, also with a key that is longer than a block (RFC 2104)', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (key, message) => {
        const expected = createHmac(kind, key).update(message).digest();
        expect(Buffer.from(hmac(kind, key, message))).toEqual(expected);
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  test('a server keeps of a password what proves it, and not the password (RFC 5802, section 3)', () => {
    const lengthBytes = kind === 'sha256' ? 32 : 64;
    const salted = pbkdf2Sync('pencil', 'salt', 4_096, lengthBytes, kind);
    const clientKey = createHmac(kind, salted).update('Client Key').digest();
    const { storedKey, serverKey } = scramKeys(kind, salted);
    expect(Buffer.from(storedKey)).toEqual(createHash(kind).update(clientKey).digest());
    expect(Buffer.from(serverKey)).toEqual(createHmac(kind, salted).update('Server Key').digest());
  });
});
