import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { PutRequest } from '../../core/chainfire/api/kv.ts';
import { seededPrng } from '../../sim/prng.ts';
import { Cluster, photonFile } from './cluster.ts';
import { type CommandResult, runCommand } from './command.ts';
import { freePorts } from './ports.ts';

function photon(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return runCommand(process.execPath, [photonFile, ...args], { environment });
}

/** Later flags win over earlier ones. */
function serve(
  cluster: Cluster,
  name: string,
  more: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
) {
  return photon(['chainfire', 'serve', ...cluster.serveFlags(name), ...more], environment);
}

const kv = (cluster: Cluster, ...args: string[]) =>
  photon(['kv', ...args, '--endpoints', cluster.endpoints, '--timeout', '20']);

describe('one member, one process', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start(1);
  });
  afterAll(() => cluster?.remove());

  test('a second process on the same directory is refused with the first one’s pid, and the first goes on', async () => {
    const [client = 0, metrics = 0] = await freePorts(2);
    const result = await serve(cluster, 'a', [
      '--listen-client',
      `127.0.0.1:${client}`,
      '--listen-metrics',
      `127.0.0.1:${metrics}`,
    ]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(
      `data directory ${cluster.place('a').dataDir} is in use by process ${cluster.pid('a') ?? 'none'}`,
    );
    expect((await kv(cluster, 'put', 'k', 'v')).code).toBe(0);
  });

  test('a taken port is refused by address and purpose, and no data directory is left behind claimed', async () => {
    const dataDir = join(cluster.dir, 'elsewhere');
    const result = await serve(cluster, 'a', ['--data-dir', dataDir]);
    // It may be free at the next start.
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`cannot listen for clients on ${cluster.place('a').client}`);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('metrics, health and readiness are served', async () => {
    const base = `http://${cluster.place('a').metrics}`;
    expect(await (await fetch(`${base}/health`)).json()).toEqual({ health: 'true' });
    expect(await (await fetch(`${base}/ready`)).json()).toEqual({ ready: 'true' });
    await kv(cluster, 'put', 'k', 'v');
    const metrics = await (await fetch(`${base}/metrics`)).text();
    for (const line of [
      /^etcd_server_has_leader 1$/m,
      /^etcd_server_is_leader 1$/m,
      /^etcd_server_leader_changes_seen_total [1-9]/m,
      /^etcd_server_proposals_committed_total [1-9]/m,
      /^etcd_disk_wal_fsync_duration_seconds_count [1-9]/m,
      /^photon_chainfire_revision [2-9]/m,
      /^grpc_server_handled_total\{grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put",grpc_code="OK"\} [1-9]/m,
    ]) {
      expect(metrics).toMatch(line);
    }
    expect((await fetch(`${base}/nothing`)).status).toBe(404);
    expect((await fetch(`${base}/health`, { method: 'POST' })).status).toBe(405);
  });

  test('SIGTERM ends with 0 and gives the directory back; what was written is there at the next start', async () => {
    expect((await kv(cluster, 'put', 'kept', 'over a restart')).code).toBe(0);
    expect(await cluster.end('a', 'SIGTERM')).toEqual({ code: 0, signal: null });
    expect(readdirSync(cluster.place('a').dataDir)).not.toContain('LOCK');
    await cluster.startMember('a');
    expect((await kv(cluster, 'get', 'kept')).stdout).toBe('kept\nover a restart\n');
  });

  test('SIGKILL loses nothing that was acknowledged, and the directory is free at once', async () => {
    expect((await kv(cluster, 'put', 'kept', 'over a kill')).code).toBe(0);
    expect(await cluster.end('a', 'SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    await cluster.startMember('a');
    expect((await kv(cluster, 'get', 'kept')).stdout).toBe('kept\nover a kill\n');
  });

  test('a directory of a newer format, another cluster or another node is refused and not touched', async () => {
    await cluster.end('a', 'SIGTERM');
    const { dataDir } = cluster.place('a');
    const format = readFileSync(join(dataDir, 'format'), 'utf8');
    const refusalOf = async (change: Record<string, unknown>): Promise<string> => {
      const copy = join(cluster.dir, `copy-${Object.keys(change).join('-')}`);
      cpSync(dataDir, copy, { recursive: true });
      const changed = JSON.stringify({ ...(JSON.parse(format) as object), ...change });
      writeFileSync(join(copy, 'format'), changed);
      const result = await serve(cluster, 'a', ['--data-dir', copy]);
      expect(result.code).toBe(2);
      expect(readFileSync(join(copy, 'format'), 'utf8')).toBe(changed);
      return result.stderr;
    };
    expect(await refusalOf({ formatVersion: 99 })).toContain(
      'has format 99, this version reads formats up to 1',
    );
    expect(await refusalOf({ clusterId: '0123456789abcdef' })).toContain(
      'belongs to cluster 0123456789abcdef',
    );
    expect(await refusalOf({ nodeId: 7, name: 'g' })).toContain('belongs to node 7 (g), not to node 1 (a)');
    expect((await serve(cluster, 'a', ['--initial-cluster-token', 'other'])).stderr).toContain(
      'this node to cluster',
    );
    await cluster.startMember('a');
    expect((await kv(cluster, 'get', 'kept')).stdout).toBe('kept\nover a kill\n');
  });
});

describe('wrong settings', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.plan(1);
  });
  afterAll(() => cluster?.remove());

  const refusals: readonly (readonly [string, readonly string[], Record<string, string>, string])[] = [
    [
      'an unknown environment key',
      [],
      { PHOTON_CHAINFIRE_DATADIR: '/x' },
      'did you mean PHOTON_CHAINFIRE_DATA_DIR?',
    ],
    ['an unknown flag', ['--data-dri', '/x'], {}, "unknown option '--data-dri'"],
    [
      'a wrong type',
      ['--election-timeout-ms', 'soon'],
      {},
      'flag --election-timeout-ms is "soon", it must be an integer from 10 to 60000 ms',
    ],
    [
      'a name that is no member',
      ['--name', 'zoe'],
      {},
      'name is "zoe", it must be one of those in initial_cluster: a',
    ],
    [
      'a heartbeat slower than elections',
      ['--heartbeat-interval-ms', '900'],
      {},
      'heartbeat_interval_ms is 900, it must be at most a third',
    ],
    [
      'a configuration file that is not there',
      ['--config', '/nowhere/x.toml'],
      {},
      'cannot read the configuration file /nowhere/x.toml',
    ],
  ];
  test.each(refusals)('%s: exit code 2, named, nothing made', async (_, flags, environment, words) => {
    const result = await serve(cluster, 'a', flags, environment);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(words);
    expect(readdirSync(cluster.dir)).toEqual([]);
  });

  test('an unknown key of the file is named with the one that was meant', async () => {
    const file = join(cluster.dir, 'chainfire.toml');
    mkdirSync(cluster.dir, { recursive: true });
    writeFileSync(file, 'elction_timeout_ms = 1000\n');
    const result = await serve(cluster, 'a', ['--config', file]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(
      `unknown key elction_timeout_ms in ${file}; did you mean election_timeout_ms?`,
    );
  });
});

describe('three members', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start(3);
  });
  afterAll(() => cluster?.remove());

  /** Asked of their metrics: who leads. */
  async function leader(): Promise<string> {
    for (const member of cluster.members) {
      if (!cluster.isRunning(member.name)) continue;
      const metrics = await (await fetch(`http://${member.metrics}/metrics`)).text();
      if (/^etcd_server_is_leader 1$/m.test(metrics)) return member.name;
    }
    throw new Error('nobody leads');
  }

  test('after SIGKILL of the leader writes and reads go on, and it finds its data when it is back', async () => {
    cluster.showLogsOnFailure();
    expect((await kv(cluster, 'put', 'before', '1')).code).toBe(0);
    const killed = await leader();
    await cluster.end(killed, 'SIGKILL');
    // A write that was on its way to the dead leader may end as "nobody knows"; the next one finds the new leader.
    const first = await kv(cluster, 'put', 'after', '2');
    expect([0, 3]).toContain(first.code);
    expect(await kv(cluster, 'put', 'after', '2')).toMatchObject({ code: 0, stderr: '' });
    expect((await kv(cluster, 'get', 'before')).stdout).toBe('before\n1\n');
    await cluster.startMember(killed);
    const back = await photon([
      'kv',
      'get',
      'after',
      '--endpoints',
      cluster.place(killed).client,
      '--timeout',
      '20',
    ]);
    expect(back).toMatchObject({ code: 0, stdout: 'after\n2\n' });
  });

  test('all members killed at once: everything is there afterwards', async () => {
    cluster.showLogsOnFailure();
    expect((await kv(cluster, 'put', 'survivor', 'yes')).code).toBe(0);
    await Promise.all(cluster.members.map((member) => cluster.end(member.name, 'SIGKILL')));
    await Promise.all(cluster.members.map((member) => cluster.startMember(member.name)));
    expect((await kv(cluster, 'get', '--prefix', '')).stdout).toBe('after\n2\nbefore\n1\nsurvivor\nyes\n');
  });

  test('without a quorum a write is not acknowledged, and a member says that it knows no leader', async () => {
    cluster.showLogsOnFailure();
    await cluster.end('a', 'SIGKILL');
    await cluster.end('b', 'SIGKILL');
    const result = await photon([
      'kv',
      'put',
      'lonely',
      'x',
      '--endpoints',
      cluster.place('c').client,
      '--timeout',
      '5',
    ]);
    expect([1, 3]).toContain(result.code);
    // What it says of leaders is what it has seen: those that took office, not that the last one went.
    const metrics = await (await fetch(`http://${cluster.place('c').metrics}/metrics`)).text();
    const seen = readFileSync(cluster.place('c').logFile, 'utf8').split('"started"').at(-1) ?? '';
    const changes = /^etcd_server_leader_changes_seen_total ([0-9]+)$/m.exec(metrics)?.[1];
    expect(Number(changes)).toBe(seen.split('"leader known"').length - 1);
    expect(seen).toContain('"leader lost"');
    expect(metrics).toMatch(/^etcd_server_has_leader 0$/m);
    const health = await fetch(`http://${cluster.place('c').metrics}/health`);
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({ health: 'false' });
    await Promise.all([cluster.startMember('a'), cluster.startMember('b')]);
    expect((await kv(cluster, 'put', 'company', 'y')).code).toBe(0);
  });
});

