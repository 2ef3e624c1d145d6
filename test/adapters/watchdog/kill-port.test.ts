import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';

import { startTicksOf } from '../../../adapters/qemu/proc.ts';
import { carryOutKill } from '../../../adapters/watchdog/kill-port.ts';
import { type InstanceId } from '../../../core/plasma/types.ts';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process that goes on until it is killed, and what it is known by. */
async function started(): Promise<{ readonly child: ChildProcess; readonly instance: InstanceId }> {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  children.push(child);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const startTicks = startTicksOf(pid) ?? 0;
  return { child, instance: { vm: `vm-${'0'.repeat(32)}`, fenceToken: 1, pid, startTicks } };
}

test('the process is killed, also one that stands still, and reported when it is gone', async () => {
  const { child, instance } = await started();
  child.kill('SIGSTOP');
  const exited = once(child, 'exit');
  expect(await carryOutKill({ kind: 'kill', instance })).toEqual({ kind: 'gone', instance });
  expect(await exited).toEqual([null, 'SIGKILL']);
  expect(await carryOutKill({ kind: 'kill', instance })).toEqual({ kind: 'gone', instance });
});

test('another process that has the pid by now is left alone', async () => {
  const { child, instance } = await started();
  const earlier = { ...instance, startTicks: instance.startTicks - 1 };
  expect(await carryOutKill({ kind: 'kill', instance: earlier })).toEqual({
    kind: 'gone',
    instance: earlier,
  });
  expect(startTicksOf(instance.pid)).toBe(instance.startTicks);
  expect(child.exitCode).toBe(null);
});
