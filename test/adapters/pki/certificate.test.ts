import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { Authority } from '../../../adapters/pki/authority.ts';
import { type CertificateRequest, issue, issueAuthority } from '../../../adapters/pki/certificate.ts';
import { integer, objectId, time } from '../../../adapters/pki/der.ts';

const request: CertificateRequest = {
  commonName: 'a',
  names: { hosts: ['127.0.0.1', '::1', 'fd00::12:0:ab', 'a.cloud.lan'], uris: ['photon://chainfire/a'] },
  purposes: ['server', 'client'],
  days: 30,
};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-pki-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('an authority signs itself and others; nothing that it has signed can sign', () => {
  const authority = issueAuthority('cloud', 3_650);
  const ca = new X509Certificate(authority.cert);
  expect(ca).toMatchObject({ ca: true, subject: 'CN=cloud', issuer: 'CN=cloud' });
  expect(ca.verify(ca.publicKey)).toBe(true);
  const issued = issue(request, { commonName: 'cloud', key: createPrivateKey(authority.key) });
  const certificate = new X509Certificate(issued.cert);
  expect(certificate).toMatchObject({ ca: false, subject: 'CN=a', issuer: 'CN=cloud' });
  expect(certificate.checkIssued(ca) && certificate.verify(ca.publicKey)).toBe(true);
  expect(certificate.verify(new X509Certificate(issueAuthority('cloud', 1).cert).publicKey)).toBe(false);
  expect(certificate.checkPrivateKey(createPrivateKey(issued.key))).toBe(true);
});

test('names are found under what they are', () => {
  const authority = issueAuthority('cloud', 3_650);
  const { cert } = issue(request, { commonName: 'cloud', key: createPrivateKey(authority.key) });
  const certificate = new X509Certificate(cert);
  for (const address of ['127.0.0.1', '::1', 'fd00::12:0:ab'])
    expect(certificate.checkIP(address)).toBe(address);
  expect(certificate.checkIP('127.0.0.2')).toBeUndefined();
  expect(certificate.checkHost('a.cloud.lan')).toBe('a.cloud.lan');
  expect(certificate.subjectAltName).toContain('URI:photon://chainfire/a');
  const days = (certificate.validToDate.getTime() - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(29.9);
  expect(days).toBeLessThanOrEqual(30);
  expect(certificate.validFromDate.getTime()).toBeLessThan(Date.now());
});

test('DER as X.690 has it: shortest numbers, never negative; object ids; both forms of time', () => {
  expect(integer(Buffer.from('000080', 'hex')).toString('hex')).toBe('02020080');
  expect(integer(Buffer.from('0000', 'hex')).toString('hex')).toBe('020100');
  expect(objectId('1.2.840.10045.4.3.2').toString('hex')).toBe('06082a8648ce3d040302');
  expect(time(new Date('2049-12-31T23:59:59Z')).toString('latin1')).toBe('\x17\x0d491231235959Z');
  expect(time(new Date('2050-01-01T00:00:00Z')).toString('latin1')).toBe('\x18\x0f20500101000000Z');
});

test('what is there is not written over, and keys are for their owner', () => {
  const authority = Authority.create(dir, 'cloud', 10);
  const { certFile, keyFile } = authority.issue('a', request);
  expect([statSync(keyFile).mode & 0o777, statSync(join(dir, 'ca.key')).mode & 0o777]).toEqual([
    0o600, 0o600,
  ]);
  const before = readFileSync(certFile, 'utf8');
  expect(() => authority.issue('a', request)).toThrow(
    `${certFile} is there already, and is not written over`,
  );
  expect(() => Authority.create(dir, 'cloud', 10)).toThrow('ca.crt is there already');
  expect(readFileSync(certFile, 'utf8')).toBe(before);
  expect(() => Authority.open(join(dir, 'nowhere'))).toThrow('there is no authority in');
  expect(existsSync(`${certFile}.new`)).toBe(false);
});

test('what was issued is kept while it is good for long enough and for all of its names', () => {
  const authority = Authority.create(dir, 'cloud', 10);
  const { certFile } = authority.keepIssued('a', request, 10);
  const serial = (): string => new X509Certificate(readFileSync(certFile)).serialNumber;
  const first = serial();
  Authority.open(dir).keepIssued('a', request, 29);
  expect(serial()).toBe(first);
  authority.keepIssued('a', request, 31);
  const second = serial();
  expect(second).not.toBe(first);
  authority.keepIssued('a', { ...request, names: { hosts: ['b.cloud.lan'], uris: [] } }, 10);
  expect(serial()).not.toBe(second);
});
