import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { Cluster, photonFile } from './cluster.ts';
import { type CommandResult, etcdctl, runCommand } from './command.ts';
import { startEtcd } from './etcd-server.ts';
import { freePorts } from './ports.ts';
import { describeWith } from './requirement.ts';

/** A command that goes on until it is told to end. */
class Running {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown[]>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [photonFile, 'kv', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString('utf8')));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString('utf8')));
    this.#exited = once(this.#child, 'exit');
  }

  async says(text: string): Promise<void> {
    await expect.poll(() => this.stdout, { timeout: 20_000 }).toContain(text);
  }

  /** @returns the exit code; null when the signal itself has ended it */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.ended();
  }

  async ended(): Promise<number | null> {
    const [code] = await this.#exited;
    return code as number | null;
  }
}

/** The same from Chainfire and from etcd. */
function suite(start: () => Promise<{ readonly endpoint: string; stop(): Promise<void> }>): void {
  let server: Awaited<ReturnType<typeof start>>;
  let environment: Readonly<Record<string, string>>;
  const running: Running[] = [];
  const kv = (...args: string[]): Promise<CommandResult> =>
    runCommand(process.execPath, [photonFile, 'kv', ...args], { environment });
  const begin = (...args: string[]): Running => {
    const one = new Running(args, environment);
    running.push(one);
    return one;
  };
  beforeAll(async () => {
    server = await start();
    environment = { PHOTON_KV_ENDPOINTS: server.endpoint };
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.end('SIGKILL')));
  });
  afterAll(() => server?.stop());

  test('watch prints history and what follows, in text and in JSON', async () => {
    await kv('put', 'w/a', '1');
    const text = begin('watch', '--prefix', 'w/', '--rev', '1', '--prev-kv');
    const json = begin('watch', 'w/a', '--rev', '1', '--json');
    await text.says('PUT\nw/a\n1\n');
    await json.says('"value":"1"');
    await kv('put', 'w/a', '2');
    await kv('del', 'w/', '--prefix');
    await text.says('DELETE\n');
    expect(text.stdout).toBe('PUT\nw/a\n1\nPUT\nw/a\n1\nw/a\n2\nDELETE\nw/a\n2\nw/a\n\n');
    await json.says('delete');
    const lines = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { events: object[] });
    expect(lines.flatMap(({ events }) => events)).toMatchObject([
      { type: 'put', key: 'w/a', value: '1', version: 1 },
      { type: 'put', key: 'w/a', value: '2', version: 2 },
      { type: 'delete', key: 'w/a' },
    ]);
    // Stopped by a signal it ends by it.
    expect(await text.end('SIGTERM')).toBeNull();
  });

  test('watch of what is compacted says so and ends', async () => {
    const { revision } = JSON.parse((await kv('put', 'c', '1', '--json')).stdout) as { revision: number };
    await kv('compact', String(revision));
    const result = await kv('watch', 'c', '--rev', '1');
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toContain(`the first revision left is ${revision}`);
  });

  test('leases are granted, kept, looked at and revoked, with their keys', async () => {
    const granted = await kv('lease', 'grant', '60', '--id', 'abc123');
    expect(granted.stdout).toBe('lease abc123 granted with TTL(60s)\n');
    expect((await kv('lease', 'grant', '60', '--id', 'abc123')).stderr).toContain('lease already exists');
    await kv('put', 'session', 'me', '--lease', 'abc123');
    expect((await kv('lease', 'keep-alive', 'abc123', '--once')).stdout).toBe(
      'lease abc123 keepalived with TTL(60)\n',
    );
    expect((await kv('lease', 'timetolive', 'abc123', '--keys')).stdout).toMatch(
      /^lease abc123 granted with TTL\(60s\), remaining\((60|5\d)s\), attached keys\(\[session\]\)\n$/,
    );
    expect((await kv('lease', 'list')).stdout).toBe('found 1 leases\nabc123\n');
    const keeping = begin('lease', 'keep-alive', 'abc123');
    await keeping.says('keepalived');
    expect((await kv('lease', 'revoke', 'abc123')).stdout).toBe('lease abc123 revoked\n');
    expect((await kv('get', 'session')).code).toBe(4);
    expect(await kv('lease', 'timetolive', 'abc123')).toMatchObject({
      code: 0,
      stdout: 'lease abc123 already expired\n',
    });
    for (const args of [
      ['revoke', 'abc123'],
      ['keep-alive', 'abc123'],
    ]) {
      expect((await kv('lease', ...args)).code).toBe(1);
    }
    expect((await kv('put', 'session', 'me', '--lease', 'abc123')).stderr).toContain('lease not found');
    expect((await kv('lease', 'revoke', 'what')).code).toBe(2);
  });

  test('lock runs a command while it holds, with its token, and ends as the command does', async () => {
    const script = 'echo "$PHOTON_LOCK_KEY $PHOTON_LOCK_TOKEN"; exit 7';
    const first = await kv('lock', 'mutex', '--', 'sh', '-c', script);
    const second = await kv('lock', 'mutex', '--', 'sh', '-c', script);
    const tokenIn = ({ stdout }: CommandResult): number =>
      Number(/^mutex\/[0-9a-f]+ (\d+)\n$/.exec(stdout)?.[1]);
    expect([first.code, second.code]).toEqual([7, 7]);
    expect(tokenIn(second)).toBeGreaterThan(tokenIn(first));
    expect((await kv('lock', 'mutex', '--', '/no/such/program')).code).toBe(1);
    expect((await kv('get', '--prefix', 'mutex/', '--count-only')).stdout).toBe('0\n');
  });

  test('lock excludes others until it is stopped; who waits gives up in time and leaves nothing', async () => {
    const held = begin('lock', 'busy');
    await held.says('busy/');
    const impatient = await kv('lock', 'busy', '--wait', '1', '--', 'true');
    expect(impatient).toMatchObject({ code: 1 });
    expect(impatient.stderr).toContain('not done');
    const waiting = begin('lock', 'busy', '--', 'echo', 'mine');
    const stopped = begin('lock', 'busy');
    await expect
      .poll(async () => (await kv('get', '--prefix', 'busy/', '--count-only')).stdout, { timeout: 20_000 })
      .toBe('3\n');
    expect(await stopped.end('SIGINT')).toBe(130);
    expect(waiting.stdout).toBe('');
    expect(await held.end('SIGINT')).toBe(0);
    await waiting.says('mine');
    expect(await waiting.ended()).toBe(0);
    expect((await kv('get', '--prefix', 'busy/', '--count-only')).stdout).toBe('0\n');
  });

  test('a command is told to end when the lease that covers it is lost', async () => {
    const held = begin('lock', 'frail', '--ttl', '2', '--', 'sh', '-c', 'echo begun; exec sleep 60');
    await held.says('begun');
    const [, lease = ''] = (await kv('get', '--prefix', 'frail/', '--keys-only')).stdout.trim().split('/');
    await kv('lease', 'revoke', lease);
    expect(await held.ended()).toBe(1);
    expect(held.stderr).toContain('it is held no longer');
  });

  test('elect leads until it is stopped; whoever listens sees who follows', async () => {
    const anna = begin('elect', 'chief', 'anna');
    await anna.says('anna');
    const listening = begin('elect', '--listen', 'chief');
    await listening.says('anna');
    const berta = begin('elect', 'chief', 'berta');
    await expect
      .poll(async () => (await kv('get', '--prefix', 'chief/', '--count-only')).stdout, { timeout: 20_000 })
      .toBe('2\n');
    expect(berta.stdout).toBe('');
    expect(await anna.end('SIGTERM')).toBe(0);
    await berta.says('berta');
    await listening.says('berta');
    expect(listening.stdout).toMatch(/^chief\/[0-9a-f]+\nanna\nchief\/[0-9a-f]+\nberta\n$/);
    expect(await listening.end('SIGINT')).toBe(0);
    expect((await kv('elect', 'chief')).code).toBe(2);
  });

  test('reads of every consistency answer', async () => {
    await kv('put', 'read', 'me');
    for (const level of ['linearizable', 'serializable', 'local']) {
      expect((await kv('get', 'read', '--consistency', level)).stdout).toBe('read\nme\n');
    }
    expect((await kv('get', 'read', '--consistency', 'vague')).code).toBe(2);
  });

  test('who reaches nobody says so in time', async () => {
    const [port = 0] = await freePorts(1);
    const nobody = ['--endpoints', `127.0.0.1:${port}`, '--timeout', '1'];
    for (const args of [
      ['watch', 'k'],
      ['lock', 'k'],
      ['elect', 'k', 'v'],
      ['lease', 'list'],
    ]) {
      const result = await kv(...args, ...nobody);
      expect({ args, ...result }).toMatchObject({ args, code: 1 });
      expect(result.stderr).toContain('not done');
    }
  });
}

