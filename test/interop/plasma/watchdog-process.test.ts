import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { startTicksOf } from '../../../adapters/qemu/proc.ts';
import { machineMonotonicUs } from '../../../adapters/watchdog/monotonic.ts';
import { WatchdogLink } from '../../../adapters/watchdog/watchdog-link.ts';
import { type InstanceId } from '../../../core/plasma/types.ts';
import { type WatchdogResponse } from '../../../core/plasma/watchdog/protocol.ts';
import { watchdogSocket } from '../../../nodes/plasma/watchdog/serve.ts';
import { photonFile } from '../cluster.ts';
import { runCommand } from '../command.ts';
import { PlasmaProcess } from './plasma-process.ts';

const longMs = 30_000;
const farUs = 3_600_000_000;
const soonUs = 300_000;

let dir = '';
let watchdog: PlasmaProcess;
let link: WatchdogLink;
let sequence: number;
const children: ChildProcess[] = [];

function watchdogOf(...further: readonly string[]): PlasmaProcess {
  return new PlasmaProcess('plasma', 'watchdog', '--data-dir', dir, ...further);
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'photon-watchdog-'));
  watchdog = watchdogOf();
  link = new WatchdogLink({ path: watchdogSocket(dir), onMissing: () => undefined });
  sequence = 0;
  await watchdog.start();
});

afterEach(async () => {
  link.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await watchdog.end('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** Stands for a virtual machine's process. */
async function guest(): Promise<{ readonly exited: Promise<unknown>; readonly instance: InstanceId }> {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  children.push(child);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const instance = { vm: `vm-${'0'.repeat(32)}`, fenceToken: 1, pid, startTicks: startTicksOf(pid) ?? 0 };
  return { exited: once(child, 'exit'), instance };
}

function guard(
  inUs: number,
  instances: readonly InstanceId[],
  released: readonly InstanceId[] = [],
): Promise<WatchdogResponse> {
  sequence += 1;
  const deadlineUs = machineMonotonicUs() + inUs;
  const request = { kind: 'guard', agentBootId: 'a', sequence, deadlineUs, instances, released } as const;
  return link.request(request, longMs);
}

test('what is guarded is killed at its deadline, without anybody who asks for it, and nothing else is', async () => {
  expect(statSync(watchdogSocket(dir)).mode & 0o777).toBe(0o600);
  const [doomed, spared] = [await guest(), await guest()];
  expect(await guard(farUs, [doomed.instance, spared.instance])).toEqual({
    ...{ kind: 'guarded', sequence: 1, killed: [] },
  });
  const deadlineUs = machineMonotonicUs() + soonUs;
  await guard(soonUs, [doomed.instance]);
  link.close();
  expect(await doomed.exited).toEqual([null, 'SIGKILL']);
  expect(machineMonotonicUs()).toBeGreaterThanOrEqual(deadlineUs);
  await expect
    .poll(() => link.request({ kind: 'status' }, longMs), { timeout: longMs })
    .toMatchObject({ killed: [doomed.instance], guarded: [{ instance: spared.instance }] });
  expect(startTicksOf(spared.instance.pid)).toBe(spared.instance.startTicks);
});

test('told to stop it goes on until it guards nothing any more', async () => {
  const one = await guest();
  await guard(farUs, [one.instance]);
  const ended = watchdog.end('SIGTERM');
  expect(await link.request({ kind: 'status' }, longMs)).toMatchObject({
    guarded: [{ instance: one.instance }],
  });
  await guard(farUs, [], [one.instance]);
  link.close();
  expect(await ended).toBe(0);
  expect(startTicksOf(one.instance.pid)).toBe(one.instance.startTicks);
});

test('a directory has one watchdog; the next one begins with nothing, whatever the last one has left', async () => {
  const one = await guest();
  await guard(farUs, [one.instance]);
  const second = await runCommand(process.execPath, [photonFile, 'plasma', 'watchdog', '--data-dir', dir]);
  expect(second.code).not.toBe(0);
  expect(second.stderr).toContain(dir);
  await watchdog.end('SIGKILL');
  await watchdog.start();
  expect(await link.request({ kind: 'status' }, longMs)).toEqual({ kind: 'status', guarded: [], killed: [] });
});

test('a watchdog that nobody needs ends', async () => {
  await watchdog.end('SIGTERM');
  watchdog = watchdogOf('--idle-seconds', '1');
  await watchdog.start();
  expect(await watchdog.exited()).toBe(0);
});

test('a directory whose socket could not have an address is refused with the reason', async () => {
  const long = join(dir, 'x'.repeat(100));
  const { code, stderr } = await runCommand(process.execPath, [
    ...[photonFile, 'plasma', 'watchdog', '--data-dir', long],
  ]);
  expect(code).toBe(2);
  expect(stderr).toContain('data_dir is too long');
});
