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
import { Twins } from './twins.ts';

const authenticateMethod = {
  path: '/etcdserverpb.Auth/Authenticate',
  request: AuthenticateRequest,
  response: AuthenticateResponse,
};

/** What an administrator and users do, good and bad; a line of etcdctl each. */
const beforeEnabling: readonly (readonly string[])[] = [
  ['auth', 'enable'],
  ['--user', 'ann:x', 'get', 'before'],
  ['user', 'add', 'ann:x'],
  ['user', 'add', 'ann:x'],
  ['user', 'add', 'without', '--no-password'],
  ['user', 'get', 'stranger'],
  ['user', 'get', 'ann'],
  ['user', 'list'],
  ['role', 'add', ''],
  ['role', 'add', 'apps'],
  ['role', 'add', 'apps'],
  ['role', 'get', 'nothing'],
  ['role', 'get', 'apps'],
  ['role', 'list'],
  ['role', 'grant-permission', 'apps', 'readwrite', '--prefix', 'app/'],
  ['role', 'grant-permission', 'apps', 'read', 'app/'],
  ['role', 'grant-permission', 'apps', 'write', 'k1'],
  ['role', 'grant-permission', 'apps', 'read', 'm', 'n'],
  ['role', 'grant-permission', 'apps', 'read', 'n', 'o'],
  ['role', 'grant-permission', 'apps', 'read', 'x', '--from-key'],
  ['role', 'grant-permission', 'nothing', 'read', 'b'],
  ['role', 'get', 'apps'],
  ['role', 'revoke-permission', 'apps', 'nope'],
  ['role', 'revoke-permission', 'apps', 'app/'],
  ['role', 'revoke-permission', 'nothing', 'k1'],
  ['user', 'grant-role', 'ann', 'apps'],
  ['user', 'grant-role', 'ann', 'apps'],
  ['user', 'grant-role', 'ann', 'nothing'],
  ['user', 'grant-role', 'stranger', 'apps'],
  ['user', 'revoke-role', 'ann', 'root'],
  ['user', 'revoke-role', 'stranger', 'apps'],
  ['user', 'delete', 'stranger'],
  ['auth', 'disable'],
  ['auth', 'enable'],
  ['user', 'add', 'root:rpw'],
  ['role', 'add', 'root'],
  ['role', 'get', 'root'],
  ['user', 'grant-role', 'root', 'root'],
  ['auth', 'enable'],
];

const asAnn = ['--user', 'ann:x'];
const asRoot = ['--user', 'root:rpw'];

