import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Authority } from '../../../adapters/pki/authority.ts';
import { clientRequest, nodeRequest } from '../../../nodes/pki/requests.ts';
import { Cluster, type MemberPlace, photonFile } from '../cluster.ts';
import { type CommandResult, LiveCommand, runCommand } from '../command.ts';
import { freePorts } from '../ports.ts';

let cluster: Cluster;

function photon(args: readonly string[], input?: string): Promise<CommandResult> {
  return runCommand(process.execPath, [photonFile, ...args, '--brokers', cluster.endpoints], { input });
}

/** What a command printed, which must have worked. */
async function printed(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await photon(args, input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** Each line of what a command printed as JSON. */
async function json<T>(args: readonly string[], input?: string): Promise<readonly T[]> {
  const text = await printed([...args, '--json'], input);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

interface DescribedTopic {
  readonly config: Readonly<Record<string, string>>;
  readonly partitions: readonly {
    readonly partition: number;
    readonly leader: number;
    readonly replicas: number[];
  }[];
}

interface DescribedGroup {
  readonly state: string;
  readonly members: readonly object[];
  readonly offsets: readonly {
    readonly partition: number;
    readonly offset: number | null;
    readonly lag: number;
  }[];
}

/** A broker lets everybody do everything who is not named in a list: the lists are under test, not their effect. */
const flags = [
  '--authorization',
  'true',
  '--super-users',
  'User:ANONYMOUS',
  '--group-initial-rebalance-delay-ms',
  '0',
];

describe('the command line against a broker that asks for a login', () => {
  const dir = mkdtempSync(join(tmpdir(), 'photon-tools-'));
  const authority = Authority.create(join(dir, 'ours'), 'ours', 1);
  const other = Authority.create(join(dir, 'others'), 'others', 1);
  const operator = authority.issue('operator', clientRequest('operator', 1));
  let login: string;
  let overTls: string;
  let loginOverTls: string;
  let broker: Cluster;

  beforeAll(async () => {
    // Who makes the first user is in a file.
    const usersFile = join(dir, 'users');
    writeFileSync(usersFile, 'root:first\n', { mode: 0o600 });
    const { certFile, keyFile } = authority.issue(
      'a',
      nodeRequest({ system: 'chronik', node: 'a' }, ['127.0.0.1', 'localhost'], 1),
    );
    const [first, second, third] = (await freePorts(3)).map((port) => `127.0.0.1:${port}`);
    [login = '', overTls = '', loginOverTls = ''] = [first, second, third];
    const listeners = (own: MemberPlace) => [
      '--listen-client',
      `${own.client},login=sasl_plaintext://${login},shown=tls://${overTls},both=sasl_tls://${loginOverTls}`,
      ...['--cert-file', certFile, '--key-file', keyFile, '--trusted-ca-file', authority.certFile],
      ...['--client-cert-auth', 'true', '--sasl-users-file', usersFile],
      ...['--authorization', 'true', '--super-users', 'User:root,User:operator'],
    ];
    broker = await Cluster.start(1, listeners, 'chronik');
  });
  afterAll(async () => {
    await broker?.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  test('over TLS brokers are known by their authority, users by password or certificate', async () => {
    broker.showLogsOnFailure();
    const list = (brokers: string, ...more: string[]) =>
      runCommand(process.execPath, [
        photonFile,
        'topic',
        'list',
        '--brokers',
        brokers,
        '--timeout',
        '3',
        ...more,
      ]);
    const ours = ['--cacert', authority.certFile];
    expect(await list(loginOverTls, ...ours, '--user', 'root:first')).toMatchObject({ code: 0, stderr: '' });
    const shown = ['--cert', operator.certFile, '--key', operator.keyFile];
    expect(await list(overTls, ...ours, ...shown)).toMatchObject({ code: 0, stderr: '' });
    // Nobody but who has a certificate is let in there; nobody that the client does not know is spoken to.
    expect(await list(overTls, ...ours)).toMatchObject({ code: 1 });
    for (const trust of [['--cacert', other.certFile], ['--tls']]) {
      expect(await list(loginOverTls, ...trust, '--user', 'root:first')).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/certificate/) as string,
      });
    }
    expect(await list(overTls, ...ours, '--cert', operator.certFile)).toMatchObject({
      code: 2,
      stderr: 'photon topic list: --cert and --key belong together\n',
    });
    expect(await list(overTls, '--cacert', join(dir, 'nowhere'))).toMatchObject({ code: 2 });
  });

  test('a user who was made may log in, and do what he is allowed to and nothing else', async () => {
    broker.showLogsOnFailure();
    const as = (user: string, args: readonly string[]) =>
      runCommand(process.execPath, [photonFile, ...args, '--brokers', login, '--user', user]);
    const root = 'root:first';
    expect(await as('alice:secret', ['topic', 'list'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/alice is not let in: SASL_AUTHENTICATION_FAILED/) as string,
    });
    expect(await as(root, ['acl', 'user', 'set', 'alice:secret'])).toMatchObject({ code: 0, stderr: '' });
    expect(await as(root, ['topic', 'create', 'open', 'closed'])).toMatchObject({ code: 0, stderr: '' });
    const allowed = ['--principal', 'User:alice', '--operation', 'write,describe', '--topic', 'open'];
    expect(await as(root, ['acl', 'add', ...allowed])).toMatchObject({ code: 0, stderr: '' });
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
      const produced = await as('alice:secret', ['produce', 'open', 'hello', '--quiet', '--sasl', mechanism]);
      expect(produced).toEqual({ code: 0, stdout: '', stderr: '' });
    }
    expect(await as('alice:secret', ['topic', 'list', '--json'])).toMatchObject({
      stdout: expect.stringMatching(/^\[\{"name":"open",[^}]*\}\]\n$/) as string,
    });
    expect(await as('alice:secret', ['produce', 'closed', 'hello'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/TOPIC_AUTHORIZATION_FAILED/) as string,
    });
    expect(await as('alice:secret', ['consume', 'open', '--until-end'])).toMatchObject({ code: 1 });
    expect(await as(root, ['consume', 'open', '--until-end'])).toMatchObject({ stdout: 'hello\n'.repeat(3) });
  });
});

