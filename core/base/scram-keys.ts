import { bytesFromLatin1, concatBytes } from './bytes.ts';
import { type Sha2, sha2, sha2Shapes } from './sha2.ts';

/** What a server keeps of a password (RFC 5802, section 3). */
export interface ScramKeys {
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** @param saltedPassword what the client has made of the password, the salt and the iterations */
export function scramKeys(kind: Sha2, saltedPassword: Uint8Array): ScramKeys {
  const clientKey = hmac(kind, saltedPassword, bytesFromLatin1('Client Key'));
  return {
    storedKey: sha2(kind, clientKey),
    serverKey: hmac(kind, saltedPassword, bytesFromLatin1('Server Key')),
  };
}

/** RFC 2104. */
export function hmac(kind: Sha2, key: Uint8Array, message: Uint8Array): Uint8Array {
  const { blockBytes } = sha2Shapes[kind];
  const short = key.length > blockBytes ? sha2(kind, key) : key;
  const inner = new Uint8Array(blockBytes).fill(0x36);
  const outer = new Uint8Array(blockBytes).fill(0x5c);
  short.forEach((byte, at) => {
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  });
  return sha2(kind, concatBytes([outer, sha2(kind, concatBytes([inner, message]))]));
}