describe('photon kv sessions with Chainfire', () =>
  suite(async () => {
    const cluster = await Cluster.start(1);
    return { endpoint: cluster.endpoints, stop: () => cluster.remove() };
  }));

describeWith(['etcd'], 'photon kv sessions with etcd', () => suite(startEtcd));

describeWith(['etcdctl'], 'photon kv beside etcdctl', () => {
  test('photon kv lock and etcdctl lock of one name exclude each other', async () => {
    const cluster = await Cluster.start(1);
    const environment = { PHOTON_KV_ENDPOINTS: cluster.endpoints };
    const ours = new Running(['lock', 'shared'], environment);
    try {
      await ours.says('shared/');
      const theirs = etcdctl(cluster.endpoints, ['lock', 'shared', 'echo', 'theirs']);
      const count = async (): Promise<string> =>
        (await etcdctl(cluster.endpoints, ['get', '--prefix', 'shared/', '--keys-only'])).stdout;
      await expect.poll(async () => (await count()).match(/shared/g)?.length, { timeout: 20_000 }).toBe(2);
      let done = false;
      void theirs.then(() => (done = true));
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(done).toBe(false);
      expect(await ours.end('SIGTERM')).toBe(0);
      expect((await theirs).stdout).toContain('theirs');
    } finally {
      await ours.end('SIGKILL');
      await cluster.remove();
    }
  });
});
