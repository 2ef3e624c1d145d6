import { readdirSync, readFileSync } from 'node:fs';

import { type FenceToken, type InstanceId, type VmId } from '../../core/plasma/types.ts';
import { parseVmDirectoryName, vmUuid } from './vm-names.ts';

/**
 * When the process with this pid began, in clock ticks after the boot of the machine. Undefined when there is none: one that has
 * ended and that nobody has waited for (after the agent's restart nobody may) is none either.
 */
export function startTicksOf(pid: number): number | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (cause) {
    if (isGone(cause)) return undefined;
    throw cause;
  }
  // The program's name stands in brackets, and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  if (state === 'Z' || state === 'X') return undefined;
  const ticks = Number(fields[19]);
  return Number.isSafeInteger(ticks) ? ticks : undefined;
}

export function isAlive({ pid, startTicks }: InstanceId): boolean {
  return startTicksOf(pid) === startTicks;
}

/** Of its memory, as much as it has ever touched and not given back. 0: it is gone. */
export function residentBytes(pid: number): number {
  try {
    const kibibytes = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kibibytes ?? 0) * 1_024;
  } catch (cause) {
    if (isGone(cause)) return 0;
    throw cause;
  }
}

/** SIGKILL to this very process. False: it is gone. */
export function strike(instance: InstanceId): boolean {
  if (!isAlive(instance)) return false;
  try {
    process.kill(instance.pid, 'SIGKILL');
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw cause;
  }
}

/** What a process is, by what the kernel tells of it; undefined: none of a virtual machine below `vmsDir`. */
export type ProcessReader = (
  process: { readonly pid: number; readonly words: readonly string[] },
  vmsDir: string,
) => { readonly vm: VmId; readonly fenceToken: FenceToken } | undefined;

export const qemuProcess: ProcessReader = ({ words }, vmsDir) => {
  const pidFile = words[words.indexOf('-pidfile') + 1];
  if (pidFile === undefined || !pidFile.startsWith(`${vmsDir}/`)) return undefined;
  const named = parseVmDirectoryName(pidFile.slice(vmsDir.length + 1).replace(/\/[^/]*$/, ''));
  if (named === undefined || words[words.indexOf('-uuid') + 1] !== vmUuid(named.vm)) return undefined;
  return named;
};

/**
 * Every process that was launched for a virtual machine below `vmsDir`, whoever launched it, by what the kernel tells of it. No
 * file of ours is asked: one may be lost, or not yet written.
 */
export function findInstances(vmsDir: string, read: ProcessReader = qemuProcess): readonly InstanceId[] {
  const found: InstanceId[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const pid = Number(entry);
    const named = launchedFor(pid, vmsDir, read);
    const startTicks = named && startTicksOf(pid);
    if (named !== undefined && startTicks !== undefined) found.push({ ...named, pid, startTicks });
  }
  return found.sort((left, right) => left.pid - right.pid);
}

/** Whether it is alive and what it says that it is. */
export function isInstance(instance: InstanceId, vmsDir: string, read: ProcessReader = qemuProcess): boolean {
  const named = launchedFor(instance.pid, vmsDir, read);
  return named?.vm === instance.vm && named.fenceToken === instance.fenceToken && isAlive(instance);
}

function launchedFor(pid: number, vmsDir: string, read: ProcessReader): ReturnType<ProcessReader> {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return read({ pid, words }, vmsDir);
  } catch (cause) {
    if (isGone(cause)) return undefined;
    throw cause;
  }
}

function isGone(cause: unknown): boolean {
  const { code } = cause as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
