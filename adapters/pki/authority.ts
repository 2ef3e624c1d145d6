import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';

import { type CertificateRequest, issue, issueAuthority, type Issued, type Issuer } from './certificate.ts';

const dayMs = 86_400_000;

export interface PemFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A directory that holds an authority and what it has issued: `ca.crt`, `ca.key`, `NAME.crt`, `NAME.key`. */
export class Authority {
  readonly #dir: string;
  readonly #issuer: Issuer;

  private constructor(dir: string, issuer: Issuer) {
    this.#dir = dir;
    this.#issuer = issuer;
  }

  /** @throws Error when there is one already, or the directory cannot be written */
  static create(dir: string, commonName: string, days: number): Authority {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    keep(filesOf(dir, 'ca'), issueAuthority(commonName, days), 'new');
    return Authority.open(dir);
  }

  /** @throws Error when there is none, or it cannot be read */
  static open(dir: string): Authority {
    const { certFile, keyFile } = filesOf(dir, 'ca');
    if (!existsSync(certFile)) throw new Error(`there is no authority in ${dir}: ${certFile} is not there`);
    const certificate = new X509Certificate(readFileSync(certFile));
    const key = createPrivateKey(readFileSync(keyFile));
    if (!certificate.checkPrivateKey(key))
      throw new Error(`the key in ${keyFile} is not that of ${certFile}`);
    const commonName = /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '';
    return new Authority(dir, { commonName, key });
  }

  static isIn(dir: string): boolean {
    return existsSync(filesOf(dir, 'ca').certFile);
  }

  get certFile(): string {
    return filesOf(this.#dir, 'ca').certFile;
  }

  /** @throws Error when there is one of that name, or it cannot be written */
  issue(name: string, request: CertificateRequest): PemFiles {
    const files = filesOf(this.#dir, name);
    keep(files, issue(request, this.#issuer), 'new');
    return files;
  }

  /** What was issued under that name, as long as it is good for a while; otherwise another in its place. */
  keepIssued(name: string, request: CertificateRequest, remainingDaysMin: number): PemFiles {
    const files = filesOf(this.#dir, name);
    if (!isGood(files, request, remainingDaysMin)) keep(files, issue(request, this.#issuer), 'replace');
    return files;
  }
}

function filesOf(dir: string, name: string): PemFiles {
  return { certFile: join(dir, `${name}.crt`), keyFile: join(dir, `${name}.key`) };
}

function isGood(
  { certFile, keyFile }: PemFiles,
  { names }: CertificateRequest,
  remainingDaysMin: number,
): boolean {
  if (!existsSync(certFile) || !existsSync(keyFile)) return false;
  const certificate = new X509Certificate(readFileSync(certFile));
  const remainingMs = certificate.validToDate.getTime() - Date.now();
  const isFoundAt = (host: string): boolean =>
    (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
  const called = (certificate.subjectAltName ?? '').split(', ');
  return (
    remainingMs > remainingDaysMin * dayMs &&
    names.hosts.every(isFoundAt) &&
    names.uris.every((uri) => called.includes(`URI:${uri}`))
  );
}

/** The key first: a certificate without one is found missing, the other way round it would be found wrong. */
function keep({ certFile, keyFile }: PemFiles, { cert, key }: Issued, how: 'new' | 'replace'): void {
  for (const file of how === 'new' ? [certFile, keyFile] : []) {
    if (existsSync(file)) throw new Error(`${file} is there already, and is not written over`);
  }
  for (const [file, content, mode] of [
    [keyFile, key, 0o600],
    [certFile, cert, 0o644],
  ] as const) {
    writeFileSync(`${file}.new`, content, { mode });
    renameSync(`${file}.new`, file);
  }
}
