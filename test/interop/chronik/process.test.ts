import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';

import { Cluster, photonFile } from '../cluster.ts';
import { type CommandResult, runCommand } from '../command.ts';
import { describeWith } from '../requirement.ts';

let cluster: Cluster;
afterEach(() => cluster.remove());

/** Runs a broker in the foreground, with these flags beside its own. */
function serve(name: string, ...flags: readonly string[]): Promise<CommandResult> {
  return runCommand(process.execPath, [
    photonFile,
    'chronik',
    'serve',
    ...cluster.serveFlags(name),
    ...flags,
  ]);
}

describe('a broker that must not start says why, and leaves no trace', () => {
  test.each([
    ['a name that is not listed', ['--name', 'z'], /initial_cluster has no broker z; it names a/],
    [
      'a listener over TLS without a certificate',
      ['--listen-client', 'tls://127.0.0.1:0'],
      /SSL speaks TLS: it needs cert_file/,
    ],
    [
      'a listener that nobody finds',
      ['--listen-client', '0.0.0.0:0'],
      /where no client finds it: give advertised_client/,
    ],
    [
      'more in-sync replicas than there are',
      ['--min-insync-replicas', '2'],
      /nothing could be written to them/,
    ],
    [
      'a value that is none',
      ['--flush-policy', 'sometimes'],
      /flag --flush-policy is "sometimes", it must be one of always, interval, never/,
    ],
    ['a users file that is none', ['--sasl-users-file', '/dev/full/users'], /cannot read \/dev\/full\/users/],
    [
      'heartbeats that are too rare',
      ['--heartbeat-interval-ms', '900'],
      /at most a third of election_timeout_ms/,
    ],
  ])('%s', async (_, flags, message) => {
    cluster = await Cluster.plan(1, [], 'chronik');
    const { code, stderr } = await serve('a', ...flags);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(readdirSync(cluster.dir)).toEqual([]);
  });

  test('a port that is taken', async () => {
    cluster = await Cluster.plan(1, [], 'chronik');
    const { client } = cluster.place('a');
    const other = createServer();
    await new Promise<void>((resolve) =>
      other.listen({ host: '127.0.0.1', port: Number(client.split(':')[1]) }, resolve),
    );
    try {
      const { code, stderr } = await serve('a');
      expect(stderr).toContain(`cannot listen for clients on ${client} (PLAINTEXT): listen EADDRINUSE`);
      // It may be free the next time.
      expect(code).toBe(1);
      expect(readdirSync(cluster.place('a').dataDir)).toEqual([]);
    } finally {
      other.close();
    }
  });

  test("a directory of another system's, and one that is no data directory", async () => {
    cluster = await Cluster.plan(1, [], 'chronik');
    const { dataDir } = cluster.place('a');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'notes.txt'), '');
    expect((await serve('a')).stderr).toMatch(/holds notes.txt: it is not a data directory/);
    writeFileSync(
      join(dataDir, 'format'),
      JSON.stringify({ formatVersion: 1, system: 'chainfire', clusterId: '0', nodeId: 1, name: 'a' }),
    );
    const { code, stderr } = await serve('a');
    expect(stderr).toMatch(/belongs to chainfire, not to chronik/);
    expect(code).toBe(2);
  });
});

describeWith(['kcat', 'curl'], 'a broker alone', () => {
  const kcat = (args: readonly string[], input?: string): Promise<CommandResult> =>
    runCommand('kcat', ['-b', cluster.endpoints, ...args], { input });
  const curl = async (path: string): Promise<string> =>
    (await runCommand('curl', ['-s', `http://${cluster.place('a').metrics}${path}`])).stdout;

  test.each(['always', 'interval', 'never'])(
    'what was acknowledged is there after SIGKILL, flushed %s; a second one does not start beside it',
    async (policy) => {
      cluster = await Cluster.start(1, ['--flush-policy', policy], 'chronik');
      cluster.showLogsOnFailure();
      expect(await kcat(['-P', '-t', 'kept', '-X', 'acks=all'], 'one\ntwo\n')).toMatchObject({ code: 0 });
      const second = await serve('a', '--listen-client', '127.0.0.1:0', '--listen-metrics', '127.0.0.1:0');
      expect(second.stderr).toMatch(/is in use by process \d+|locked|held/);
      await cluster.end('a', 'SIGKILL');
      await cluster.startMember('a');
      expect((await kcat(['-C', '-t', 'kept', '-e', '-q'])).stdout).toBe('one\ntwo\n');
      expect(await cluster.end('a', 'SIGTERM')).toEqual({ code: 0, signal: null });
      await cluster.startMember('a');
      expect((await kcat(['-C', '-t', 'kept', '-e', '-q'])).stdout).toBe('one\ntwo\n');
    },
  );

  test('that has lost the log of its metadata does not start: a vote that is forgotten is given twice', async () => {
    cluster = await Cluster.start(1, [], 'chronik');
    expect(await cluster.end('a', 'SIGTERM')).toEqual({ code: 0, signal: null });
    rmSync(join(cluster.place('a').dataDir, 'wal', '__meta'), { recursive: true });
    const { code, stderr } = await serve('a');
    expect(stderr).toMatch(/cannot open the data in \S+: /);
    expect(code).toBe(2);
  });

  test('metrics, health and readiness', async () => {
    cluster = await Cluster.start(1, ['--num-partitions', '3'], 'chronik');
    cluster.showLogsOnFailure();
    await kcat(['-P', '-t', 'measured', '-X', 'acks=all'], 'one\n');
    expect(await curl('/ready')).toBe('{"ready":"true"}\n');
    expect(await curl('/health')).toBe('{"health":"true"}\n');
    const metrics = await curl('/metrics');
    for (const line of [
      'photon_chronik_is_controller 1',
      'photon_chronik_is_fenced 0',
      'kafka_server_replicamanager_leadercount 3',
      'kafka_server_replicamanager_underreplicatedpartitions 0',
      'photon_chronik_requests_total{request="Produce",version="7"} 1',
      'photon_chronik_client_software_total{name="librdkafka",version="2.0.2"}',
      'photon_chronik_build_info{version=',
    ]) {
      expect(metrics).toContain(line);
    }
  });
});