const whileEnabled: readonly (readonly string[])[] = [
  ['auth', 'enable'],
  ['put', 'k', 'v'],
  ['get', 'k'],
  ['del', 'k'],
  [...asAnn, 'put', 'app/1', 'v'],
  [...asAnn, 'put', 'k', 'v'],
  [...asAnn, 'put', 'k1', 'v'],
  [...asAnn, 'put', 'k1', 'v', '--prev-kv'],
  [...asAnn, 'get', 'k1'],
  [...asAnn, 'get', 'm', 'o'],
  [...asAnn, 'get', 'm', 'p'],
  [...asAnn, 'get', 'y', '--from-key'],
  [...asAnn, 'get', 'w', '--from-key'],
  ['--user', 'ann:bad', 'put', 'app/1', 'v'],
  ['--user', 'stranger:bad', 'put', 'app/1', 'v'],
  ['--user', 'without:x', 'get', 'app/1'],
  [...asAnn, 'get', '--prefix', 'app/'],
  [...asAnn, 'get', '--prefix', 'app'],
  [...asAnn, 'get', '--prefix', 'app/', '--consistency=s'],
  [...asAnn, 'get', 'secret', '--consistency=s'],
  [...asAnn, 'del', 'app/1', '--prev-kv'],
  [...asAnn, 'del', '--prefix', 'app'],
  [...asAnn, 'user', 'list'],
  [...asAnn, 'user', 'get', 'ann'],
  [...asAnn, 'user', 'get', 'root'],
  [...asAnn, 'user', 'add', 'mine:pw'],
  [...asAnn, 'role', 'get', 'apps'],
  [...asAnn, 'role', 'get', 'root'],
  [...asAnn, 'role', 'list'],
  [...asAnn, 'role', 'grant-permission', 'apps', 'read', 'secret'],
  [...asAnn, 'auth', 'disable'],
  ['auth', 'disable'],
  ['user', 'list'],
  [...asAnn, 'member', 'remove', '1'],
  ['member', 'add', 'x', '--peer-urls=http://127.0.0.1:1'],
  [...asRoot, 'lease', 'grant', '1000'],
  [...asRoot, 'put', 'secret', 'v', '--lease={1}'],
  [...asAnn, 'put', 'app/2', 'v', '--lease={1}'],
  [...asAnn, 'lease', 'revoke', '{1}'],
  ['lease', 'revoke', '{1}'],
  [...asRoot, 'lease', 'revoke', '{1}'],
  ['lease', 'grant', '1000'],
  [...asAnn, 'lease', 'keep-alive', '--once', '{2}'],
  [...asAnn, 'lock', 'guarded', 'true'],
  [...asAnn, 'lock', 'app/lock', 'true'],
  [...asAnn, 'elect', 'guarded', 'me'],
  [...asRoot, 'user', 'delete', 'root'],
  [...asRoot, 'user', 'revoke-role', 'root', 'root'],
  [...asRoot, 'role', 'delete', 'root'],
  [...asRoot, 'role', 'delete', 'apps'],
  [...asAnn, 'get', 'app/1'],
  [...asRoot, 'user', 'delete', 'ann'],
  [...asAnn, 'get', 'app/1'],
  [...asRoot, 'user', 'list'],
  [...asRoot, 'role', 'list'],
  [...asRoot, 'auth', 'disable'],
  ['auth', 'disable'],
  ['get', 'k1'],
  ['user', 'delete', 'root'],
  ['role', 'delete', 'root'],
  ['user', 'delete', 'without'],
];

