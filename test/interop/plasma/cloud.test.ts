import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { findInstances, isAlive, strike } from '../../../adapters/qemu/proc.ts';
import { type NodeShown, type VmShown } from '../../../core/plasma/api.ts';
import { photonFile } from '../cluster.ts';
import { type CommandResult, LiveCommand, runCommand } from '../command.ts';
import { freePorts } from '../ports.ts';
import { PlasmaProcess } from './plasma-process.ts';
import { bootDisk } from './qemu-subject.ts';
import { qemuToolsMissing } from './qemu-tools.ts';

const missing = qemuToolsMissing();
const patienceMs = 60_000;

describe.skipIf(missing !== undefined)(`PlasmaVMC as processes (${missing ?? 'there'})`, () => {
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

  async function shown(): Promise<VmShown> {
    return JSON.parse((await photon('vm', 'show', 'ticker')).stdout) as VmShown;
  }

  /** Asked again until it is so. */
  async function untilShown(is: (vm: VmShown) => boolean): Promise<VmShown> {
    const untilMs = Date.now() + patienceMs;
    for (;;) {
      const vm = await shown();
      if (is(vm)) return vm;
      if (Date.now() > untilMs) throw new Error(`it does not come to that: ${JSON.stringify(vm)}`);
    }
  }

  async function created(...further: readonly string[]): Promise<VmShown> {
    await photon('image', 'import', join(dir, 'tick.raw'));
    await photon('vm', 'create', 'ticker', '--image', 'tick', '--memory', '16M', ...further);
    return untilShown((vm) => vm.state === 'running' && vm.instance !== undefined);
  }

  test('an image is brought in, a virtual machine runs, and its console is heard', async () => {
    const vm = await created();
    expect(vm).toMatchObject({ node: 'n1', wanted: 'running' });
    expect(instances()).toEqual([vm.instance]);
    const nodes = JSON.parse((await photon('node', 'list', '--json')).stdout) as readonly NodeShown[];
    expect(nodes).toMatchObject([{ name: 'n1', state: 'up', vms: 1 }]);
    const asked = [photonFile, 'vm', 'console', 'ticker', '--endpoints', endpoint];
    const console = new LiveCommand(process.execPath, asked, {});
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

  test('a process that was killed is started again, as its policy says', async () => {
    const before = await created('--restart', 'always');
    if (before.instance === undefined) throw new Error('it has a process');
    strike(before.instance);
    const after = await untilShown((vm) => vm.restarts === 1 && vm.state === 'running');
    expect(after.instance?.pid).not.toBe(before.instance.pid);
    expect(after.fenceToken).toBe(before.fenceToken);
    expect(instances()).toEqual([after.instance]);
  });
});
