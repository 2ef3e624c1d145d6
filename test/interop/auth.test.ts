import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  AuthenticateRequest,
  AuthenticateResponse,
  AuthStatusRequest,
  AuthStatusResponse,
} from '../../core/chainfire/api/auth.ts';
import { RangeRequest } from '../../core/chainfire/api/kv.ts';
import { connect } from '../../adapters/client/connect.ts';
import { memberMethods } from '../../adapters/grpc/member-methods.ts';
import { Cluster, photonFile } from './cluster.ts';
import { type CommandResult, etcdctl, LiveCommand, runCommand } from './command.ts';
import { RawClient } from './raw-client.ts';
import { describeWith } from './requirement.ts';

const authenticateMethod = {
  path: '/etcdserverpb.Auth/Authenticate',
  request: AuthenticateRequest,
  response: AuthenticateResponse,
};

const asAnn = ['--user', 'ann:x'];
const asRoot = ['--user', 'root:rpw'];

describeWith(['etcdctl'], 'users of Chainfire, where it does more than etcd', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start(3, ['--auth-token-ttl-ms', '1500']);
    await enable(cluster);
  });
  afterAll(() => cluster?.remove());

  test('a watch ends when its user loses the role that allowed it', async () => {
    cluster.showLogsOnFailure();
    const watch: LiveCommand = startAs(cluster, 'watch', 'app/1');
    let count = 0;
    const seen = watch.until((stdout) => stdout.includes('PUT'));
    let isSeen = false;
    void seen.then(() => (isSeen = true));
    while (!isSeen) await etcdctl(cluster.endpoints, [...asRoot, 'put', 'app/1', `open ${(count += 1)}`]);
    await etcdctl(cluster.endpoints, [...asRoot, 'user', 'revoke-role', 'ann', 'apps']);
    await etcdctl(cluster.endpoints, [...asRoot, 'put', 'app/1', 'secret']);
    const { stdout, stderr, code } = await watch.end();
    expect(code).not.toBe(0);
    expect(stdout).not.toContain('secret');
    expect(stderr).toContain('watch is canceled by the server');
    await etcdctl(cluster.endpoints, [...asRoot, 'user', 'grant-role', 'ann', 'apps']);
  });

  test('a token is good at every member at once, and ends when nobody uses it', async () => {
    cluster.showLogsOnFailure();
    const clients = cluster.members.map((member) => new RawClient(member.client));
    const request = AuthenticateRequest.create({ name: 'ann', password: 'x' });
    const read = RangeRequest.create({ key: 'app/1' });
    const { token } = (await clients[0]?.call(authenticateMethod, request)) as { token: string };
    const said = await Promise.all(
      clients.map((client) => client.unary(memberMethods.range, read, { token })),
    );
    for (const answer of said) expect(answer).toHaveProperty('kvs');
    const wrong = await clients[1]?.unary(memberMethods.range, read, { token: `${token}x` });
    expect(wrong).toEqual({ code: 'UNAUTHENTICATED', details: 'etcdserver: invalid auth token' });
    // Nothing tells of its end but a refusal, and to ask at the first member would renew it there: time itself is awaited.
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    const late = await clients[0]?.unary(memberMethods.range, read, { token });
    expect(late).toEqual({ code: 'UNAUTHENTICATED', details: 'etcdserver: invalid auth token' });
    for (const client of clients) client.close();
  });

  test('the client library and photon kv speak as a user, beyond the life of a token', async () => {
    cluster.showLogsOnFailure();
    const endpoints = cluster.members.map(({ client }) => client);
    await using db = connect({ endpoints, user: { name: 'ann', password: 'x' } });
    const watch = db.watch({ prefix: 'app/own/' });
    await watch.ready;
    await db.put('app/own/1', 'first');
    // Longer than a token lives: the next call finds that it has ended, and shows the password again.
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    await db.put('app/own/2', 'second');
    const heard: string[] = [];
    for await (const { events } of watch) {
      for (const { entry } of events) heard.push(entry.key);
      if (heard.length >= 2) break;
    }
    expect(heard).toEqual(['app/own/1', 'app/own/2']);
    await expect(db.put('secret', 'v')).rejects.toMatchObject({
      outcome: 'refused',
      code: 'PERMISSION_DENIED',
    });
    await using stranger = connect({ endpoints, user: { name: 'ann', password: 'wrong' } });
    await expect(stranger.put('app/1', 'v')).rejects.toMatchObject({
      outcome: 'refused',
      code: 'AUTH_FAILED',
    });
    const kv = (args: readonly string[], input?: string) =>
      runCommand(process.execPath, [photonFile, 'kv', ...args, '--endpoints', cluster.endpoints], { input });
    expect((await kv(['put', 'app/kv', 'v', '--user', 'ann:x'])).stdout).toContain('OK');
    expect((await kv(['get', 'app/kv', '--user', 'ann'], 'x\n')).stdout).toBe('app/kv\nv\n');
    const denied = await kv(['put', 'secret', 'v', '--user', 'ann:x']);
    expect([denied.code, denied.stderr.trim()]).toEqual([
      1,
      'photon kv: refused: etcdserver: permission denied',
    ]);
  });

  test('maintenance, compaction and a lease’s keys are not for everybody', async () => {
    const refused = async (...args: string[]): Promise<void> => {
      const { stderr, code } = await etcdctl(cluster.endpoints, args);
      expect([args, code]).not.toEqual([args, 0]);
      expect(stderr).toContain('etcdserver: permission denied');
    };
    await refused(...asAnn, 'compaction', '2');
    await refused(...asAnn, 'endpoint', 'hashkv');
    await refused(...asAnn, 'move-leader', '2');
    const granted = await etcdctl(cluster.endpoints, [...asRoot, 'lease', 'grant', '1000']);
    const id = /lease ([0-9a-f]+)/.exec(granted.stdout)?.[1] ?? '';
    await etcdctl(cluster.endpoints, [...asRoot, 'put', 'secret', 'v', `--lease=${id}`]);
    await refused(...asAnn, 'lease', 'timetolive', id, '--keys');
    expect((await etcdctl(cluster.endpoints, [...asRoot, 'compaction', '2'])).code).toBe(0);
  });

  test('a snapshot is taken by root alone, who shows a password or is asked for it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'photon-auth-snapshot-'));
    const file = join(dir, 'auth.snap');
    const save = (user: readonly string[], input?: string): Promise<CommandResult> =>
      runCommand(
        process.execPath,
        [...[photonFile, 'chainfire', 'snapshot', 'save', file, '--endpoints', cluster.endpoints], ...user],
        { input },
      );
    const refused = async (user: readonly string[], words: string, input?: string): Promise<void> => {
      expect(await save(user, input)).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
      // Neither a file nor a part of one.
      expect(readdirSync(dir)).toEqual([]);
    };
    try {
      await refused([], 'INVALID_ARGUMENT: etcdserver: user name is empty');
      await refused(['--user', 'ann:x'], 'PERMISSION_DENIED: etcdserver: permission denied');
      await refused(['--user', 'root'], 'authentication failed, invalid user ID or password', 'wrong\n');
      expect(await save(['--user', 'root'], 'rpw\n')).toMatchObject({ code: 0, stderr: '' });
      expect(await save(['--user', 'root:rpw'])).toMatchObject({ code: 0, stderr: '' });
      const status = await runCommand(process.execPath, [
        photonFile,
        'chainfire',
        'snapshot',
        'status',
        file,
      ]);
      expect(status).toMatchObject({ code: 0 });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test('no password is in anything that a member keeps', () => {
    const kept = cluster.members
      .flatMap(({ dataDir }) => filesBelow(dataDir))
      .map((file) => readFileSync(file, 'latin1'));
    expect(kept.some((content) => content.includes('scrypt$'))).toBe(true);
    for (const content of kept) {
      expect(content.includes('ann-is-secret')).toBe(false);
    }
  });

  test('users are what they were when all members were killed', async () => {
    const names = cluster.members.map(({ name }) => name);
    await Promise.all(names.map((name) => cluster.end(name, 'SIGKILL')));
    await Promise.all(names.map((name) => cluster.startMember(name)));
    const { stdout } = await etcdctl(cluster.endpoints, [...asRoot, 'user', 'list']);
    expect(stdout).toBe('ann\nkept\nroot\n');
    expect((await etcdctl(cluster.endpoints, ['get', 'app/1'])).stderr).toContain('user name is empty');
  });
});

