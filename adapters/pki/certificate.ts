import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { isIP } from 'node:net';

import {
  bits,
  boolean,
  type Der,
  explicit,
  implicit,
  integer,
  objectId,
  octets,
  sequence,
  set,
  time,
  utf8,
} from './der.ts';

/** Names under which a certificate's owner is known, beside its common name. */
export interface SubjectNames {
  /** DNS names and IP addresses. */
  readonly hosts: readonly string[];
  readonly uris: readonly string[];
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly names: SubjectNames;
  readonly purposes: readonly ('server' | 'client')[];
  readonly days: number;
}

/** A certificate with its key, both in PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

/** Who signs: an authority's common name and key. */
export interface Issuer {
  readonly commonName: string;
  readonly key: KeyObject;
}

const dayMs = 86_400_000;
/** Clocks differ: what was issued just now is good there too. */
const backdatedMs = 3_600_000;
const serialBytes = 16;

const ecdsaWithSha256 = sequence(objectId('1.2.840.10045.4.3.2'));
const ids = {
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;
const purposeIds = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

/** A new authority, which signs itself. */
export function issueAuthority(commonName: string, days: number): Issued {
  const { privateKey, publicKey } = newKeys();
  const extensions = [
    extension(ids.basicConstraints, sequence(boolean(true)), 'critical'),
    // To sign certificates and lists of revoked ones.
    extension(ids.keyUsage, bits(Buffer.from([0b0000_0110]), 1), 'critical'),
    extension(ids.subjectKeyId, octets(keyIdOf(publicKey))),
  ];
  const cert = signed({ commonName, publicKey, extensions, days }, { commonName, key: privateKey });
  return { cert, key: pemOf(privateKey) };
}

/** A new key, and a certificate for it by this authority. */
export function issue(request: CertificateRequest, issuer: Issuer): Issued {
  const { privateKey, publicKey } = newKeys();
  const names = [
    ...request.names.hosts.map((host) =>
      isIP(host) === 0 ? implicit(2, latin1(host)) : implicit(7, addressBytes(host)),
    ),
    ...request.names.uris.map((uri) => implicit(6, latin1(uri))),
  ];
  const extensions = [
    extension(ids.basicConstraints, sequence(), 'critical'),
    // To sign handshakes.
    extension(ids.keyUsage, bits(Buffer.from([0b1000_0000]), 7), 'critical'),
    extension(
      ids.extendedKeyUsage,
      sequence(...request.purposes.map((purpose) => objectId(purposeIds[purpose]))),
    ),
    extension(ids.subjectKeyId, octets(keyIdOf(publicKey))),
    extension(ids.authorityKeyId, sequence(implicit(0, keyIdOf(createPublicKey(issuer.key))))),
    ...(names.length === 0 ? [] : [extension(ids.subjectAltName, sequence(...names))]),
  ];
  const { commonName, days } = request;
  return { cert: signed({ commonName, publicKey, extensions, days }, issuer), key: pemOf(privateKey) };
}

interface Content {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Der[];
  readonly days: number;
}

/** RFC 5280, section 4.1, version 3. */
function signed({ commonName, publicKey, extensions, days }: Content, issuer: Issuer): string {
  const nowMs = Date.now();
  const content = sequence(
    explicit(0, integer(Buffer.from([2]))),
    // Positive, and never 0.
    integer(Buffer.concat([Buffer.from([0x01]), randomBytes(serialBytes - 1)])),
    ecdsaWithSha256,
    nameOf(issuer.commonName),
    sequence(time(new Date(nowMs - backdatedMs)), time(new Date(nowMs + days * dayMs))),
    nameOf(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions)),
  );
  const signature = sign('sha256', content, issuer.key);
  return pem('CERTIFICATE', sequence(content, ecdsaWithSha256, bits(signature)));
}

function nameOf(commonName: string): Der {
  return sequence(set(sequence(objectId(ids.commonName), utf8(commonName))));
}

function extension(id: string, content: Der, critical?: 'critical'): Der {
  return sequence(objectId(id), ...(critical === undefined ? [] : [boolean(true)]), octets(content));
}

function newKeys(): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** RFC 7093, method 1: it need only be the same for the same key. */
function keyIdOf(publicKey: KeyObject): Buffer {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest().subarray(0, 20);
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes IPv6 without the forms that end in an IPv4 address.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string | undefined): string[] =>
    part === undefined || part === '' ? [] : part.split(':');
  const missing = 8 - groups(head).length - groups(tail).length;
  const all =
    tail === undefined
      ? groups(head)
      : [...groups(head), ...Array<string>(missing).fill('0'), ...groups(tail)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
