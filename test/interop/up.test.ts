import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { MemberRemoveRequest } from '../../core/chainfire/api/cluster.ts';
import { seededPrng } from '../../sim/prng.ts';
import { photonFile } from './cluster.ts';
import { runCommand } from './command.ts';
import { freePorts } from './ports.ts';
import { describeWith } from './requirement.ts';

let dir: string;
const started: ChildProcess[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-up-'));
});
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  rmSync(dir, { recursive: true, force: true });
});

/** `photon up` with its output as lines to wait for. */
class Up {
  readonly process: ChildProcess;
  output = '';
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[]) {
    this.process = spawn(
      process.execPath,
      [photonFile, 'up', '--data', join(dir, 'data'), '--brokers', '0', '--agents', '0', ...args],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    started.push(this.process);
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString('utf8');
        for (const wake of this.#waiting) wake();
      });
    }
    this.process.on('exit', () => {
      for (const wake of this.#waiting) wake();
    });
  }

  /** The first match behind what has been matched before. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) {
        this.output = this.output.slice(match.index + match[0].length);
        return match;
      }
      if (this.process.exitCode !== null)
        throw new Error(`photon up ended with ${this.process.exitCode}: ${this.output}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  async stop(signal: NodeJS.Signals): Promise<number | null> {
    this.process.kill(signal);
    if (this.process.exitCode === null) await once(this.process, 'exit');
    return this.process.exitCode;
  }
}

const kv = (endpoints: string, ...args: string[]) =>
  runCommand(process.execPath, [photonFile, 'kv', ...args, '--endpoints', endpoints, '--timeout', '20']);

/** A first port whose neighbours are free too. */
async function firstPort(): Promise<string> {
  const [port = 0] = await freePorts(1);
  return String(port);
}

/** The process with this command line that is not this one's child, by what the members' lock files say. */
function pidOf(member: string): number {
  return (JSON.parse(readFileSync(join(dir, 'data', member, 'LOCK'), 'utf8')) as { pid: number }).pid;
}

test('three members, a member that dies is started again, Ctrl-C stops all, the next start finds its data', async () => {
  const port = await firstPort();
  const up = new Up(['--port', port]);
  const [, endpoints = ''] = await up.line(/^ready: chainfire (\S+) metrics (\S+) (\S+) (\S+)$/m);
  expect(endpoints).toBe([0, 2, 4].map((offset) => `127.0.0.1:${Number(port) + offset}`).join(','));
  await up.line(/etcdctl --endpoints=\S+ put hello world/);
  expect((await kv(endpoints, 'put', 'hello', 'world')).code).toBe(0);

  process.kill(pidOf('b'), 'SIGKILL');
  await up.line(/member b ended \(signal SIGKILL\); starting it again in 500 ms/);
  await up.line(/member b serves again/);
  expect((await kv(`127.0.0.1:${Number(port) + 2}`, 'get', 'hello')).stdout).toBe('hello\nworld\n');

  expect(await up.stop('SIGINT')).toBe(0);
  expect(readdirSync(join(dir, 'data', 'a'))).not.toContain('LOCK');

  const again = new Up(['--port', port]);
  await again.line(/^ready: /m);
  expect((await kv(endpoints, 'get', 'hello')).stdout).toBe('hello\nworld\n');
  expect(await again.stop('SIGTERM')).toBe(0);
});

test('members end when the supervisor is killed', async () => {
  const up = new Up(['--port', await firstPort(), '--members', '1']);
  await up.line(/^ready: /m);
  const pid = pidOf('a');
  process.kill(pid, 0);
  await up.stop('SIGKILL');
  // A process that is not a child cannot be waited for; its lock file goes when it has stopped in order.
  await expect
    .poll(() => readdirSync(join(dir, 'data', 'a')).includes('LOCK'), { timeout: 20_000 })
    .toBe(false);
  await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
});

