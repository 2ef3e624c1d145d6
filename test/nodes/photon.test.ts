import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const photonFile = fileURLToPath(new URL('../../nodes/photon.ts', import.meta.url));

test('a command whose reader goes in the middle, as head does, ends quietly with the code of a closed pipe', async () => {
  const command = ['sim', 'replay', 'swarm', '--seed', '1', '--trace'];
  const photon = spawn(process.execPath, [photonFile, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(photon, 'exit');
  const stderr = text(photon.stderr);
  const [first] = (await once(photon.stdout, 'data')) as [Buffer];
  photon.stdout.destroy();
  expect(first.toString()).toMatch(/^\d+\.\d{6} n\d/);
  expect(await ended).toEqual([141, null]);
  expect(await stderr).toBe('');
});