describeWith(['etcdctl'], 'signed tokens', () => {
  let cluster: Cluster;
  let keys: string;
  beforeAll(async () => {
    keys = mkdtempSync(join(tmpdir(), 'photon-jwt-'));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    writeFileSync(join(keys, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    cluster = await Cluster.start(1, ['--auth-token', 'jwt', '--auth-jwt-key', join(keys, 'key.pem')]);
    await enable(cluster);
  });
  afterAll(async () => {
    await cluster?.remove();
    rmSync(keys, { recursive: true, force: true });
  });

  test('etcdctl uses them as it uses others; behind a change of users one is old', async () => {
    cluster.showLogsOnFailure();
    expect((await etcdctl(cluster.endpoints, [...asAnn, 'put', 'app/1', 'v'])).stdout).toBe('OK\n');
    const client = new RawClient(cluster.endpoints);
    const request = AuthenticateRequest.create({ name: 'ann', password: 'x' });
    const { token } = await client.call(authenticateMethod, request);
    expect(token.split('.').length).toBe(3);
    const read = RangeRequest.create({ key: 'app/1' });
    const asUser = { authorization: `Bearer ${token}` };
    expect(await client.unary(memberMethods.range, read, asUser)).toHaveProperty('kvs');
    const [head, body, signature = ''] = token.split('.');
    const forged = `${head}.${body}.${signature.split('').reverse().join('')}`;
    expect(await client.unary(memberMethods.range, read, { token: forged })).toEqual({
      code: 'UNAUTHENTICATED',
      details: 'etcdserver: invalid auth token',
    });
    await etcdctl(cluster.endpoints, [...asRoot, 'role', 'add', 'new']);
    expect(await client.unary(memberMethods.range, read, asUser)).toEqual({
      code: 'INVALID_ARGUMENT',
      details: 'etcdserver: revision of auth store is old',
    });
    client.close();
  });

  test('the status tells whether authentication is enabled, to root', async () => {
    const client = new RawClient(cluster.endpoints);
    const { token } = await client.call(
      authenticateMethod,
      AuthenticateRequest.create({ name: 'root', password: 'rpw' }),
    );
    const method = {
      path: '/etcdserverpb.Auth/AuthStatus',
      request: AuthStatusRequest,
      response: AuthStatusResponse,
    };
    expect(await client.unary(method, {}, { token })).toMatchObject({ enabled: true });
    expect(await client.unary(method, {})).toMatchObject({ code: 'INVALID_ARGUMENT' });
    client.close();
  });
});

describeWith(['etcdctl', 'curl'], 'callers that are known by a certificate or over HTTP', () => {
  let cluster: Cluster;
  let pki: string;
  beforeAll(async () => {
    pki = mkdtempSync(join(tmpdir(), 'photon-pki-'));
    for (const args of [
      ['init'],
      ['node', 'a', '--hosts', '127.0.0.1'],
      ['client', 'root'],
      ['client', 'ann'],
    ]) {
      const { code, stderr } = await runCommand(process.execPath, [photonFile, 'pki', ...args, '--dir', pki]);
      if (code !== 0) throw new Error(stderr);
    }
    cluster = await Cluster.start(1, [
      ...['--cert-file', join(pki, 'a.crt'), '--key-file', join(pki, 'a.key')],
      ...['--trusted-ca-file', join(pki, 'ca.crt'), '--client-cert-auth', 'true'],
    ]);
    await enable(cluster, withCertificate('root'));
  });
  afterAll(async () => {
    await cluster?.remove();
    rmSync(pki, { recursive: true, force: true });
  });

  const endpoint = (): string => `https://${cluster.endpoints}`;
  const withCertificate =
    (name: string) =>
    (_: string, args: readonly string[]): ReturnType<typeof etcdctl> => {
      const tls = ['--cacert', 'ca.crt', '--cert', `${name}.crt`, '--key', `${name}.key`];
      return etcdctl(endpoint(), [
        ...tls.map((arg) => (arg.startsWith('--') ? arg : join(pki, arg))),
        ...args,
      ]);
    };

  test('the common name of a certificate is the user, where no token is shown', async () => {
    cluster.showLogsOnFailure();
    const asAnnByCertificate = withCertificate('ann');
    expect((await asAnnByCertificate('', ['put', 'app/1', 'v'])).stdout).toBe('OK\n');
    expect((await asAnnByCertificate('', ['put', 'secret', 'v'])).stderr).toContain('permission denied');
    expect((await asAnnByCertificate('', [...asRoot, 'put', 'secret', 'v'])).stdout).toBe('OK\n');
  });

  test('the gateway takes a token, and knows nobody by a certificate, as in etcd', async () => {
    const ask = async (path: string, body: unknown, token?: string): Promise<Record<string, unknown>> => {
      const tls = [
        '--cacert',
        join(pki, 'ca.crt'),
        '--cert',
        join(pki, 'ann.crt'),
        '--key',
        join(pki, 'ann.key'),
      ];
      const header = token === undefined ? [] : ['-H', `Authorization: ${token}`];
      const url = `${endpoint()}/v3/${path}`;
      const { stdout } = await runCommand('curl', ['-s', ...tls, ...header, url, '-d', JSON.stringify(body)]);
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    const key = Buffer.from('app/1').toString('base64');
    expect(await ask('kv/range', { key })).toMatchObject({ error: 'etcdserver: user name is empty' });
    const { token } = await ask('auth/authenticate', { name: 'ann', password: 'x' });
    expect(await ask('kv/range', { key }, String(token))).toMatchObject({ count: '1' });
    expect(await ask('auth/user/get', { name: 'ann' }, String(token))).toMatchObject({ roles: ['apps'] });
    expect(await ask('auth/user/list', {}, String(token))).toMatchObject({ code: 7 });
  });
});

async function enable(cluster: Cluster, run: typeof etcdctl = etcdctl): Promise<void> {
  const lines = [
    ['user', 'add', 'root:rpw'],
    ['user', 'grant-role', 'root', 'root'],
    ['user', 'add', 'ann:x'],
    ['user', 'add', 'kept:ann-is-secret'],
    ['role', 'add', 'apps'],
    ['role', 'grant-permission', 'apps', 'readwrite', '--prefix', 'app/'],
    ['user', 'grant-role', 'ann', 'apps'],
    ['auth', 'enable'],
  ];
  for (const line of lines) {
    const { code, stderr } = await run(cluster.endpoints, line);
    if (code !== 0) throw new Error(`${line.join(' ')}: ${stderr}`);
  }
}

function startAs(cluster: Cluster, ...args: readonly string[]): LiveCommand {
  return LiveCommand.etcdctl(cluster.endpoints, [...asAnn, ...args]);
}

function filesBelow(dir: string): readonly string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