test('a taken port is refused by name before anything is started', async () => {
  const port = Number(await firstPort());
  const other = createServer();
  await new Promise<void>((resolve) => other.listen({ host: '127.0.0.1', port: port + 3 }, resolve));
  try {
    const result = await runCommand(process.execPath, [
      photonFile,
      'up',
      '--data',
      join(dir, 'data'),
      '--brokers',
      '0',
      '--agents',
      '0',
      '--port',
      String(port),
    ]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(
      `127.0.0.1:${port + 3} (peer port of member b): taken by another process`,
    );
    expect(readdirSync(dir)).toEqual([]);
  } finally {
    other.close();
  }
});

test('a place that cannot be written to is refused by name before anything is started', async () => {
  const file = join(dir, 'file');
  writeFileSync(file, '');
  const port = await firstPort();
  const result = await runCommand(process.execPath, [
    photonFile,
    'up',
    '--data',
    file,
    '--brokers',
    '0',
    '--agents',
    '0',
    '--port',
    port,
  ]);
  expect(result.code).toBe(2);
  expect(result.stderr).toMatch(/^photon up: cannot write to \S+file: ENOTDIR: .*; give another --data\n$/);
});

test('a data directory of another size of cluster is refused with the reason', async () => {
  const port = await firstPort();
  const up = new Up(['--port', port, '--members', '1']);
  await up.line(/^ready: /m);
  await up.stop('SIGTERM');
  const result = await runCommand(process.execPath, [
    photonFile,
    'up',
    '--data',
    join(dir, 'data'),
    '--brokers',
    '0',
    '--agents',
    '0',
    '--port',
    port,
  ]);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain('member a does not start');
  expect(result.stderr).toContain('belongs to cluster');
});

test('a member that is removed is not started again, and the next start goes on without it', async () => {
  const port = await firstPort();
  const up = new Up(['--port', port]);
  await up.line(/^ready: /m);
  const client = new GrpcChainfireClient({
    endpoints: [{ host: '127.0.0.1', port: Number(port) }],
    prng: seededPrng('up'),
  });
  const request = MemberRemoveRequest.create({ id: 3n });
  expect(await client.call({ kind: 'memberRemove', request }, 20_000)).toMatchObject({ kind: 'answered' });
  client.close();
  await up.line(/member c: .*member 3 was removed from the cluster/);
  await up.line(/member c ended and is not started again: it would refuse again; its log is \S+/);
  expect(await up.stop('SIGTERM')).toBe(0);

  const again = new Up(['--port', port]);
  await again.line(/^member c is not started: member 3 was removed from the cluster/m);
  const [, endpoints = ''] = await again.line(/^ready: chainfire (\S+) /m);
  expect(endpoints).toBe([0, 2].map((offset) => `127.0.0.1:${Number(port) + offset}`).join(','));
  expect((await kv(endpoints, 'put', 'two', 'are enough')).code).toBe(0);
  expect(await again.stop('SIGTERM')).toBe(0);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('with --tls: an authority and certificates at the first start, the same at the next', async () => {
  const port = await firstPort();
  const flags = ['--port', port, '--members', '1', '--tls'];
  const up = new Up(flags);
  const [, endpoints = '', ...files] = await up.line(
    /photon kv get hello --endpoints (\S+) --cacert (\S+) --cert (\S+) --key (\S+)$/m,
  );
  expect(endpoints).toBe(`https://127.0.0.1:${port}`);
  const secure = ['--cacert', files[0] ?? '', '--cert', files[1] ?? '', '--key', files[2] ?? ''];
  expect(await kv(endpoints, 'put', 'hello', 'tls', ...secure)).toMatchObject({ code: 0, stderr: '' });
  const bare = ['kv', 'get', 'hello', '--endpoints', endpoints, '--timeout', '1'];
  expect((await runCommand(process.execPath, [photonFile, ...bare])).code).toBe(1);
  expect(await up.stop('SIGTERM')).toBe(0);

  const certificates = (): string[] =>
    ['ca', 'a', 'client'].map((name) => readFileSync(join(dir, 'data', 'pki', `${name}.crt`), 'utf8'));
  const first = certificates();
  const again = new Up(flags);
  await again.line(/^ready: /m);
  expect(certificates()).toEqual(first);
  expect((await kv(endpoints, 'get', 'hello', ...secure)).stdout).toBe('hello\ntls\n');
  expect(await again.stop('SIGTERM')).toBe(0);
});

describeWith(['kcat'], 'with a broker', () => {
  test('the lines that it says to try work, without TLS and with', async () => {
    for (const flags of [[], ['--tls']]) {
      // Handed out downwards, one behind the other: the port before a broker's is for its peers.
      const [brokerPort = 0, , , port = 0] = await freePorts(4);
      const up = new Up([
        ...['--port', String(port), '--members', '1', '--brokers', '1', '--broker-port', String(brokerPort)],
        ...['--data', join(dir, flags.length === 0 ? 'plain' : 'tls'), ...flags],
      ]);
      await up.line(/^ready: chainfire /m);
      await up.line(new RegExp(`^ready: chronik 127.0.0.1:${brokerPort} metrics http://\\S+$`, 'm'));
      const [, produce = ''] = await up.line(/^ {2}(echo hello \| kcat .*)$/m);
      const [, consume = ''] = await up.line(/^ {2}(kcat .*)$/m);
      expect(await runCommand('sh', ['-c', produce])).toMatchObject({ code: 0 });
      expect(await runCommand('sh', ['-c', consume])).toMatchObject({ code: 0, stdout: 'hello\n' });
      expect(await up.stop('SIGTERM')).toBe(0);
    }
  });
});
