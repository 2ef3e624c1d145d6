import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { Authority, type PemFiles } from '../../adapters/pki/authority.ts';
import { clientRequest, nodeRequest } from '../../nodes/pki/requests.ts';
import { Cluster } from './cluster.ts';
import { type CommandResult, LiveCommand, runCommand } from './command.ts';
import { describeWith } from './requirement.ts';

const days = 2;
const hosts = ['127.0.0.1', 'localhost'];
const names = ['a', 'b', 'c'];
/** Processes start within seconds, or later where the machine is busy. */
const patience = { timeout: 60_000, interval: 100 };

describeWith(['etcdctl', 'openssl'], 'certificates are replaced while members run', () => {
  let dir: string;
  let cluster: Cluster;
  let authority: Authority;
  let operator: PemFiles;

  /** The files that a member was told of. */
  const own = (name: string): PemFiles & { readonly caFile: string } => ({
    certFile: join(dir, `${name}.crt`),
    keyFile: join(dir, `${name}.key`),
    caFile: join(dir, `${name}-ca.crt`),
  });
  const issued = (from: Authority, name: string, file = name): PemFiles =>
    from.issue(file, nodeRequest({ system: 'chainfire', node: name }, hosts, days));
  /** Puts certificate and key where the member looks for them. */
  const give = (name: string, { certFile, keyFile }: PemFiles): void => {
    copyFileSync(certFile, own(name).certFile);
    copyFileSync(keyFile, own(name).keyFile);
  };
  const serialOf = (pem: string): string => new X509Certificate(pem).serialNumber;
  const serialIn = ({ certFile }: PemFiles): string => serialOf(readFileSync(certFile, 'utf8'));

  /** What a port shows by openssl: the serial number of its certificate. */
  const shownBy = async (address: string, as: PemFiles): Promise<string> => {
    const result = await runCommand(
      'openssl',
      [
        ...['s_client', '-connect', address, '-CAfile', authority.certFile, '-verify_return_error'],
        ...['-cert', as.certFile, '-key', as.keyFile],
      ],
      { input: '' },
    );
    const [pem] = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(result.stdout) ?? [];
    return pem === undefined ? result.stderr : serialOf(pem);
  };
  const secure = (as: PemFiles): readonly string[] => [
    ...['--cacert', authority.certFile, '--cert', as.certFile, '--key', as.keyFile],
  ];
  const endpoint = (name: string): string => `https://${cluster.place(name).client}`;
  const etcdctl = (name: string, as: PemFiles, ...args: readonly string[]): Promise<CommandResult> =>
    runCommand('etcdctl', ['--command-timeout=3s', '--endpoints', endpoint(name), ...secure(as), ...args], {
      environment: { ETCDCTL_API: '3' },
    });
  const log = (name: string): string => readFileSync(cluster.place(name).logFile, 'utf8');

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'photon-tls-upkeep-'));
    authority = Authority.create(join(dir, 'ours'), 'ours', days);
    operator = authority.issue('operator', clientRequest('operator', days));
    for (const name of names) {
      give(name, issued(authority, name));
      copyFileSync(authority.certFile, own(name).caFile);
    }
    cluster = await Cluster.start(3, ({ name }) => tlsFlags(own(name)));
  });
  afterAll(async () => {
    await cluster?.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  test('the member list gives URLs that say TLS, of clients and of peers', async () => {
    const listed = await etcdctl('a', operator, 'member', 'list');
    const members = listed.stdout.trim().split('\n');
    expect(members.map((line) => line.split(', ').slice(2, 5))).toEqual(
      names.map((name) => [name, `https://${cluster.place(name).peer}`, endpoint(name)]),
    );
  });

  test('clients and peers that come are shown the new one, who is there is not disturbed', async () => {
    cluster.showLogsOnFailure();
    const { client, peer } = cluster.place('a');
    const watch = LiveCommand.etcdctl(endpoint('a'), [...secure(operator), 'watch', 'over']);
    const first = serialIn(own('a'));
    expect(await shownBy(client, operator)).toBe(first);
    expect(await shownBy(peer, own('b'))).toBe(first);
    await expect
      .poll(async () => {
        await etcdctl('b', operator, 'put', 'over', 'before');
        return watch.stdout;
      }, patience)
      .toContain('before');
    const next = issued(authority, 'a', 'a-next');
    give('a', next);
    expect(serialIn(next)).not.toBe(first);
    expect(await shownBy(client, operator)).toBe(serialIn(next));
    expect(await shownBy(peer, own('b'))).toBe(serialIn(next));
    expect(log('a')).toMatch(
      /"certFile":"[^"]*a\.crt","validTo":"[^"]+","message":"certificates were replaced/,
    );
    expect(await etcdctl('b', operator, 'put', 'over', 'after')).toMatchObject({ code: 0 });
    await watch.until((said) => said.includes('after'));
    await watch.end('SIGTERM');
    // What it shows where it calls: another that has been away takes it for what it is.
    await cluster.end('b', 'SIGKILL');
    await cluster.startMember('b');
    expect(await etcdctl('b', operator, 'get', 'over')).toMatchObject({ stdout: 'over\nafter\n' });
  });

  test('a half-written file, or a key of another, changes nothing and is told', async () => {
    cluster.showLogsOnFailure();
    const { client } = cluster.place('c');
    const before = serialIn(own('c'));
    const next = issued(authority, 'c', 'c-next');
    const pem = readFileSync(next.certFile);
    writeFileSync(own('c').certFile, pem.subarray(0, pem.length / 2));
    expect(await shownBy(client, operator)).toBe(before);
    expect(log('c')).toMatch(
      /"reason":"[^"]*c\.crt is no certificate in PEM: .*cannot be used: new connections/,
    );
    writeFileSync(own('c').certFile, pem);
    expect(await shownBy(client, operator)).toBe(before);
    expect(log('c')).toMatch(/"reason":"the key in [^"]*c\.key does not fit the certificate/);
    copyFileSync(next.keyFile, own('c').keyFile);
    expect(await shownBy(client, operator)).toBe(serialIn(next));
  });

  test('who may vouch for clients can be another, too', async () => {
    cluster.showLogsOnFailure();
    const other = Authority.create(join(dir, 'others'), 'others', days);
    const stranger = other.issue('stranger', clientRequest('stranger', days));
    expect(await etcdctl('a', operator, 'put', 'vouched', 'v')).toMatchObject({ code: 0 });
    expect(await etcdctl('a', stranger, 'get', 'vouched')).toMatchObject({ code: 1, stdout: '' });
    const both = [authority.certFile, other.certFile].map((file) => readFileSync(file, 'utf8'));
    writeFileSync(own('a').caFile, both.join(''));
    expect(await etcdctl('a', stranger, 'get', 'vouched')).toMatchObject({ stdout: 'vouched\nv\n' });
    copyFileSync(authority.certFile, own('a').caFile);
    expect(await etcdctl('a', stranger, 'get', 'vouched')).toMatchObject({ code: 1, stdout: '' });
    expect(await etcdctl('a', operator, 'get', 'vouched')).toMatchObject({ code: 0 });
  });

  test("with another member's certificate one does not speak for oneself", async () => {
    cluster.showLogsOnFailure();
    await cluster.end('c', 'SIGTERM');
    const [certificate, key] = [own('c').certFile, own('c').keyFile].map((file) => readFileSync(file));
    give('c', own('b'));
    cluster.launch('c');
    await expect
      .poll(() => log('c'), patience)
      .toContain('NOT_A_MEMBER: the peer is refused: its certificate is that of b, and node 3 is c');
    await expect
      .poll(() => log('a'), patience)
      .toContain('its certificate is photon://chainfire/b, where member c is expected');
    expect(cluster.isRunning('c')).toBe(true);
    expect(log('c').split('"started"').at(-1)).not.toContain('"leader known"');
    // Its own again, without a restart: the next attempt is good.
    writeFileSync(own('c').certFile, certificate ?? '');
    writeFileSync(own('c').keyFile, key ?? '');
    await expect.poll(() => log('c').split('"started"').at(-1), patience).toContain('"leader known"');
  });
});

function tlsFlags(files: PemFiles & { readonly caFile: string }): readonly string[] {
  const { certFile, keyFile, caFile } = files;
  return [
    ...['--cert-file', certFile, '--key-file', keyFile, '--trusted-ca-file', caFile],
    ...['--client-cert-auth', 'true'],
    ...['--peer-cert-file', certFile, '--peer-key-file', keyFile, '--peer-trusted-ca-file', caFile],
  ];
}