describeWith(['etcdctl', 'etcd'], 'etcdctl cannot tell the users of Chainfire from those of etcd', () => {
  let twins: Twins;
  beforeAll(async () => {
    twins = await Twins.start();
  });
  afterAll(() => twins?.stop());

  test('users, roles and permissions, before they count and while they do', async () => {
    await twins.same(async (side) => {
      const said = [];
      for (const line of [...beforeEnabling, ...whileEnabled]) said.push(await side.run(...line));
      return said;
    });
  });

  test('passwords that are typed, supplied, changed or absent; permissions on ranges; answers in every format', async () => {
    await twins.same(async (side) => {
      const said: object[] = [];
      const run = async (...args: string[]) => said.push(withoutHeader(await side.run(...args)));
      const typing = async (input: string, ...args: string[]) =>
        said.push(await side.runWith(input, ...args));
      await typing('typed\n', 'user', 'add', 'bea', '--interactive=false');
      await typing('', 'user', 'add', 'nobody', '--interactive=false');
      await run('user', 'add', 'cyd', '--new-user-password=given');
      await run('user', 'add', 'dan:', '--interactive=false');
      await run('user', 'add', 'eve', '--no-password');
      await run('user', 'add', 'fay:both', '--no-password');
      await run('user', 'add', '');
      await run('user', 'add');
      await run('user', 'add', 'root:rpw');
      await run('role', 'add', 'root');
      await run('role', 'add', 'ranges');
      await run('user', 'grant-role', 'root', 'root');
      await run('user', 'grant-role', 'bea', 'ranges');
      for (const range of [['a'], ['b', 'c'], ['d', '--from-key'], ['e', '--prefix'], ['', '--prefix']])
        await run('role', 'grant-permission', 'ranges', 'readwrite', ...range);
      for (const bad of [
        ['f', 'e'],
        ['f', 'g', '--prefix'],
        ['f', '--prefix', '--from-key'],
      ])
        await run('role', 'grant-permission', 'ranges', 'read', ...bad);
      await run('role', 'grant-permission', 'ranges', 'own', 'x');
      await run('role', 'grant-permission', 'ranges');
      for (const format of ['simple', 'json', 'fields', 'protobuf', 'table']) {
        const as = ['-w', format];
        for (const command of [
          ['role', 'add', `made ${format}`],
          ['role', 'get', 'ranges'],
          ['role', 'list'],
          ['role', 'grant-permission', `made ${format}`, 'read', 'z'],
          ['role', 'revoke-permission', `made ${format}`, 'z'],
          ['user', 'add', `made ${format}:pw`],
          ['user', 'get', 'bea'],
          ['user', 'get', 'bea', '--detail'],
          ['user', 'list'],
          ['user', 'grant-role', `made ${format}`, `made ${format}`],
          ['user', 'revoke-role', `made ${format}`, `made ${format}`],
          ['role', 'delete', `made ${format}`],
          ['user', 'delete', `made ${format}`],
        ])
          await run(...command, ...as);
      }
      for (const range of [
        ['a'],
        ['b', 'c'],
        ['d', '--from-key'],
        ['e', '--prefix'],
        ['', '--prefix'],
        ['a'],
      ])
        await run('role', 'revoke-permission', 'ranges', ...range);
      await run('role', 'get', 'ranges');
      await run('role', 'grant-permission', 'ranges', 'readwrite', 'bea/', '--prefix');
      await run('auth', 'enable');
      const root = ['--user=root', '--password=rpw'];
      await run('--user=bea', '--password=typed', 'put', 'bea/1', 'v');
      await run('--user=bea:typed', 'put', 'other', 'v');
      await run('--user=cyd:given', 'get', 'bea/1');
      await run('--user=eve', '--password=', 'get', 'bea/1');
      await typing('changed\n', ...root, 'user', 'passwd', 'bea', '--interactive=false');
      await typing('x\n', ...root, 'user', 'passwd', 'stranger', '--interactive=false');
      await typing('x\n', '--user=bea:changed', 'user', 'passwd', 'cyd', '--interactive=false');
      await run('--user=bea:typed', 'get', 'bea/1');
      await run('--user=bea:changed', 'get', 'bea/1');
      await run('--user=bea:changed', 'role', 'get', 'ranges', '-w', 'json');
      await run('--user=bea:changed', 'auth', 'disable');
      await run(...root, 'auth', 'disable');
      for (const name of ['bea', 'nobody', 'cyd', 'dan', 'eve', 'fay', 'root'])
        await run('user', 'delete', name);
      for (const name of ['root', 'ranges']) await run('role', 'delete', name);
      await run('user', 'list');
      await run('role', 'list');
      return said;
    });
  });

  test('transactions need what any of their branches does, and watches a permission to read', async () => {
    await twins.same(async (side) => {
      for (const line of beforeEnabling) await side.run(...line);
      const txn = (input: string) => side.runWith(input, ...asAnn, 'txn');
      const said = [
        await txn('\nput app/1 v\n\nget app/1\n\n'),
        await txn('\nput app/1 v\n\nget secret\n\n'),
        await txn('\nput secret v\n\nget app/1\n\n'),
        await txn('version("secret") = "0"\n\nput app/1 v\n\n\n'),
        await txn('\ndel secret\n\n\n'),
        await side.normalised(await side.start(...asAnn, 'watch', 'secret').end()),
        await side.normalised(await side.start('watch', 'app/1').end()),
      ];
      for (const line of [[...asRoot, 'auth', 'disable']]) await side.run(...line);
      return said;
    });
  });
});

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

/** A message as it came, but for its first field: there the cluster, the member and the term are named. */
function withoutHeader(result: CommandResult & { readonly command: string }): object {
  if (!result.command.endsWith('protobuf') || result.code !== 0) return result;
  const length = result.stdout.charCodeAt(1);
  return { ...result, stdout: result.stdout.slice(2 + length) };
}

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