test('a member that was away longer than the log reaches back is brought up by a snapshot', async () => {
  // Small segments and no trailing entries: the log is cut as soon as the store has what it holds.
  const cluster = await Cluster.start(3, ['--trailing-entries', '0', '--segment-bytes-max', '65536']);
  cluster.showLogsOnFailure();
  const endpoints = cluster.members.map(({ client }) => {
    const [host = '', port = ''] = client.split(':');
    return { host, port: Number(port) };
  });
  const client = new GrpcChainfireClient({ endpoints, prng: seededPrng('snapshot') });
  try {
    await cluster.end('c', 'SIGKILL');
    const value = new Uint8Array(2_000).fill(7);
    // A write that was on its way to the dead leader may end as "nobody knows"; the next one finds the new leader.
    const put = (key: string) =>
      client.call({ kind: 'put', request: PutRequest.create({ key, value }) }, 30_000);
    await put('first');
    expect((await put('second')).kind).toBe('answered');
    // What must be read back, more than one chunk of a snapshot.
    for (let at = 0; at < 1_000; at += 50) {
      const outcomes = await Promise.all(Array.from({ length: 50 }, (_, more) => put(`k${at + more}`)));
      expect(outcomes.filter(({ kind }) => kind !== 'answered')).toEqual([]);
    }
    await cluster.startMember('c');
    const read = await photon([
      'kv',
      'get',
      '--prefix',
      'k',
      '--count-only',
      '--endpoints',
      cluster.place('c').client,
      '--timeout',
      '30',
    ]);
    expect(read).toMatchObject({ code: 0, stdout: '1000\n' });
    const sent = await Promise.all(
      cluster.members.map(async ({ metrics }) => {
        const text = await (await fetch(`http://${metrics}/metrics`)).text();
        return Number(/^photon_chainfire_snapshots_sent_total ([0-9]+)$/m.exec(text)?.[1]);
      }),
    );
    expect(sent.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  } finally {
    client.close();
    await cluster.remove();
  }
});

test('a member ends when the process that started it is gone, and refuses data that is not whole', async () => {
  const cluster = await Cluster.start(1);
  try {
    const running = cluster.pid('a');
    expect(running).toBeGreaterThan(0);
    const ended = cluster.parentGone('a');
    expect(await ended).toEqual({ code: 0, signal: null });
    // Gone while the program was still being loaded.
    cluster.launch('a');
    cluster.showLogsOnFailure();
    expect(await cluster.parentGone('a')).toEqual({ code: 0, signal: null });
    // Data that is not whole is refused by name, not by a stack.
    rmSync(join(cluster.place('a').dataDir, 'state', 'CURRENT'));
    const refused = await serve(cluster, 'a');
    expect(refused.code).toBe(2);
    expect(refused.stderr.trimEnd().split('\n').at(-1)).toMatch(
      /^photon chainfire serve: cannot open the data in \S+: \S+state holds 000001, but no CURRENT to name one$/,
    );
  } finally {
    await cluster.remove();
  }
});

test('a port taken by something else entirely is named', async () => {
  const cluster = await Cluster.plan(1);
  const [host = '', port = '0'] = cluster.place('a').peer.split(':');
  const other = createServer();
  await new Promise<void>((resolve) => other.listen({ host, port: Number(port) }, resolve));
  try {
    const result = await serve(cluster, 'a');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`cannot listen for peers on ${cluster.place('a').peer}`);
  } finally {
    other.close();
    await cluster.remove();
  }
});
