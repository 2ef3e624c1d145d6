import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { connect } from '../../adapters/client/connect.ts';
import { Authority, type PemFiles } from '../../adapters/pki/authority.ts';
import { clientRequest, nodeRequest } from '../../nodes/pki/requests.ts';
import { Cluster, photonFile } from './cluster.ts';
import { type CommandResult, runCommand } from './command.ts';
import { describeWith } from './requirement.ts';

const days = 2;
const hosts = ['127.0.0.1', 'localhost'];

describeWith(['etcdctl', 'curl', 'openssl'], 'mutual TLS, with clients and between members', () => {
  let dir: string;
  let cluster: Cluster;
  let authority: Authority;
  let operator: PemFiles;
  let foreign: PemFiles;
  const members = new Map<string, PemFiles>();

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'photon-tls-'));
    authority = Authority.create(join(dir, 'ours'), 'ours', days);
    const other = Authority.create(join(dir, 'others'), 'others', days);
    operator = authority.issue('operator', clientRequest('operator', days));
    foreign = other.issue('a', nodeRequest({ system: 'chainfire', node: 'a' }, hosts, days));
    for (const name of ['a', 'b', 'c']) {
      members.set(name, authority.issue(name, nodeRequest({ system: 'chainfire', node: name }, hosts, days)));
    }
    cluster = await Cluster.start(3, ({ name }) => {
      const own = members.get(name);
      return own === undefined ? [] : tlsFlags(own, authority.certFile);
    });
  });
  afterAll(async () => {
    await cluster?.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  const endpoint = (name = 'a'): string => `https://${cluster.place(name).client}`;
  const showing = ({ certFile, keyFile }: PemFiles): readonly string[] => [
    '--cert',
    certFile,
    '--key',
    keyFile,
  ];
  const trusting = (): readonly string[] => ['--cacert', authority.certFile];
  const etcdctl = (...args: readonly string[]): Promise<CommandResult> =>
    runCommand('etcdctl', ['--command-timeout=5s', ...args], { environment: { ETCDCTL_API: '3' } });
  const photon = (...args: readonly string[]): Promise<CommandResult> =>
    runCommand(process.execPath, [photonFile, ...args]);
  const pem = (file: string): string => readFileSync(file, 'utf8');

  test('a snapshot is taken over TLS, by etcdctl and by photon, and not in the clear', async () => {
    const file = join(dir, 'tls.snap');
    const secure = [...trusting(), ...showing(operator)];
    expect(await etcdctl('snapshot', 'save', file, `--endpoints=${endpoint()}`, ...secure)).toMatchObject({
      code: 0,
    });
    const save = ['chainfire', 'snapshot', 'save', file, '--timeout', '10'];
    expect(await photon(...save, '--endpoints', endpoint(), ...secure)).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(await photon('chainfire', 'snapshot', 'status', file)).toMatchObject({ code: 0 });
    expect(await photon(...save, '--endpoints', cluster.place('a').client)).toMatchObject({ code: 1 });
  });

  test("what we issue is good by openssl's strict rules, and names its owner", async () => {
    for (const { certFile } of [operator, ...members.values()]) {
      const result = await runCommand('openssl', [
        'verify',
        '-x509_strict',
        '-CAfile',
        authority.certFile,
        certFile,
      ]);
      expect(result).toMatchObject({ code: 0, stdout: `${certFile}: OK\n` });
    }
    const a = members.get('a')?.certFile ?? '';
    const shown = await runCommand('openssl', ['x509', '-in', a, '-noout', '-ext', 'subjectAltName']);
    expect(shown.stdout).toContain('IP Address:127.0.0.1, DNS:localhost, URI:photon://chainfire/a');
    const wrong = await runCommand('openssl', ['verify', '-CAfile', authority.certFile, foreign.certFile]);
    expect(wrong.code).not.toBe(0);
  });

  test('etcdctl with a certificate reads and writes at every member', async () => {
    cluster.showLogsOnFailure();
    const secure = [...trusting(), ...showing(operator)];
    const endpoints = cluster.members.map(({ name }) => endpoint(name)).join(',');
    expect(await etcdctl('--endpoints', endpoints, ...secure, 'put', 'hello', 'tls')).toMatchObject({
      code: 0,
    });
    for (const { name } of cluster.members) {
      const got = await etcdctl('--endpoints', endpoint(name), ...secure, 'get', 'hello');
      expect(got).toMatchObject({ code: 0, stdout: 'hello\ntls\n' });
    }
    const listed = await etcdctl('--endpoints', endpoint(), ...secure, 'member', 'list');
    expect(listed.stdout).toContain(endpoint('b'));
  });

  test('a client without a certificate, with a foreign one, or without TLS is refused', async () => {
    const refused = [
      ['--endpoints', endpoint(), ...trusting()],
      ['--endpoints', endpoint(), ...trusting(), ...showing(foreign)],
      ['--endpoints', `http://${cluster.place('a').client}`],
    ];
    for (const flags of refused) {
      const result = await etcdctl('--command-timeout=1s', ...flags, 'get', 'hello');
      expect(result.code, flags.join(' ')).toBe(1);
      expect(result.stdout).toBe('');
    }
    const log = readFileSync(cluster.place('a').logFile, 'utf8');
    expect(log).toContain('"reason":"peer did not return a certificate"');
    expect(log).toMatch(/"port":"clients".*a connection was refused: its TLS was not good/);
  });

  test('a client that trusts another authority does not speak to our members', async () => {
    const others = ['--cacert', join(dir, 'others', 'ca.crt'), ...showing(operator)];
    const result = await etcdctl(
      '--command-timeout=1s',
      '--endpoints',
      endpoint(),
      ...others,
      'get',
      'hello',
    );
    expect(result.code).toBe(1);
    const kv = await photon('kv', 'get', 'hello', '--endpoints', endpoint(), '--timeout', '2', ...others);
    expect(kv).toMatchObject({ code: 1, stdout: '' });
    expect(kv.stderr).toContain('certificate');
  });

  test('the gateway, by curl over HTTP/1.1', async () => {
    const curl = (...args: readonly string[]) => runCommand('curl', ['-sS', '--max-time', '10', ...args]);
    const secure = [...trusting(), ...showing(operator)];
    const version = await curl(...secure, `${endpoint()}/version`);
    expect(JSON.parse(version.stdout)).toMatchObject({ etcdcluster: '3.4.0' });
    const range = await curl(...secure, `${endpoint()}/v3/kv/range`, '-d', '{"key":"aGVsbG8="}');
    expect(range.stdout).toContain('"value":"dGxz"');
    expect((await curl(...trusting(), `${endpoint()}/version`)).code).not.toBe(0);
  });

  test('the client library and photon kv; a watch goes on over the death of its member', async () => {
    cluster.showLogsOnFailure();
    const db = connect({
      endpoints: cluster.endpoints.split(','),
      tls: { ca: pem(authority.certFile), cert: pem(operator.certFile), key: pem(operator.keyFile) },
      timeoutMs: 20_000,
    });
    try {
      const watch = db.watch('watched');
      await watch.ready;
      const seen = watch[Symbol.asyncIterator]();
      await db.put('watched', '1');
      expect((await seen.next()).done).toBe(false);
      await cluster.end('a', 'SIGKILL');
      await cluster.startMember('a');
      await db.put('watched', '2').catch(() => db.put('watched', '2'));
      expect((await seen.next()).done).toBe(false);
      await watch.close();
    } finally {
      db.close();
    }
    const kv = await photon(
      'kv',
      'get',
      'watched',
      '--endpoints',
      endpoint(),
      ...trusting(),
      ...showing(operator),
    );
    expect(kv).toMatchObject({ code: 0, stdout: 'watched\n2\n', stderr: '' });
  });

  test('who is no member by its certificate does not speak to members, whoever vouches for it', async () => {
    const [host = '', port = ''] = cluster.place('a').peer.split(':');
    const call = async (options: ConnectionOptions): Promise<string> => {
      const ca = pem(authority.certFile);
      const socket = connectTls({ host, port: Number(port), ca, ...options });
      // A handshake that fails, or a connection that is cut: either is an end.
      let said = '';
      socket.on('data', (piece) => (said += piece.toString('latin1')));
      socket.on('error', (error) => (said += `error: ${error.message}`));
      await once(socket, 'close').catch(() => undefined);
      return said;
    };
    const own = ({ certFile, keyFile }: PemFiles) => ({ cert: pem(certFile), key: pem(keyFile) });
    expect(await call(own(operator))).toContain(
      'its certificate names no node: a peer is named photon://chainfire/<node>',
    );
    const stranger = authority.issue(
      'broker',
      nodeRequest({ system: 'chronik', node: 'broker' }, hosts, days),
    );
    expect(await call(own(stranger))).toContain('its certificate is photon://chronik/broker');
    await call(own(foreign));
    await call({});
    const log = (): string => readFileSync(cluster.place('a').logFile, 'utf8');
    await expect
      .poll(log)
      .toMatch(/"port":"peers".*"reason":"(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_[A-Z_]+)"/);
    await expect.poll(log).toMatch(/"port":"peers".*"reason":"peer did not return a certificate"/);
  });

  test('a member with a certificate of another authority is left alone, and comes back with a good one', async () => {
    cluster.showLogsOnFailure();
    await cluster.end('c', 'SIGTERM');
    const good = members.get('c');
    members.set('c', foreign);
    cluster.launch('c');
    const own = `"pid":${cluster.pid('c') ?? 0},`;
    const log = (): string =>
      readFileSync(cluster.place('c').logFile, 'utf8')
        .split('\n')
        .filter((line) => line.includes(own))
        .join('\n');
    // Both of the others, called by it.
    await expect.poll(() => log().split('peer not reachable').length, { timeout: 20_000 }).toBeGreaterThan(2);
    expect(log()).not.toContain('"leader known"');
    await cluster.end('c', 'SIGTERM');
    if (good !== undefined) members.set('c', good);
    await cluster.startMember('c');
  });

  test.each([
    ['cert_file without key_file', ['--cert-file', 'x.crt'], 'cert_file and key_file belong together'],
    [
      'client_cert_auth without an authority',
      ['--client-cert-auth', 'true'],
      'client_cert_auth needs trusted_ca_file',
    ],
    [
      'a file that is not there',
      ['--cert-file', '/nowhere.crt', '--key-file', '/nowhere.key'],
      'cannot read /nowhere.crt',
    ],
    [
      'an incomplete set for peers',
      ['--peer-cert-file', 'x.crt'],
      'belong together: give all three, or none',
    ],
    ['neither true nor false', ['--client-cert-auth', 'yes'], 'it must be true or false'],
  ])('%s is refused before anything is made', async (_, flags, words) => {
    const plain = await Cluster.plan(1, flags);
    try {
      const result = await photon('chainfire', 'serve', ...plain.serveFlags('a'));
      expect(result.code).toBe(2);
      expect(result.stderr).toContain(words);
    } finally {
      await plain.remove();
    }
  });

  test('a key of another certificate is named', async () => {
    const flags = ['--cert-file', operator.certFile, '--key-file', foreign.keyFile];
    const plain = await Cluster.plan(1, flags);
    try {
      const result = await photon('chainfire', 'serve', ...plain.serveFlags('a'));
      expect(result).toMatchObject({ code: 2 });
      expect(result.stderr).toContain(
        `the key in ${foreign.keyFile} does not fit the certificate in ${operator.certFile}`,
      );
    } finally {
      await plain.remove();
    }
  });
});

function tlsFlags({ certFile, keyFile }: PemFiles, caFile: string): readonly string[] {
  return [
    ...[
      '--cert-file',
      certFile,
      '--key-file',
      keyFile,
      '--trusted-ca-file',
      caFile,
      '--client-cert-auth',
      'true',
    ],
    ...['--peer-cert-file', certFile, '--peer-key-file', keyFile, '--peer-trusted-ca-file', caFile],
  ];
}
