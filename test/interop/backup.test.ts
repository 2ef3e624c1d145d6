import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Chainfire } from '../../adapters/client/chainfire.ts';
import { connect } from '../../adapters/client/connect.ts';
import { ChainfireError } from '../../adapters/client/errors.ts';
import { Cluster, photonFile } from './cluster.ts';
import { type CommandResult, etcdctl, runCommand } from './command.ts';
import { describeWith } from './requirement.ts';

/** Enough that a snapshot is many frames, and that its history has what compaction has released. */
const keys = 3_000;
const value = 'v'.repeat(1_000);

function snapshot(...args: readonly string[]): Promise<CommandResult> {
  return runCommand(process.execPath, [photonFile, 'chainfire', 'snapshot', ...args]);
}

interface Status {
  readonly hash: number;
  readonly revision: number;
  readonly totalKey: number;
  readonly totalSize: number;
  readonly compactRevision: number;
  readonly clusterId: string;
}

async function statusOf(file: string): Promise<Status> {
  const { code, stdout, stderr } = await snapshot('status', file, '-w', 'json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Status;
}

/** What each member answers, by itself. */
async function hashesOf(cluster: Cluster, revision: number): Promise<readonly string[]> {
  const { code, stdout, stderr } = await etcdctl(cluster.endpoints, [
    ...['endpoint', 'hashkv', '--rev', String(revision)],
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(', ')[1] ?? line);
}

function initialCluster(cluster: Cluster): string {
  return cluster.members.map((member) => `${member.name}=${member.peer}`).join(',');
}

function restoreMember(
  cluster: Cluster,
  name: string,
  file: string,
  more: readonly string[] = [],
): Promise<CommandResult> {
  const dataDir = join(cluster.dir, name);
  return snapshot(
    ...['restore', file, '--name', name, '--data-dir', dataDir],
    ...['--initial-cluster', initialCluster(cluster), ...more],
  );
}

async function restored(file: string): Promise<Cluster> {
  const cluster = await Cluster.plan(3);
  for (const { name } of cluster.members) {
    const { code, stderr } = await restoreMember(cluster, name, file);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  }
  await Promise.all(cluster.members.map(({ name }) => cluster.startMember(name)));
  return cluster;
}

/** Again where nobody knows whether it was done: a busy machine is no reason to have no backup to test. */
async function putSurely(db: Chainfire, key: string, text: string): Promise<void> {
  for (;;) {
    try {
      await db.put(key, text);
      return;
    } catch (error) {
      if (!(error instanceof ChainfireError) || error.outcome !== 'unknown') throw error;
    }
  }
}

/** Puts without end, several at once, until `stop` is called. */
class Load {
  readonly #db: Chainfire;
  #ended = false;
  /** How many were acknowledged. */
  writes = 0;
  readonly #writers: Promise<unknown>;

  constructor(db: Chainfire) {
    this.#db = db;
    this.#writers = Promise.all([0, 1, 2, 3].map((writer) => this.#write(writer)));
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await this.#writers;
  }

  async #write(writer: number): Promise<void> {
    for (let at = 0; !this.#ended; at += 1) {
      await putSurely(this.#db, `load/${writer}/${at % 50}`, `${at} ${value}`);
      this.writes += 1;
    }
  }
}

describeWith(['etcdctl'], 'a backup of a cluster under load', () => {
  let source: Cluster;
  let db: Chainfire;
  let theirs: string;
  let ours: string;
  let writesMeanwhile = 0;
  let leaseId: string;

  beforeAll(async () => {
    source = await Cluster.start(3);
    db = connect({ endpoints: source.endpoints.split(','), timeoutMs: 20_000 });
    theirs = join(source.dir, 'etcdctl.snap');
    ours = join(source.dir, 'photon.snap');
    for (let at = 0; at < keys; at += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, more) => putSurely(db, `key/${at + more}`, value)));
    }
    const lease = await db.lease(600);
    leaseId = lease.id.toString(16);
    const { revision } = await db.put('leased', 'mine', { lease });
    for (let at = 0; at < 200; at += 1) await db.delete(`key/${at}`);
    await etcdctl(source.endpoints, ['compact', String(revision + 100)]);
    const load = new Load(db);
    const [endpoint = ''] = source.endpoints.split(',');
    const before = load.writes;
    const results = await Promise.all([
      etcdctl(endpoint, ['snapshot', 'save', theirs]),
      snapshot('save', ours, '--endpoints', `127.0.0.1:1,${source.endpoints}`, '--timeout', '20'),
    ]);
    writesMeanwhile = load.writes - before;
    await load.stop();
    for (const { code, stderr } of results) expect(code, stderr).toBe(0);
  });
  afterAll(async () => {
    db?.close();
    await source?.remove();
  });

  test('is taken by etcdctl and by photon, while writes go on', async () => {
    expect(writesMeanwhile).toBeGreaterThan(0);
    expect(statSync(theirs).size % 512).toBe(32);
    expect(statSync(ours).mode & 0o077).toBe(0);
    expect(readdirSync(source.dir).filter((name) => name.endsWith('.part'))).toEqual([]);
    for (const file of [theirs, ours]) {
      const status = await statusOf(file);
      expect(status.revision).toBeGreaterThan(keys);
      expect(status.compactRevision).toBeGreaterThan(keys);
      expect(status.totalKey).toBeGreaterThan(keys - 200);
      expect(status.totalSize).toBe(statSync(file).size);
    }
  });

  test.each([
    ['etcdctl', () => theirs],
    ['photon', () => ours],
  ])('by %s is restored into a cluster of three that equals the source at its revision', async (_, file) => {
    const { revision, clusterId } = await statusOf(file());
    const cluster = await restored(file());
    cluster.showLogsOnFailure();
    try {
      const hashes = [...(await hashesOf(source, revision)), ...(await hashesOf(cluster, revision))];
      expect(new Set(hashes).size, hashes.join(' ')).toBe(1);
      expect(hashes).toHaveLength(6);
      // Under another id, with its leases, and it goes on from there.
      const leased = await etcdctl(cluster.endpoints, ['get', 'leased', '-w', 'json']);
      const { header } = JSON.parse(leased.stdout) as { header: { cluster_id: number; revision: number } };
      expect(header.revision).toBe(revision);
      expect(header.cluster_id).not.toBe(Number(BigInt(`0x${clusterId}`)));
      expect(/"lease":(\d+)/.exec(leased.stdout)?.[1]).toBe(BigInt(`0x${leaseId}`).toString());
      const put = await etcdctl(cluster.endpoints, ['put', 'after', 'restore', '-w', 'json']);
      expect(JSON.parse(put.stdout)).toMatchObject({ header: { revision: revision + 1 } });
      await etcdctl(cluster.endpoints, ['lease', 'revoke', leaseId]);
      expect((await etcdctl(cluster.endpoints, ['get', 'leased'])).stdout).toBe('');
      expect(new Set(await hashesOf(cluster, revision + 2)).size).toBe(1);
      // And survives the end of all its members at once.
      await Promise.all(cluster.members.map(({ name }) => cluster.end(name, 'SIGKILL')));
      await Promise.all(cluster.members.map(({ name }) => cluster.startMember(name)));
      expect((await etcdctl(cluster.endpoints, ['get', 'after'])).stdout).toBe('after\nrestore\n');
    } finally {
      await cluster.remove();
    }
  });

  test('its revisions go on above what clients have seen, and watches from before are told', async () => {
    const cluster = await Cluster.plan(1);
    cluster.showLogsOnFailure();
    try {
      const { revision } = await statusOf(ours);
      const bump = ['--bump-revision', '1000000', '--mark-compacted'];
      const { code, stdout, stderr } = await restoreMember(cluster, 'a', ours, bump);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(`revision ${revision + 1_000_000}`);
      await cluster.startMember('a');
      const put = await etcdctl(cluster.endpoints, ['put', 'after', 'restore', '-w', 'json']);
      expect(JSON.parse(put.stdout)).toMatchObject({ header: { revision: revision + 1_000_001 } });
      expect((await etcdctl(cluster.endpoints, ['get', 'leased', '--print-value-only'])).stdout).toBe(
        'mine\n',
      );
      const past = await etcdctl(cluster.endpoints, ['get', 'leased', '--rev', String(revision)]);
      expect(past.stderr).toContain('required revision has been compacted');
      const watch = await etcdctl(cluster.endpoints, ['watch', 'leased', '--rev', String(revision + 1)]);
      expect(watch.stderr).toContain('required revision has been compacted');
      const physical = await etcdctl(cluster.endpoints, [
        ...['compact', '--physical', String(revision + 1_000_001)],
      ]);
      expect(physical.code, physical.stderr).toBe(0);
      expect((await etcdctl(cluster.endpoints, ['get', 'leased', '--print-value-only'])).stdout).toBe(
        'mine\n',
      );
      // To mark what is not bumped would forget what is there.
      const wrong = await restoreMember(cluster, 'b', ours, ['--mark-compacted']);
      expect(wrong.code).toBe(2);
      expect(wrong.stderr).toContain('--mark-compacted is given without --bump-revision');
    } finally {
      await cluster.remove();
    }
  });

  test('a member that joins a restored cluster takes the restored state, not a log that begins behind it', async () => {
    const cluster = await Cluster.plan(2, (member) =>
      member.name === 'b'
        ? ['--initial-cluster-state', 'existing']
        : ['--initial-cluster', `a=${member.peer}`],
    );
    cluster.showLogsOnFailure();
    try {
      const a = cluster.place('a');
      const b = cluster.place('b');
      const { code, stderr } = await snapshot(
        ...['restore', ours, '--name', 'a', '--data-dir', a.dataDir, '--initial-cluster', `a=${a.peer}`],
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      await cluster.startMember('a');
      const added = await etcdctl(a.client, ['member', 'add', 'b', `--peer-urls=http://${b.peer}`]);
      expect(added.code, added.stderr).toBe(0);
      await cluster.startMember('b');
      const put = await etcdctl(a.client, ['put', 'joined', 'b', '-w', 'json']);
      const { header } = JSON.parse(put.stdout) as { header: { revision: number } };
      // Linearizable: answered when this member has come so far; asked again while it becomes what the snapshot is.
      const joined = connect({ endpoints: [b.client], timeoutMs: 20_000 });
      try {
        expect((await joined.get('joined'))?.modRevision).toBe(header.revision);
      } finally {
        joined.close();
      }
      expect(new Set(await hashesOf(cluster, header.revision)).size).toBe(1);
    } finally {
      await cluster.remove();
    }
  });

  test('every member of the source is defragmented under load, and all hold the same behind it', async () => {
    source.showLogsOnFailure();
    const load = new Load(db);
    const before = load.writes;
    const { code, stdout, stderr } = await etcdctl(source.endpoints, ['defrag']);
    const meanwhile = load.writes - before;
    await load.stop();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim().split('\n')).toHaveLength(3);
    expect(meanwhile).toBeGreaterThan(0);
    for (const { dataDir } of source.members) {
      expect(readFileSync(join(dataDir, 'state', 'CURRENT'), 'latin1')).not.toBe('000001\n');
    }
    const { revision } = await db.put('behind', 'it');
    // Linearizable: each has come so far.
    for (const { client } of source.members) await etcdctl(client, ['get', 'behind']);
    expect(new Set(await hashesOf(source, revision)).size).toBe(1);
    await Promise.all(source.members.map(({ name }) => source.end(name, 'SIGKILL')));
    await Promise.all(source.members.map(({ name }) => source.startMember(name)));
    expect((await etcdctl(source.endpoints, ['get', 'behind'])).stdout).toBe('behind\nit\n');
    for (const { client } of source.members) await etcdctl(client, ['get', 'behind']);
    expect(new Set(await hashesOf(source, revision)).size).toBe(1);
  });

  test('a member on an empty directory is no member of a restored cluster', async () => {
    const cluster = await Cluster.plan(3);
    cluster.showLogsOnFailure();
    try {
      for (const name of ['a', 'b']) expect((await restoreMember(cluster, name, ours)).code).toBe(0);
      const stranger = cluster.launch('c');
      await Promise.all(['a', 'b'].map((name) => cluster.startMember(name)));
      const { client } = cluster.place('a');
      expect((await etcdctl(client, ['put', 'still', 'here'])).stdout).toBe('OK\n');
      const ended = await Promise.race([stranger.ready.then(() => 'ready'), cluster.end('c', 'SIGTERM')]);
      expect(ended).not.toBe('ready');
      expect(readFileSync(cluster.place('c').logFile, 'utf8')).toContain('belongs to cluster');
    } finally {
      await cluster.remove();
    }
  });

  describe('is refused, with nothing left behind,', () => {
    let cluster: Cluster;
    beforeAll(async () => {
      cluster = await Cluster.plan(1);
    });
    afterAll(() => cluster?.remove());

    const refusal = async (file: string): Promise<string> => {
      const { code, stderr, stdout } = await restoreMember(cluster, 'a', file);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(readdirSync(cluster.dir)).toEqual([]);
      expect((await snapshot('status', file)).code).toBe(2);
      return stderr;
    };

    test('when a byte of it has flipped', async () => {
      const bytes = readFileSync(ours);
      const file = join(source.dir, 'flipped.snap');
      for (const at of [20, bytes.length >> 1, bytes.length - 600, bytes.length - 1]) {
        const flipped = Uint8Array.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ 0x10;
        writeFileSync(file, flipped);
        expect(await refusal(file)).toContain(`${file} is damaged`);
      }
    });

    test('when its end is missing, and when it is something else', async () => {
      const cut = join(source.dir, 'cut.snap');
      writeFileSync(cut, readFileSync(ours));
      truncateSync(cut, statSync(ours).size - 1_000);
      expect(await refusal(cut)).toContain(`${cut} is not whole`);
      expect(await refusal(photonFile)).toContain('is not a snapshot of Chainfire');
    });

    test('by a name that is none of the new members', async () => {
      const { code, stderr } = await snapshot(
        ...['restore', ours, '--name', 'z', '--data-dir', join(cluster.dir, 'z')],
        ...['--initial-cluster', initialCluster(cluster)],
      );
      expect(code).toBe(2);
      expect(stderr).toContain('name is "z", it must be one of those in initial_cluster: a');
      expect(readdirSync(cluster.dir)).toEqual([]);
    });
  });

  test('is not restored over a directory that is there', async () => {
    const cluster = await Cluster.plan(1);
    try {
      const { dataDir } = cluster.place('a');
      expect((await restoreMember(cluster, 'a', ours)).code).toBe(0);
      const format = readFileSync(join(dataDir, 'format'), 'utf8');
      const { code, stderr } = await restoreMember(cluster, 'a', theirs);
      expect(code).toBe(2);
      expect(stderr).toContain(`${dataDir} is there already`);
      expect(readFileSync(join(dataDir, 'format'), 'utf8')).toBe(format);
      expect(readdirSync(cluster.dir)).toEqual(['a']);
    } finally {
      await cluster.remove();
    }
  });

  test('that no member gives leaves no file', async () => {
    const file = join(source.dir, 'nothing.snap');
    const { code, stderr } = await snapshot('save', file, '--endpoints', '127.0.0.1:1', '--timeout', '5');
    expect(code).toBe(1);
    expect(stderr).toContain('127.0.0.1:1 gives no snapshot: ');
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(source.dir).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});