describe('the command line against three brokers', () => {
  beforeAll(async () => {
    cluster = await Cluster.start(3, flags, 'chronik');
  });
  afterAll(() => cluster.remove());

  test('a topic is made, looked at, changed and removed', async () => {
    cluster.showLogsOnFailure();
    expect(
      await printed([
        'topic',
        'create',
        'orders',
        '--partitions',
        '3',
        '--replication-factor',
        '3',
        '--config',
        'retention.ms=86400000',
      ]),
    ).toBe('created orders\n');
    expect(await photon(['topic', 'create', 'orders'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^photon topic create: refused: orders: TOPIC_ALREADY_EXISTS/) as string,
    });
    expect(await printed(['topic', 'create', 'orders', '--if-not-exists'])).toBe('orders is there already\n');
    expect(await printed(['topic', 'list'])).toMatch(/^TOPIC +PARTITIONS +REPLICAS\norders +3 +3\n/);
    await printed([
      'topic',
      'alter',
      'orders',
      '--partitions',
      '4',
      '--config',
      'min.insync.replicas=2',
      '--delete-config',
      'retention.ms',
    ]);
    const [topic] = await json<DescribedTopic>(['topic', 'describe', 'orders']);
    expect(topic?.config).toEqual({ 'min.insync.replicas': '2' });
    expect(topic?.partitions.map(({ replicas }) => replicas.toSorted())).toEqual(Array(4).fill([1, 2, 3]));
    expect(await photon(['topic', 'alter', 'orders', '--partitions', '2'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/INVALID_PARTITIONS/) as string,
    });
    expect(await printed(['topic', 'delete', 'orders'])).toBe('deleted orders\n');
    expect(await photon(['topic', 'describe', 'orders'])).toMatchObject({
      code: 1,
      stderr: 'photon topic describe: refused: topic orders: UNKNOWN_TOPIC_OR_PARTITION\n',
    });
  });

  test.each(['none', 'gzip', 'zstd'])('what is produced is consumed, compressed with %s', async (codec) => {
    cluster.showLogsOnFailure();
    const topic = `lines-${codec}`;
    await printed(['topic', 'create', topic, '--partitions', '2']);
    const lines = Array.from({ length: 3_000 }, (_, at) => `key ${at % 7}\tvalue ${at}`);
    await printed(
      ['produce', topic, '--key-separator', '\t', '--compression', codec, '--quiet'],
      lines.join('\n'),
    );
    const consumed = await printed(['consume', topic, '--until-end', '--keys']);
    const read = consumed.split('\n').slice(0, -1);
    expect(read.toSorted()).toEqual(lines.toSorted());
    // A key has one partition, so that what was said of it comes in the order in which it was.
    const of = (key: string) => (line: string) => line.startsWith(`${key}\t`);
    expect(read.filter(of('key 3'))).toEqual(lines.filter(of('key 3')));
  });

  test('records are read from an offset, from the end, and one by one as JSON', async () => {
    cluster.showLogsOnFailure();
    await printed(['topic', 'create', 'places', '--partitions', '1']);
    expect(await printed(['produce', 'places', 'a', 'b', 'c', '--header', 'from=test'])).toBe(
      'places-0 offsets 0 to 2\n',
    );
    expect(await printed(['consume', 'places', '--from', '1', '--count', '1'])).toBe('b\n');
    expect(await printed(['consume', 'places', '--from', 'end', '--until-end'])).toBe('');
    expect(await printed(['consume', 'places', '--from', '2000-01-01T00:00:00Z', '--until-end'])).toBe(
      'a\nb\nc\n',
    );
    expect(await json(['consume', 'places', '--from', '2', '--until-end'])).toMatchObject([
      {
        topic: 'places',
        partition: 0,
        offset: 2,
        key: null,
        value: 'c',
        headers: [{ key: 'from', value: 'test' }],
      },
    ]);
    expect(await photon(['consume', 'places', '--from', '99'])).toMatchObject({
      code: 1,
      stderr: 'photon consume: refused: places-0 begins at 0 and ends at 3: OFFSET_OUT_OF_RANGE\n',
    });
  });

  test('a group remembers how far it has come, says so, and is set back', async () => {
    cluster.showLogsOnFailure();
    await printed(['topic', 'create', 'steps', '--partitions', '2']);
    await printed(['produce', 'steps', 'one', 'two', 'three', '--partition', '0']);
    expect(await printed(['consume', 'steps', '--group', 'walkers', '--count', '2'])).toBe('one\ntwo\n');
    expect(await printed(['consume', 'steps', '--group', 'walkers', '--until-end'])).toBe('three\n');
    expect(await printed(['group', 'list'])).toMatch(/^walkers +consumer +Empty$/m);
    const [described] = await json<DescribedGroup>(['group', 'describe', 'walkers']);
    expect(described).toMatchObject({ state: 'Empty', members: [] });
    expect(described?.offsets).toMatchObject([{ topic: 'steps', partition: 0, offset: 3, end: 3, lag: 0 }]);
    const reset = ['group', 'reset-offsets', 'walkers', '--topic', 'steps:0', '--to', 'beginning'];
    expect(await json([...reset, '--dry-run'])).toEqual([[{ topic: 'steps', partition: 0, offset: 0 }]]);
    expect(await printed(['consume', 'steps', '--group', 'walkers', '--until-end'])).toBe('');
    await printed(reset);
    expect(await printed(['consume', 'steps', '--group', 'walkers', '--until-end'])).toBe(
      'one\ntwo\nthree\n',
    );
    expect(await printed(['group', 'delete', 'walkers'])).toBe('deleted walkers\n');
    expect(await photon(['group', 'describe', 'walkers'])).toMatchObject({ code: 1 });
  });

  test('two consumers of a group share the partitions, and one takes over when the other leaves', async () => {
    cluster.showLogsOnFailure();
    await printed(['topic', 'create', 'shared', '--partitions', '2']);
    const join = () =>
      new LiveCommand(
        process.execPath,
        [photonFile, 'consume', 'shared', '--group', 'sharers', '--brokers', cluster.endpoints],
        {},
      );
    const first = join();
    const second = join();
    const got = () => [first, second].map(({ stdout }) => stdout.split('\n').filter(Boolean));
    const members = async () => {
      const { code, stdout } = await photon(['group', 'describe', 'sharers', '--json']);
      if (code !== 0) return 0;
      const { state, members: own } = JSON.parse(stdout) as DescribedGroup;
      return state === 'Stable' ? own.length : 0;
    };
    await expect.poll(members, { timeout: 60_000, interval: 500 }).toBe(2);
    await printed(['produce', 'shared', 'a', '--partition', '0']);
    await printed(['produce', 'shared', 'b', '--partition', '1']);
    await expect.poll(() => got().map(({ length }) => length), { timeout: 30_000 }).toEqual([1, 1]);
    expect(
      await photon(['group', 'reset-offsets', 'sharers', '--topic', 'shared', '--to', 'end']),
    ).toMatchObject({
      code: 1,
      stderr: 'photon group reset-offsets: group sharers is Stable: it must have no members\n',
    });
    await first.end('SIGTERM');
    await printed(['produce', 'shared', 'c', '--partition', '0']);
    await printed(['produce', 'shared', 'd', '--partition', '1']);
    await expect.poll(() => got()[1]?.slice(1).toSorted(), { timeout: 60_000 }).toEqual(['c', 'd']);
    await second.end('SIGTERM');
  });

  test('access-control lists are added, listed and removed', async () => {
    cluster.showLogsOnFailure();
    const added = [
      'acl',
      'add',
      '--principal',
      'User:alice',
      '--operation',
      'read,describe',
      '--topic',
      'or',
      '--prefixed',
    ];
    expect(await printed(added)).toMatch(/^added 2 entries\n/);
    await printed([
      'acl',
      'add',
      '--principal',
      'User:bob',
      '--operation',
      'all',
      '--cluster',
      '--deny',
      '--host',
      '10.0.0.1',
    ]);
    const entry = {
      principal: 'User:alice',
      permission: 'allow',
      resource: 'topic',
      name: 'or',
      pattern: 'prefixed',
      host: '*',
    };
    const [all] = await json<readonly object[]>(['acl', 'list']);
    expect(all).toHaveLength(3);
    expect(all).toEqual(
      expect.arrayContaining([
        { ...entry, operation: 'read' },
        { ...entry, operation: 'describe' },
        {
          ...{ principal: 'User:bob', permission: 'deny', operation: 'all', resource: 'cluster' },
          ...{ name: 'kafka-cluster', pattern: 'literal', host: '10.0.0.1' },
        },
      ]),
    );
    expect(await printed(['acl', 'remove', '--principal', 'User:alice', '--operation', 'read'])).toMatch(
      /^removed 1 entry\n/,
    );
    expect(await json(['acl', 'list', '--principal', 'User:alice'])).toEqual([
      [{ ...entry, operation: 'describe' }],
    ]);
    expect(await photon(['acl', 'remove'])).toMatchObject({ code: 2 });
    expect(await printed(['acl', 'remove', '--all'])).toMatch(/^removed 2 entries\n/);
  });

  test('users are given passwords, and taken them', async () => {
    cluster.showLogsOnFailure();
    expect(await printed(['acl', 'user', 'set', 'alice:secret', '--iterations', '5000'])).toBe('set alice\n');
    await printed(['acl', 'user', 'set', 'bob:secret', '--mechanism', 'SCRAM-SHA-256']);
    expect(await json(['acl', 'user', 'list'])).toEqual([
      [
        { user: 'alice', mechanism: 'SCRAM-SHA-256', iterations: 5_000 },
        { user: 'alice', mechanism: 'SCRAM-SHA-512', iterations: 5_000 },
        { user: 'bob', mechanism: 'SCRAM-SHA-256', iterations: 4_096 },
      ],
    ]);
    expect(await printed(['acl', 'user', 'remove', 'alice'])).toBe('removed alice\n');
    expect(await photon(['acl', 'user', 'remove', 'alice'])).toMatchObject({ code: 1 });
    expect(await json(['acl', 'user', 'list'])).toEqual([
      [{ user: 'bob', mechanism: 'SCRAM-SHA-256', iterations: 4_096 }],
    ]);
  });

  test('a partition moves to other brokers, and its records with it', async () => {
    cluster.showLogsOnFailure();
    await printed(['topic', 'create', 'moved', '--partitions', '2', '--replication-factor', '1']);
    await printed(['produce', 'moved', 'x', 'y', '--partition', '0']);
    await printed(['reassign', 'start', 'moved', '--to', '1,2,3', '--replication-factor', '2']);
    const replicas = async () => {
      const [topic] = await json<DescribedTopic>(['topic', 'describe', 'moved']);
      return topic?.partitions.map((one) => one.replicas);
    };
    await expect.poll(replicas, { timeout: 60_000, interval: 500 }).toEqual([
      [1, 2],
      [2, 3],
    ]);
    await expect.poll(() => printed(['reassign', 'status']), { timeout: 30_000 }).toBe('nothing moves\n');
    expect(await printed(['consume', 'moved', '--until-end'])).toBe('x\ny\n');
    expect(
      await photon(['reassign', 'start', 'moved', '--to', '1', '--replication-factor', '2']),
    ).toMatchObject({ code: 2 });
    expect(await photon(['reassign', 'start', 'moved:0', '--replicas', '9'])).toMatchObject({ code: 1 });
  });

  test('who writes and who reads go on when the leader is killed, and nothing is lost or said twice', async () => {
    cluster.showLogsOnFailure();
    await printed(['topic', 'create', 'through', '--partitions', '1', '--config', 'min.insync.replicas=2']);
    const live = (args: readonly string[]) =>
      new LiveCommand(
        process.execPath,
        [photonFile, ...args, '--brokers', cluster.endpoints, '--timeout', '60'],
        {},
      );
    const reader = live(['consume', 'through']);
    const count = 30;
    const lines = Array.from({ length: count }, (_, at) => `line ${at}`);
    const read = () => reader.stdout.split('\n').filter(Boolean);
    for (const [at, line] of lines.entries()) {
      if (at === 10) {
        const [topic] = await json<DescribedTopic>(['topic', 'describe', 'through']);
        const leader = cluster.members[(topic?.partitions[0]?.leader ?? 1) - 1]?.name ?? '';
        await cluster.end(leader, 'SIGKILL');
        expect(await photon(['produce', 'through', line, '--timeout', '60'])).toMatchObject({ code: 0 });
        await cluster.startMember(leader);
      } else {
        await printed(['produce', 'through', line, '--timeout', '60']);
      }
    }
    await expect.poll(read, { timeout: 60_000 }).toEqual(lines);
    await reader.end('SIGTERM');
  });

  test('what is wrong in a command is said before anybody is asked', async () => {
    for (const args of [
      ['topic', 'create'],
      ['topic', 'create', 't', '--partitions', '0'],
      ['topic', 'alter', 't'],
      ['produce', 't', 'v', '--acks', '2'],
      ['consume', 't', '--from', 'somewhere'],
      ['consume', 't', '--group', 'g', '--partition', '1'],
      ['acl', 'add', '--principal', 'User:a', '--operation', 'dance', '--topic', 't'],
      ['reassign', 'start', 't'],
    ]) {
      const { code } = await runCommand(process.execPath, [photonFile, ...args, '--brokers', '127.0.0.1:1']);
      expect({ args, code }).toEqual({ args, code: 2 });
    }
  });
});
