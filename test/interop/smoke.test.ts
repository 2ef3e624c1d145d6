import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFailed, test } from 'vitest';

import { type NodeShown, type VmShown } from '../../core/plasma/api.ts';
import { plan, planPlasma, takenAddresses } from '../../nodes/up/plan.ts';
import { photonFile } from './cluster.ts';
import { type CommandResult, etcdctl, LiveCommand, runCommand } from './command.ts';
import { bootDisk } from './plasma/qemu-subject.ts';
import { freePorts } from './ports.ts';
import { describeWith } from './requirement.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pollOptions = { timeout: 60_000, interval: 100 };
const drawsMax = 50;

interface Ports {
  readonly port: number;
  readonly brokerPort: number;
  readonly plasmaPort: number;
}

/** First ports behind which all others are free that three members, three brokers and two nodes take. */
async function ports(): Promise<Ports> {
  const host = '127.0.0.1';
  for (let draw = 0; draw < drawsMax; draw += 1) {
    const [high = 0, ...others] = await freePorts(24);
    const low = others.at(-1) ?? 0;
    if (high - low !== 23) continue;
    const found = { port: low, brokerPort: low + 10, plasmaPort: low + 14 };
    const clouds = plan({ ...found, dataDir: '/nowhere', host, members: 3, brokers: 3 });
    const plasma = planPlasma({
      ...{ dataDir: '/nowhere', host, port: found.plasmaPort, agents: 2, memoryBytes: 1, members: [] },
    });
    if ((await takenAddresses([...clouds, ...plasma])).length === 0) return found;
  }
  throw new Error('no ports are free');
}

/** `npm start` with its output, in a group of processes of its own, as a shell starts it. */
class Started {
  readonly process: ChildProcess;
  said = '';
  #changed: () => void = () => undefined;

