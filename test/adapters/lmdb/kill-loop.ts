/**
 * Kills a process in the midst of its writes, looks at what it left, and begins again on the same directory.
 *
 * `node test/adapters/lmdb/kill-loop.ts [--kills N]` (default 2000, about a third of a second each); the unit tests do a few.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';

import { LmdbBackend } from '../../../adapters/lmdb/lmdb-backend.ts';
import { killContent, killTables, lastBatch } from './kill-content.ts';

/** A process lives so long at most, after its first word. */
const lifeMsMax = 160;

export interface KillCounts {
  kills: number;
  /** Batches that are there in the end, and of these, that were reported as stored. */
  survived: number;
  reported: number;
}

/**
 * @param onKill told after each
 * @throws Error that says what was lost, torn or left over
 */
export async function killLoop(kills: number, onKill?: (counts: KillCounts) => void): Promise<KillCounts> {
  const dir = mkdtempSync(join(tmpdir(), 'photon-lmdb-kill-'));
  const counts: KillCounts = { kills: 0, survived: 0, reported: 0 };
  try {
    while (counts.kills < kills) {
      const before = counts.survived;
      // A stride that is prime to the range: every length of life comes up.
      const { reported } = await writeUntilKilled(dir, (counts.kills * 37) % lifeMsMax);
      const survived = await inspect(dir);
      require(survived >= reported, `batch ${reported} was reported as stored, and ${survived} is the last`);
      require(reported >= before, `batch ${before} was there at the start, and ${reported} is the last`);
      counts.kills += 1;
      counts.survived = survived;
      counts.reported = reported;
      onKill?.(counts);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return counts;
}

/** @returns the number of the last batch; all of them up to it are there, and nothing else is. */
async function inspect(dir: string): Promise<number> {
  const store = LmdbBackend.open({ dir, tables: killTables });
  const survived = lastBatch(store);
  for (const table of killTables) {
    const rows = [...store.range(table, { from: '' })];
    const wanted = killContent(table, survived);
    require(isDeepStrictEqual(rows, wanted), `${table} is not what ${survived} batches leave`);
  }
  await store.close();
  const generations = readdirSync(dir).filter((name) => /^[0-9]+$/.test(name));
  require(generations.length === 1, `generations ${generations.join(', ')} are left, where one should be`);
  return survived;
}

/** @returns the highest number that the process said was stored */
async function writeUntilKilled(dir: string, forMs: number): Promise<{ readonly reported: number }> {
  const writer = fileURLToPath(new URL('./kill-writer.ts', import.meta.url));
  const child = spawn(process.execPath, [writer, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  let last = '';
  child.stdout.on('data', (chunk: Buffer) => {
    // The newest whole line, and what may be the beginning of the next.
    const lines = (last + chunk.toString('latin1')).split('\n');
    last = lines.slice(-2).join('\n');
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_, signal) => resolve(signal));
  });
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended]);
  await sleep(forMs);
  child.kill('SIGKILL');
  const signal = await ended;
  require(signal === 'SIGKILL', `the writer ended by itself (${signal ?? 'no signal'})`);
  return { reported: Number(last.split('\n').at(0)) };
}

function require(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { kills: { type: 'string', default: '2000' } } });
  if (!/^[1-9]\d{0,6}$/.test(values.kills))
    throw new RangeError('--kills takes a whole number from 1 to 9999999');
  const counts = await killLoop(Number(values.kills), ({ kills, survived }) => {
    if (kills % 100 === 0) process.stdout.write(`${kills} kills, ${survived} batches\n`);
  });
  const { kills, survived, reported } = counts;
  process.stdout.write(
    `${kills} kills: ${survived} batches are there, of which ${reported} were reported as stored; nothing was lost or torn\n`,
  );
}
