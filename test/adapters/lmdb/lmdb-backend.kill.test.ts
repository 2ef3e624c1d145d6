import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

import { LmdbBackend } from '../../../adapters/lmdb/lmdb-backend.ts';
import { killContent, killTables, lastBatch } from './kill-content.ts';

/** PHOTON_TEST_KILLS=1000 looks longer. */
const kills = Number(process.env['PHOTON_TEST_KILLS'] ?? 20);

test('a killed process leaves a prefix of its batches, with every one that was reported as stored', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'photon-lmdb-kill-'));
  let survived = 0;
  let reported = 0;
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const before = survived;
      reported = await writeUntilKilled(dir, (kill * 37) % 160);
      const store = LmdbBackend.open({ dir, tables: killTables });
      survived = lastBatch(store);
      expect(survived).toBeGreaterThanOrEqual(reported);
      expect(reported).toBeGreaterThanOrEqual(before);
      for (const table of killTables) {
        expect([...store.range(table, { from: '' })]).toEqual(killContent(table, survived));
      }
      await store.close();
      expect(readdirSync(dir).filter((name) => /^[0-9]+$/.test(name)).length).toBe(1);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  // Otherwise nothing was in flight when the process died.
  expect(reported).toBeGreaterThan(kills * 5);
}, 600_000);

/** @returns the highest number that the process said was stored */
async function writeUntilKilled(dir: string, forMs: number): Promise<number> {
  const writer = fileURLToPath(new URL('./kill-writer.ts', import.meta.url));
  const child = spawn(process.execPath, [writer, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('latin1');
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_, signal) => {
      resolve(signal);
    });
  });
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended]);
  await sleep(forMs);
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
  const lines = output.split('\n').slice(0, -1);
  return Math.max(...lines.map(Number));
}