  constructor(args: readonly string[]) {
    this.process = spawn('npm', ['start', '--', ...args], {
      ...{ cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said += text;
        this.#changed();
      });
    }
    this.process.once('close', () => {
      this.#changed();
    });
  }

  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.said);
      if (match !== null) return match;
      if (this.process.exitCode !== null) throw new Error(`npm start has ended: ${this.said}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** Of all that it has started in its group, as a terminal does. Resolves when all of its output has come. */
  async signal(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    const { pid, exitCode, signalCode } = this.process;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const closed = once(this.process, 'close');
    process.kill(-pid, signal);
    await closed;
  }
}

/** Command lines of processes that name the directory. */
function processesOf(dir: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      try {
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    })
    .filter((line) => line.includes(dir));
}

describeWith(['etcdctl', 'kcat', 'qemu-system-x86_64', 'qemu-img'], 'a whole cloud', () => {
  test('npm start, then every system is used, looked at, and stopped by Ctrl-C without a trace', async () => {
    const dir = realpathSync(mkdtempSync(join(tmpdir(), 'photon-smoke-')));
    const { port, brokerPort, plasmaPort } = await ports();
    const started = new Started([
      ...['--data', join(dir, 'data'), '--port', String(port), '--broker-port', String(brokerPort)],
      ...['--plasma-port', String(plasmaPort)],
    ]);
    onTestFailed(() => void process.stderr.write(started.said));
    try {
      const [, members = '', memberMetrics = ''] = await started.line(
        /^ready: chainfire (\S+) metrics (.+)$/m,
      );
      const [, brokers = '', brokerMetrics = ''] = await started.line(/^ready: chronik (\S+) metrics (.+)$/m);
      const [, plasma = '', plasmaMetrics = ''] = await started.line(/^ready: plasma (\S+) metrics (.+)$/m);
      await useChainfire(members);
      await useChronik(brokers);
      await usePlasma(plasma, dir);
      const pages = [memberMetrics, brokerMetrics, plasmaMetrics].flatMap((urls) => urls.split(' '));
      // Three members, three brokers; a server, a storage node, two agents.
      expect(pages).toHaveLength(10);
      for (const url of pages) await expectHealthy(url);
      expect(processesOf(dir).length).toBeGreaterThanOrEqual(10);

      await started.signal('SIGINT');
      for (const { title } of allPlanned({ port, brokerPort, plasmaPort }, dir))
        expect(started.said).toContain(`${title} stopped`);
      expect(started.said).not.toMatch(/starting it again/);
      await expect.poll(() => processesOf(dir), pollOptions).toEqual([]);
      for (const { dataDir } of allPlanned({ port, brokerPort, plasmaPort }, join(dir, 'data')))
        expect(readdirSync(dataDir)).not.toContain('LOCK');
    } finally {
      await started.signal('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    }
  });

  function allPlanned({ port, brokerPort, plasmaPort }: Ports, dataDir: string): ReturnType<typeof plan> {
    const host = '127.0.0.1';
    const members: [] = [];
    return [
      ...plan({ dataDir, host, port, brokerPort, members: 3, brokers: 3 }),
      ...planPlasma({ dataDir, host, port: plasmaPort, agents: 2, memoryBytes: 1, members }),
    ];
  }

  async function useChainfire(endpoints: string): Promise<void> {
    const worked = async (...args: readonly string[]): Promise<string> => {
      const result = await etcdctl(endpoints, args);
      expect(result).toMatchObject({ code: 0 });
      return result.stdout;
    };
    expect(await worked('put', 'smoke/a', 'one')).toBe('OK\n');
    const watch = LiveCommand.etcdctl(endpoints, ['watch', '--prefix', 'smoke/', '--rev', '1']);
    await watch.until((said) => said.includes('PUT\nsmoke/a\none\n'));
    const [, lease = ''] = /lease ([0-9a-f]+) granted/.exec(await worked('lease', 'grant', '600')) ?? [];
    await worked('put', `--lease=${lease}`, 'smoke/b', 'leased');
    expect(await worked('get', '--prefix', 'smoke/')).toBe('smoke/a\none\nsmoke/b\nleased\n');
    expect(await worked('lease', 'timetolive', '--keys', lease)).toContain('smoke/b');
    await worked('lease', 'revoke', lease);
    await watch.until((said) => said.endsWith('PUT\nsmoke/b\nleased\nDELETE\nsmoke/b\n\n'));
    await watch.end('SIGKILL');
    expect(await worked('get', '--prefix', 'smoke/')).toBe('smoke/a\none\n');
  }

  async function useChronik(brokers: string): Promise<void> {
    const lines = Array.from({ length: 100 }, (_, at) => `record ${at}`).join('\n');
    const produced = await runCommand(
      'kcat',
      ['-b', brokers, '-P', '-t', 'smoke', '-p', '0', '-X', 'acks=all'],
      {
        input: `${lines}\n`,
      },
    );
    expect(produced).toMatchObject({ code: 0 });
    const consumed = await runCommand('kcat', ['-b', brokers, '-C', '-t', 'smoke', '-p', '0', '-e', '-q']);
    expect(consumed).toMatchObject({ code: 0, stdout: `${lines}\n` });
  }

  async function usePlasma(endpoints: string, dir: string): Promise<void> {
    const photon = async (...args: readonly string[]): Promise<CommandResult> => {
      const result = await runCommand(process.execPath, [photonFile, ...args, '--endpoints', endpoints]);
      expect(result).toMatchObject({ code: 0, stderr: '' });
      return result;
    };
    const nodes = JSON.parse((await photon('node', 'list', '--json')).stdout) as readonly NodeShown[];
    expect(nodes).toMatchObject([
      { name: 'n1', state: 'up' },
      { name: 'n2', state: 'up' },
    ]);
    writeFileSync(join(dir, 'tick.raw'), bootDisk());
    await photon('image', 'import', join(dir, 'tick.raw'));
    await photon('disk', 'create', 'shared', '1MiB');
    for (const [name, disk] of [
      ['local', ['--image', 'tick']],
      ['shared', ['--shared-disk', 'shared']],
    ] as const)
      await photon('vm', 'create', name, '--memory', '16M', ...disk);
    const listed = async (): Promise<readonly VmShown[]> =>
      JSON.parse((await photon('vm', 'list', '--json')).stdout) as readonly VmShown[];
    await expect
      .poll(async () => (await listed()).map(({ spec, state }) => [spec.name, state]), pollOptions)
      .toEqual([
        ['local', 'running'],
        ['shared', 'running'],
      ]);
    expect((await photon('vm', 'list')).stdout).toMatch(/^local +running +n[12] /m);
    const asked = [photonFile, 'vm', 'console', 'local', '--endpoints', endpoints];
    const console = new LiveCommand(process.execPath, asked, {});
    await console.until((said) => said.includes('t 00000003'));
    await console.end('SIGKILL');
    await photon('vm', 'delete', 'local');
    await expect
      .poll(async () => (await listed()).map(({ spec }) => spec.name), pollOptions)
      .toEqual(['shared']);
    // The other one runs on, and is ended with everything else.
  }

  async function expectHealthy(metricsUrl: string): Promise<void> {
    const metrics = await fetch(metricsUrl);
    expect(metrics.status).toBe(200);
    expect(await metrics.text()).toMatch(/^photon_[a-z_]+build_info\{.*version="[^"]+".*\} 1$/m);
    for (const page of ['/health', '/ready']) {
      const answer = await fetch(new URL(page, metricsUrl));
      expect([page, answer.status, metricsUrl]).toEqual([page, 200, metricsUrl]);
    }
  }
});
