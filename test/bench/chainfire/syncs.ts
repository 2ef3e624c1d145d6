import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { load } from './h2load.ts';
import { operations } from './requests.ts';
import { type RunningSystem } from './systems.ts';

export interface Syncs {
  readonly clients: number;
  readonly writes: number;
  /** fdatasync, fsync and msync of the leader, for each write. */
  readonly syncsPerWrite: number;
}

/** Counts the leader's system calls that wait for the disk, from outside and for both systems alike. */
export async function countSyncs(
  system: RunningSystem,
  options: { readonly clients: number; readonly writes: number; readonly dir: string },
): Promise<Syncs> {
  const leader = await system.leader();
  const file = join(options.dir, 'strace.txt');
  const traced = 'trace=fdatasync,fsync,msync,sync_file_range';
  const strace = spawn('strace', ['-f', '-c', '-e', traced, '-o', file, '-p', String(leader.pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(strace, 'exit');
  let said = '';
  strace.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
  // It says so once it holds every thread.
  while (!said.includes('attached')) {
    if (strace.exitCode !== null) throw new Error(`strace: ${said}`);
    await sleep(20);
  }
  const { path, request } = operations.put;
  await load({ ...options, endpoint: leader.place.client, path, request, calls: options.writes });
  strace.kill('SIGINT');
  await exited;
  let syncs = 0;
  for (const line of readFileSync(file, 'latin1').split('\n')) {
    const match =
      /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(fdatasync|fsync|msync|sync_file_range)$/.exec(line);
    if (match !== null) syncs += Number(match[1]);
  }
  return { clients: options.clients, writes: options.writes, syncsPerWrite: syncs / options.writes };
}
