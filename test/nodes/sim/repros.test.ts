import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

import { decodeRepro, encodeRepro } from '../../../sim/repro-file.ts';

const photonFile = fileURLToPath(new URL('../../../nodes/photon.ts', import.meta.url));
const directory = fileURLToPath(new URL('../../sim/repros/', import.meta.url));
const files = readdirSync(directory).filter((name) => name.endsWith('.json'));
const testMsMax = 60_000;

test('there are repros to replay', () => {
  expect(files.length).toBeGreaterThanOrEqual(3);
});

test.each(files)(
  '%s shows what it did when it was made',
  (name) => {
    const file = `${directory}${name}`;
    const replay = spawnSync(process.execPath, [photonFile, 'sim', 'replay', file, '--expect'], {
      encoding: 'utf8',
      timeout: testMsMax,
    });
    expect(replay.stderr).toBe('');
    expect(replay.stdout).toMatch(/^as recorded: /m);
    expect(replay.status).toBe(0);
  },
  testMsMax,
);

test.each(files)('%s is small, and written as it is written', (name) => {
  const json = readFileSync(`${directory}${name}`, 'utf8');
  const repro = decodeRepro(json);
  expect(repro.mutant).toBe(name.replace('.json', ''));
  expect(repro.scenario.faults.length).toBeLessThanOrEqual(5);
  expect(encodeRepro(repro)).toBe(json);
});
