import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { Deferred } from '../client/deferred.ts';
import { type InstanceId } from '../../core/plasma/types.ts';
import { startTicksOf } from './proc.ts';
import { setCapabilities } from './outgoing-migration.ts';
import { type RunningVm } from './running-vm.ts';
import { type VmDirectory } from './vm-directory.ts';

/** QEMU reads its command line and opens disks that may be far away. */
const upWithinMs = 30_000;
const messageCharsMax = 900;

export interface Launched {
  readonly instance: InstanceId;
  /** Settles when it has ended, seen as its parent sees it. */
  readonly exited: Promise<undefined>;
}

/**
 * Starts a process in a session of its own, that outlives this one: whatever ends the agent, and whoever's terminal it was
 * started from, does not reach it.
 */
export async function spawnQemu(
  program: string,
  directory: VmDirectory,
  args: readonly string[],
  how: { readonly incoming: boolean; readonly paused: boolean },
): Promise<Launched> {
  for (const stale of ['qmp.sock', 'serial.sock', 'pid'])
    await rm(join(directory.path, stale), { force: true });
  const log = openSync(directory.qemuLog, 'a', 0o600);
  try {
    const child = spawn(program, args, {
      cwd: directory.path,
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    });
    const exited = new Deferred<undefined>();
    const failed = new Deferred<Error>();
    child.once('exit', () => exited.resolve(undefined));
    child.once('error', (error) => failed.resolve(error));
    child.unref();
    const { pid } = child;
    if (pid === undefined) throw new Error(`${program} cannot be started`, { cause: await failed.promise });
    const startTicks = startTicksOf(pid);
    if (startTicks === undefined) throw new Error(await lastWords(directory));
    directory.writeLaunchRecord({ pid, startTicks, ...how });
    const { vm, fenceToken } = directory;
    return { instance: { vm, fenceToken, pid, startTicks }, exited: exited.promise };
  } finally {
    closeSync(log);
  }
}

/** Settles when it answers; rejects with what it has said before it ended. */
export async function untilUp(vm: RunningVm): Promise<void> {
  const timeUp = new Deferred<'late'>();
  const timer = setTimeout(() => timeUp.resolve('late'), upWithinMs);
  try {
    const up = await Promise.race([vm.connect(), timeUp.promise]);
    if (up === 'late') throw new Error(`QEMU does not answer within ${upWithinMs} ms`);
  } catch (cause) {
    throw new Error(vm.ended ? await lastWords(vm.directory) : String(cause), { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** Settles with the uri at which it waits for its state. */
export async function listenForState(vm: RunningVm, host: string): Promise<string> {
  // Its disks are not written to before it runs, which may be long after its state has come.
  await setCapabilities(vm, { 'late-block-activate': true, events: true });
  await vm.execute('migrate-incoming', { uri: `tcp:${bracketed(host)}:0` });
  return incomingUri(vm);
}

export async function incomingUri(vm: RunningVm): Promise<string> {
  const answer = (await vm.execute('query-migrate')) as {
    readonly 'socket-address'?: readonly { readonly host?: string; readonly port?: string }[];
  };
  const [address] = answer['socket-address'] ?? [];
  if (address?.host === undefined || address.port === undefined)
    throw new Error('QEMU does not say where it waits for its state');
  return `tcp:${bracketed(address.host)}:${address.port}`;
}

async function lastWords(directory: VmDirectory): Promise<string> {
  if (!existsSync(directory.qemuLog)) return 'QEMU has ended and said nothing';
  const text = (await readFile(directory.qemuLog, 'utf8')).trim();
  return `QEMU has ended: ${text.slice(-messageCharsMax)}`;
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
