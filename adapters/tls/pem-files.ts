import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** A certificate with its key, in PEM; the certificate may bring those between it and its authority. */
export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** What one side of a connection shows, and who may vouch for the other; undefined: nobody need. */
export interface TlsMaterial extends KeyPair {
  readonly ca: Buffer | undefined;
}

/** @throws Error naming the file that cannot be read, is none, or does not fit the other */
export function readKeyPair(certFile: string, keyFile: string): KeyPair {
  const cert = readCertificates(certFile);
  const key = readFile(keyFile);
  try {
    createPrivateKey(key);
  } catch (error) {
    throw new Error(`${keyFile} is no private key in PEM: ${(error as Error).message}`, { cause: error });
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new Error(`the key in ${keyFile} does not fit the certificate in ${certFile}`, { cause: error });
  }
  return { cert, key };
}

/** @throws Error naming the file that cannot be read or holds no certificate */
export function readCertificates(file: string): Buffer {
  const pem = readFile(file);
  try {
    // Of several the first; the others are looked at when they are needed.
    new X509Certificate(pem);
  } catch (error) {
    throw new Error(`${file} is no certificate in PEM: ${(error as Error).message}`, { cause: error });
  }
  return pem;
}

function readFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
}
