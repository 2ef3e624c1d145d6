import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';

import { Cluster } from './cluster.ts';
import { type CommandResult, runCommand } from './command.ts';
import { freePorts } from './ports.ts';
import { describeWith, postgresBinDir } from './requirement.ts';

/** PostgreSQL does not run as root: where the tests do, it runs as the user that its package makes. */
const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};

function idOf(which: '-u' | '-g'): number {
  return Number(spawnSync('id', [which, 'postgres'], { encoding: 'utf8' }).stdout);
}

/** Patroni's lease lasts this long, the shortest that it takes; a failover may take as long, and an election of its own. */
const ttlSeconds = 20;
const within = { timeout: 120_000, interval: 200 };

/** One PostgreSQL server and the Patroni that decides what it is. */
class Patroni {
  readonly name: string;
  readonly port: number;
  readonly #dir: string;
  readonly #api: string;
  readonly #process: ChildProcess;

  constructor(dir: string, name: string, ports: readonly [number, number], endpoints: readonly string[]) {
    const [api, port] = ports;
    this.name = name;
    this.port = port;
    this.#dir = join(dir, name);
    this.#api = `127.0.0.1:${api}`;
    mkdirSync(this.#dir);
    if (user.uid !== undefined) chownSync(this.#dir, user.uid, user.gid);
    const file = join(this.#dir, 'patroni.yml');
    writeFileSync(file, JSON.stringify(this.#configuration(endpoints)));
    const log = openSync(this.logFile, 'a');
    this.#process = spawn('patroni', [file], {
      stdio: ['ignore', log, log],
      cwd: this.#dir,
      env: { ...process.env, HOME: this.#dir },
      ...user,
    });
    closeSync(log);
  }

  get logFile(): string {
    return join(this.#dir, 'log');
  }

  /** JSON is YAML. */
  #configuration(endpoints: readonly string[]): object {
    return {
      scope: 'demo',
      name: this.name,
      restapi: { listen: this.#api, connect_address: this.#api },
      etcd3: { hosts: endpoints },
      bootstrap: {
        dcs: { ttl: ttlSeconds, loop_wait: 1, retry_timeout: 5 },
        initdb: [{ encoding: 'UTF8' }],
        pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'],
      },
      postgresql: {
        listen: `127.0.0.1:${this.port}`,
        connect_address: `127.0.0.1:${this.port}`,
        data_dir: join(this.#dir, 'data'),
        bin_dir: postgresBinDir(),
        authentication: {
          replication: { username: 'replicator', password: 'x' },
          superuser: { username: 'postgres', password: 'x' },
        },
        parameters: { unix_socket_directories: this.#dir, shared_buffers: '16MB', max_connections: 20 },
      },
    };
  }

  /** What it says of everybody's role: `p0=leader p1=replica`; what went wrong when it does not answer. */
  async roles(): Promise<string> {
    try {
      const answer = await fetch(`http://${this.#api}/cluster`);
      const { members } = (await answer.json()) as {
        members: { name: string; role: string; state: string }[];
      };
      return members
        .filter(({ state }) => state === 'running' || state === 'streaming')
        .map(({ name, role }) => `${name}=${role}`)
        .sort()
        .join(' ');
    } catch (error) {
      return (error as Error).message;
    }
  }

  query(sql: string): Promise<CommandResult> {
    const connection = `host=127.0.0.1 port=${this.port} user=postgres dbname=postgres`;
    return runCommand(join(postgresBinDir() ?? '', 'psql'), ['-XAtqc', sql, connection]);
  }

  /** As a machine's power cut would: server and all. */
  async kill(): Promise<void> {
    const running = this.#process.exitCode === null && this.#process.signalCode === null;
    if (running) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exited;
    }
    try {
      const [pid = ''] = readFileSync(join(this.#dir, 'data', 'postmaster.pid'), 'utf8').split('\n');
      process.kill(Number(pid), 'SIGKILL');
    } catch (error) {
      // It was stopped in order, or was never started.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}

describeWith(['patroni', 'postgres'], 'Patroni, which keeps its leader key here through the gateway', () => {
  let cluster: Cluster;
  let dir: string;
  const servers: Patroni[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'photon-patroni-'));
    chmodSync(dir, 0o755);
    cluster = await Cluster.start(3);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await cluster?.remove();
    // What the servers were writing when they were killed may still come.
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
  });

  async function start(name: string): Promise<Patroni> {
    const [api = 0, port = 0] = await freePorts(2);
    const endpoints = cluster.members.map(({ client }) => client);
    const server = new Patroni(dir, name, [api, port], endpoints);
    servers.push(server);
    return server;
  }

  test('it elects a leader, stands the death of a member of ours, and fails over', async () => {
    cluster.showLogsOnFailure();
    onTestFailed(() => {
      for (const server of servers)
        process.stderr.write(`${readFileSync(server.logFile, 'utf8').slice(-4_000)}\n`);
    });
    const first = await start('p0');
    await expect.poll(() => first.roles(), within).toBe('p0=leader');
    const second = await start('p1');
    await expect.poll(() => second.roles(), within).toBe('p0=leader p1=replica');
    expect(
      await first.query('create table kept (value text); insert into kept values ($$before$$)'),
    ).toMatchObject({
      code: 0,
    });
    await expect
      .poll(async () => (await second.query('select value from kept')).stdout, within)
      .toBe('before\n');

    for (const { name } of cluster.members) {
      await cluster.end(name, 'SIGKILL');
      expect(await first.query('insert into kept values ($$meanwhile$$)')).toMatchObject({ code: 0 });
      await cluster.startMember(name);
    }
    await expect.poll(() => first.roles(), within).toBe('p0=leader p1=replica');

    await first.kill();
    await expect.poll(() => second.roles(), within).toMatch(/p1=leader/);
    const counted = await second.query('select count(*) from kept where value = $$before$$');
    expect(counted).toMatchObject({ code: 0, stdout: '1\n' });
    // It holds the leader's key before its server has ended its recovery, and refuses writes until then.
    await expect
      .poll(async () => (await second.query('select pg_is_in_recovery()')).stdout, within)
      .toBe('f\n');
    expect(await second.query('insert into kept values ($$after$$)')).toMatchObject({ code: 0 });
  });
});
