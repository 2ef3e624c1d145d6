import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { connect } from '../../adapters/client/connect.ts';
import { ChainfireError } from '../../adapters/client/errors.ts';
import { operation } from '../../adapters/client/txn.ts';
import { Cluster, photonFile } from './cluster.ts';
import { type CommandResult, etcdctl, LiveCommand, runCommand } from './command.ts';
import { describeWith } from './requirement.ts';

interface Namespace {
  readonly name: string;
  readonly prefix: string;
  readonly limits: Readonly<Record<string, number | null>>;
  readonly usage: Readonly<Record<string, number>>;
  readonly counting: boolean;
}

interface MemberStatus {
  readonly Endpoint: string;
  readonly Status: { readonly header: { readonly member_id: number }; readonly leader: number };
}

const done = { code: 0, stderr: '' };

/** A quota that is reached, as etcdctl tells of it. */
function exceeded(name: string, measure: string, limit: number, used: number, added: number): string {
  return `etcdserver: namespace ${name}: quota of ${measure} exceeded (limit ${limit}, used ${used}, the request adds ${added})`;
}

describeWith(['etcdctl'], 'namespaces, on three members', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start(3);
  }, 60_000);

  afterAll(async () => {
    await cluster.remove();
  });

  function namespace(args: readonly string[], of = cluster.endpoints): Promise<CommandResult> {
    return runCommand(process.execPath, [photonFile, 'chainfire', 'namespace', ...args, '--endpoints', of]);
  }

  async function set(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await namespace(['set', ...args]);
    expect({ code, stderr }).toEqual(done);
  }

  async function list(of = cluster.endpoints): Promise<readonly Namespace[]> {
    const { code, stdout, stderr } = await namespace(['list', '--json'], of);
    expect({ code, stderr }).toEqual(done);
    return (JSON.parse(stdout) as { readonly namespaces: readonly Namespace[] }).namespaces;
  }

  async function doesIt(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await etcdctl(cluster.endpoints, args);
    expect({ args, code, stderr }).toEqual({ args, ...done });
    return stdout;
  }

  async function refuses(message: string, ...args: readonly string[]): Promise<void> {
    const { code, stderr } = await etcdctl(cluster.endpoints, args);
    expect({ args, code: code === 0, said: stderr.includes(message), stderr }).toEqual({
      ...{ args, code: false, said: true, stderr },
    });
  }

  /** Every member by itself says of the namespaces what the keys say. */
  async function expectExact(): Promise<void> {
    for (const { client } of cluster.members) {
      for (const { name, prefix, usage, counting } of await list(client)) {
        const { stdout } = await etcdctl(client, ['get', '--prefix', prefix, '-w', 'json']);
        const found = JSON.parse(stdout) as {
          kvs?: readonly { key: string; value?: string; lease?: number }[];
        };
        const kvs = found.kvs ?? [];
        const bytesOf = (base64 = ''): number => Buffer.from(base64, 'base64').length;
        const counted = {
          keys: kvs.length,
          bytes: kvs.reduce((sum, { key, value }) => sum + bytesOf(key) + bytesOf(value), 0),
          leases: new Set(kvs.flatMap(({ lease }) => (lease === undefined ? [] : [lease]))).size,
        };
        const { keys, bytes, leases } = usage;
        expect({ client, name, counting, keys, bytes, leases }).toEqual({
          ...{ client, name, counting: false },
          ...counted,
        });
      }
    }
  }

  async function leaderOf(): Promise<string> {
    for (;;) {
      const { stdout } = await etcdctl(cluster.endpoints, ['endpoint', 'status', '-w', 'json']);
      const members = JSON.parse(stdout || '[]') as readonly MemberStatus[];
      const leader = members.find(({ Status }) => Status.leader === Status.header.member_id);
      const place = cluster.members.find(({ client }) => client === leader?.Endpoint);
      if (place !== undefined) return place.name;
    }
  }

  test('a quota reached in one namespace: its writes are refused by name, the others go on; freed, it writes again', async () => {
    cluster.showLogsOnFailure();
    await set('team-a', '--prefix', 'a/', '--keys', '5', '--bytes', '1KiB');
    await set('team-b', '--prefix', 'b/', '--keys', '5');
    for (let at = 1; at <= 5; at += 1) await doesIt('put', `a/${at}`, 'value');
    await refuses(exceeded('team-a', 'keys', 5, 5, 1), 'put', 'a/6', 'value');
    await doesIt('put', 'b/1', 'value');
    await doesIt('put', 'elsewhere', 'value');
    await doesIt('put', 'a/5', 'another value');

    const killed = await leaderOf();
    await cluster.end(killed, 'SIGKILL');
    await refuses(exceeded('team-a', 'keys', 5, 5, 1), 'put', 'a/6', 'value');
    await doesIt('put', 'b/2', 'value');
    await cluster.startMember(killed);
    await refuses(exceeded('team-a', 'keys', 5, 5, 1), 'put', 'a/6', 'value');
    await expectExact();

    await doesIt('del', 'a/3');
    await doesIt('put', 'a/6', 'value');
    await refuses(exceeded('team-a', 'bytes', 1_024, 48, 1_004), 'put', 'a/6', 'x'.repeat(1_009));
    await expectExact();
  }, 120_000);

  test('its code is RESOURCE_EXHAUSTED, and says what was exceeded', async () => {
    const db = connect({ endpoints: cluster.endpoints.split(',') });
    try {
      const refusal = await db.put('a/7', 'value').then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refusal).toBeInstanceOf(ChainfireError);
      expect((refusal as ChainfireError).code).toBe('NAMESPACE_QUOTA_EXCEEDED');
    } finally {
      db.close();
    }
    const said = `code = ResourceExhausted desc = ${exceeded('team-a', 'keys', 5, 5, 1)}`;
    await refuses(said, 'put', 'a/7', 'value');
  }, 60_000);

  test('a transaction stands or falls whole, by the difference that it makes', async () => {
    const before = await doesIt('get', '--prefix', 'a/');
    const txn = (operations: string): Promise<CommandResult> =>
      etcdctl(cluster.endpoints, ['txn'], `\n${operations}\n\n`);
    const refused = await txn('put b/3 value\nput a/7 value\n');
    expect([refused.code === 0, refused.stderr]).toEqual([
      false,
      expect.stringContaining(exceeded('team-a', 'keys', 5, 5, 1)),
    ]);
    expect(await doesIt('get', '--prefix', 'a/')).toBe(before);
    expect(await doesIt('get', 'b/3')).toBe('');
    expect(await txn('del a/6\nput a/7 value\n')).toMatchObject({ code: 0 });
    await expectExact();
  }, 60_000);

  test('leases count where they have keys; one that expires gives back what its keys took', async () => {
    await set('leases', '--prefix', 'l/', '--keys', '2', '--leases', '1');
    const granted = async (seconds: number): Promise<string> =>
      (await doesIt('lease', 'grant', String(seconds))).split(' ')[1] ?? '';
    const [short, long] = [await granted(3), await granted(600)];
    // However long all of this takes, it expires when nobody keeps it any more.
    const keeper = LiveCommand.etcdctl(cluster.endpoints, ['lease', 'keep-alive', short]);
    await keeper.until((stdout) => stdout.includes('keepalived'));
    const watch = LiveCommand.etcdctl(cluster.endpoints, ['watch', 'l/2']);
    await doesIt('put', 'l/1', 'value', '--lease', short);
    await doesIt('put', 'l/2', 'value', '--lease', short);
    await refuses(exceeded('leases', 'keys', 2, 2, 1), 'put', 'l/3', 'value', '--lease', long);
    await set('leases', '--leases', '1');
    await refuses(exceeded('leases', 'leases', 1, 1, 1), 'put', 'l/3', 'value', '--lease', long);
    await keeper.end('SIGTERM');
    await watch.until((stdout) => stdout.includes('DELETE'));
    await watch.end('SIGTERM');
    await doesIt('put', 'l/3', 'value', '--lease', long);
    await expectExact();
    await doesIt('lease', 'revoke', long);
    await expectExact();
  }, 60_000);

  test('watches count on the member that serves them; one beyond the limit is refused by name', async () => {
    await set('watched', '--prefix', 'w/', '--watches', '1');
    const [one, other] = [cluster.members[0]?.client ?? '', cluster.members[1]?.client ?? ''];
    const first = LiveCommand.etcdctl(one, ['watch', '--prefix', 'w/']);
    while ((await list(one)).find(({ name }) => name === 'watched')?.usage['watches'] !== 1);
    const refused = await etcdctl(one, ['watch', 'w/1'], undefined, 20_000);
    expect(refused.stderr).toContain(exceeded('watched', 'watches', 1, 1, 1));
    const elsewhere = LiveCommand.etcdctl(other, ['watch', 'w/1']);
    while ((await list(other)).find(({ name }) => name === 'watched')?.usage['watches'] !== 1);
    await doesIt('put', 'w/1', 'value');
    for (const watch of [first, elsewhere]) {
      await watch.until((stdout) => stdout.includes('value'));
      await watch.end('SIGTERM');
    }
    while ((await list(one)).find(({ name }) => name === 'watched')?.usage['watches'] !== 0);
    const again = LiveCommand.etcdctl(one, ['watch', 'w/1', '--rev', '1']);
    await again.until((stdout) => stdout.includes('value'));
    await again.end('SIGTERM');
  }, 60_000);

  test('a namespace over keys that are there already counts them, and all of it survives the death of all members', async () => {
    const db = connect({ endpoints: cluster.endpoints.split(',') });
    try {
      // More than one turn of counting takes.
      for (let at = 0; at < 2_500; at += 100) {
        const puts = Array.from({ length: 100 }, (_, each) => operation.put(`old/${at + each}`, 'v'));
        await db
          .txn()
          .do(...puts)
          .commit();
      }
    } finally {
      db.close();
    }
    await set('old', '--prefix', 'old/', '--keys', '2500');
    while ((await list()).find(({ name }) => name === 'old')?.counting !== false);
    await refuses(exceeded('old', 'keys', 2_500, 2_500, 1), 'put', 'old/new', 'value');
    await expectExact();
    const before = await list();
    await Promise.all(cluster.members.map(({ name }) => cluster.end(name, 'SIGKILL')));
    await Promise.all(cluster.members.map(({ name }) => cluster.startMember(name)));
    expect(await list()).toEqual(before);
    await expectExact();
  }, 120_000);

  test('a snapshot has namespaces and what they hold: the restored cluster refuses the same', async () => {
    const file = join(cluster.dir, 'backup.snap');
    const { code } = await etcdctl(cluster.members[0]?.client ?? '', ['snapshot', 'save', file]);
    expect(code).toBe(0);
    const before = await list();
    const copy = await Cluster.plan(3);
    try {
      const all = copy.members.map(({ name, peer }) => `${name}=${peer}`).join(',');
      for (const { name, dataDir } of copy.members) {
        const restored = await runCommand(process.execPath, [
          ...[photonFile, 'chainfire', 'snapshot', 'restore', file, '--name', name],
          ...['--data-dir', dataDir, '--initial-cluster', all],
        ]);
        expect({ code: restored.code, stderr: restored.stderr }).toEqual(done);
      }
      await Promise.all(copy.members.map(({ name }) => copy.startMember(name)));
      expect(await list(copy.endpoints)).toEqual(before);
      const refused = await etcdctl(copy.endpoints, ['put', 'a/8', 'value']);
      expect(refused.stderr).toContain(exceeded('team-a', 'keys', 5, 5, 1));
      expect((await etcdctl(copy.endpoints, ['del', 'a/1'])).code).toBe(0);
      expect((await etcdctl(copy.endpoints, ['put', 'a/8', 'value'])).code).toBe(0);
    } finally {
      await copy.remove();
    }
  }, 120_000);

  test('what is wrong is said, with what is right', async () => {
    const says = async (...args: readonly string[]): Promise<readonly unknown[]> => {
      const { code, stderr } = await namespace(args);
      return [code, stderr.trim()];
    };
    const refusal = 'photon chainfire namespace: refused: etcdserver: ';
    expect(await says('set', 'more', '--prefix', 'a/b')).toEqual([
      1,
      `${refusal}the prefix "a/b" of namespace more overlaps "a/" of namespace team-a: a key is in one namespace at most`,
    ]);
    expect(await says('remove', 'nobody')).toEqual([1, `${refusal}namespace "nobody" not found`]);
    expect(await says('set', 'no spaces', '--prefix', 'x/')).toEqual([
      1,
      `${refusal}namespace name "no spaces" is not valid: 1 to 128 of A-Z a-z 0-9 . _ / -, the first a letter or a digit`,
    ]);
    expect(await says('set', 'x', '--prefix', 'x/', '--bytes', '1.5GB')).toEqual([
      2,
      expect.stringContaining(
        'it must be a number of bytes of 1 or more, or of KiB, MiB, GiB or TiB: 10MiB.',
      ),
    ]);
    expect((await namespace(['remove', 'team-b'])).stdout).toBe('namespace team-b removed\n');
    const { stdout } = await namespace(['list', 'team-a']);
    expect(stdout.split('\n')[0]?.split(/ +/)).toEqual([
      'NAME',
      'PREFIX',
      'BYTES',
      'KEYS',
      'LEASES',
      'WATCHES',
    ]);
    expect(stdout).toMatch(/^team-a +a\/ +\d+\/1024 +5\/5 +0\/- +0\/-$/m);
  }, 60_000);

  test('metrics have what each holds and may hold', async () => {
    const body = await (await fetch(`http://${cluster.members[0]?.metrics ?? ''}/metrics`)).text();
    expect(body).toMatch(/^photon_chainfire_namespace_used_keys\{namespace="team-a"\} 5$/m);
    expect(body).toMatch(/^photon_chainfire_namespace_limit_keys\{namespace="team-a"\} 5$/m);
    expect(body).not.toMatch(/^photon_chainfire_namespace_limit_leases\{namespace="team-a"\}/m);
  }, 60_000);

  test('with authentication, namespaces are for the root role, and their quotas for everybody', async () => {
    for (const user of ['root', 'ann']) await doesIt('user', 'add', `${user}:x`);
    await doesIt('user', 'grant-role', 'root', 'root');
    await doesIt('role', 'add', 'team-a');
    await doesIt('role', 'grant-permission', 'team-a', 'readwrite', '--prefix', 'a/');
    await doesIt('user', 'grant-role', 'ann', 'team-a');
    await doesIt('auth', 'enable');
    const denied = [1, 'photon chainfire namespace: refused: etcdserver: permission denied'];
    for (const args of [['list'], ['set', 'team-a', '--keys', '9'], ['remove', 'team-a']]) {
      const { code, stderr } = await namespace([...args, '--user', 'ann:x']);
      expect([code, stderr.trim()]).toEqual(denied);
    }
    await refuses(exceeded('team-a', 'keys', 5, 5, 1), '--user', 'ann:x', 'put', 'a/9', 'value');
    expect((await namespace(['set', 'team-a', '--keys', '6', '--user', 'root:x'])).code).toBe(0);
    await doesIt('--user', 'ann:x', 'put', 'a/9', 'value');
  }, 60_000);
});
