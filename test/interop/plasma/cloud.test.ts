import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { findInstances, isAlive, strike } from '../../../adapters/qemu/proc.ts';
import { type NodeShown, type VmShown } from '../../../core/plasma/api.ts';
import { photonFile } from '../cluster.ts';
import { type CommandResult, LiveCommand, runCommand } from '../command.ts';
import { freePorts } from '../ports.ts';
import { describeWith } from '../requirement.ts';
import { PlasmaProcess } from './plasma-process.ts';
import { bootDisk } from './qemu-subject.ts';

const patienceMs = 60_000;

describeWith(['qemu-system-x86_64', 'qemu-img'], 'PlasmaVMC as processes', () => {
  let dir = '';
  let endpoint = '';
  let chainfire: PlasmaProcess;
  let server: PlasmaProcess;
  let agent: PlasmaProcess;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'photon-plasma-'));
    const ports = await freePorts(7);
    const at = ports.map((port) => `127.0.0.1:${port}`);
    const [
      client = '',
      peer = '',
      metrics = '',
      listen = '',
      serverMetrics = '',
      node = '',
      nodeMetrics = '',
    ] = at;
    endpoint = listen;
    chainfire = new PlasmaProcess(
      ...['chainfire', 'serve', '--name', 'a', '--data-dir', join(dir, 'a'), '--listen-client', client],
      ...['--listen-peer', peer, '--listen-metrics', metrics, '--initial-cluster', `a=${peer}`],
    );
    server = new PlasmaProcess(
      ...['plasma', 'server', '--name', 's', '--data-dir', join(dir, 's'), '--listen', listen],
      ...['--listen-metrics', serverMetrics, '--chainfire', client],
    );
    agent = new PlasmaProcess(
      ...['plasma', 'agent', '--name', 'n1', '--data-dir', join(dir, 'n1'), '--listen', node],
      ...['--listen-metrics', nodeMetrics, '--servers', listen],
    );
    await chainfire.start();
    await server.start();
    await agent.start();
    writeFileSync(join(dir, 'tick.raw'), bootDisk());
  });

  afterEach(async () => {
    await agent.end('SIGKILL');
    for (const instance of instances()) strike(instance);
    await server.end('SIGKILL');
    await chainfire.end('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });

  const instances = (): ReturnType<typeof findInstances> =>
    findInstances(join(realpathSync(dir), 'n1', 'vms'));

  async function photon(...args: readonly string[]): Promise<CommandResult> {
    const result = await runCommand(process.execPath, [photonFile, ...args, '--endpoints', endpoint]);
    expect(result.stderr).toBe('');
    expect(result.code).toBe(0);
    return result;
  }

  async function shown(name = 'ticker'): Promise<VmShown> {
    return JSON.parse((await photon('vm', 'show', name)).stdout) as VmShown;
  }

  /** Asked again until it is so. */
  async function untilShown(is: (vm: VmShown) => boolean, name = 'ticker'): Promise<VmShown> {
    const untilMs = Date.now() + patienceMs;
    for (;;) {
      const vm = await shown(name);
      if (is(vm)) return vm;
      if (Date.now() > untilMs) throw new Error(`it does not come to that: ${JSON.stringify(vm)}`);
    }
  }

  async function create(name: string, ...further: readonly string[]): Promise<void> {
    await photon('vm', 'create', name, '--image', 'tick', '--memory', '16M', ...further);
  }

  function runs(name?: string): Promise<VmShown> {
    return untilShown((vm) => vm.state === 'running' && vm.instance !== undefined, name);
  }

  async function created(...further: readonly string[]): Promise<VmShown> {
    await photon('image', 'import', join(dir, 'tick.raw'));
    await create('ticker', ...further);
    return runs();
  }

  function consoleOf(name: string): LiveCommand {
    const asked = [photonFile, 'vm', 'console', name, '--endpoints', endpoint];
    return new LiveCommand(process.execPath, asked, {});
  }

  test('an image is brought in, a virtual machine runs, and its console is heard', async () => {
    const vm = await created();
    expect(vm).toMatchObject({ node: 'n1', wanted: 'running' });
    expect(instances()).toEqual([vm.instance]);
    const nodes = JSON.parse((await photon('node', 'list', '--json')).stdout) as readonly NodeShown[];
    expect(nodes).toMatchObject([{ name: 'n1', state: 'up', vms: 1 }]);
    const console = consoleOf('ticker');
    await console.until((stdout) => stdout.includes('t 00000005'));
    await console.end('SIGKILL');
    expect((await photon('vm', 'events')).stdout).toMatch(
      /vmCreate .* by photon:\/\/local\/anonymous: ticker/,
    );
    await photon('vm', 'delete', 'ticker');
    const untilMs = Date.now() + patienceMs;
    while (instances().length > 0 && Date.now() < untilMs) await photon('vm', 'list');
    expect(instances()).toEqual([]);
  });

  test('an agent that was killed finds its virtual machine again: the same process', async () => {
    const before = await created();
    await agent.end('SIGKILL');
    expect(before.instance !== undefined && isAlive(before.instance)).toBe(true);
    await agent.start();
    await untilShown((vm) => vm.state === 'running');
    expect(instances()).toEqual([before.instance]);
    expect((await shown()).restarts).toBe(0);
  });

  const policies = ['always', 'on-failure', 'never'] as const;

  async function createdOfEach(): Promise<readonly VmShown[]> {
    await photon('image', 'import', join(dir, 'tick.raw'));
    for (const policy of policies) await create(policy, '--restart', policy);
    const vms: VmShown[] = [];
    for (const policy of policies) vms.push(await runs(policy));
    return vms;
  }

  test('a process that was killed is started again, unless its policy says never', async () => {
    for (const { instance } of await createdOfEach()) {
      if (instance === undefined) throw new Error('it has a process');
      strike(instance);
    }
    const again: VmShown[] = [];
    for (const policy of ['always', 'on-failure'])
      again.push(await untilShown((vm) => vm.restarts === 1 && vm.state === 'running', policy));
    expect(again.map(({ fenceToken }) => fenceToken)).toEqual([1, 1]);
    const ended = await untilShown((vm) => vm.state !== 'running', 'never');
    expect(ended).toMatchObject({ wanted: 'running', cause: 'process-died', restarts: 0 });
    expect(instances()).toEqual(again.map(({ instance }) => instance).sort(byPid));
  });

  test('a guest that shuts down is started again where its policy says always, and by being asked', async () => {
    await createdOfEach();
    for (const policy of policies) {
      const console = consoleOf(policy);
      await console.until((stdout) => stdout.includes('t 0000'));
      console.write('q');
      // Its process is gone, and with it the console.
      expect((await console.end()).code).toBe(0);
    }
    const always = await untilShown((vm) => vm.restarts === 1 && vm.state === 'running', 'always');
    for (const policy of ['on-failure', 'never']) {
      const ended = await untilShown((vm) => vm.state !== 'running', policy);
      expect(ended).toMatchObject({ state: 'stopped', cause: 'guest-shutdown', restarts: 0 });
    }
    expect(instances()).toEqual([always.instance]);
    await photon('vm', 'start', 'never');
    expect((await runs('never')).restarts).toBe(0);
  });

  test('a guest that panics is started again; where its policy says never it stands as it is', async () => {
    const before = await createdOfEach();
    for (const policy of policies) {
      const console = consoleOf(policy);
      await console.until((stdout) => stdout.includes('t 0000'));
      console.write('p');
      if (policy === 'never') await untilShown(({ message }) => message === 'the guest has panicked', policy);
      else await untilShown((vm) => vm.restarts === 1 && vm.state === 'running', policy);
      await console.end('SIGKILL');
    }
    expect(await shown('never')).toMatchObject({ instance: before.at(-1)?.instance, restarts: 0 });
  });

  test('several look at a console at once; what one types the guest hears', async () => {
    await created();
    const [first, second] = [consoleOf('ticker'), consoleOf('ticker')];
    await first.until((stdout) => stdout.includes('t 00000005'));
    await second.until((stdout) => stdout.includes('t 00000005'));
    second.write('r');
    for (const console of [first, second]) await console.until((stdout) => stdout.includes('b 00000002'));
    await first.end('SIGKILL');
    const heard = second.stdout.length;
    await second.until((stdout) => stdout.length > heard + 100);
    await second.end('SIGKILL');
  });
});

function byPid(left: VmShown['instance'], right: VmShown['instance']): number {
  return (left?.pid ?? 0) - (right?.pid ?? 0);
}
