import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { DataDirectory } from '../../../adapters/data-dir/data-directory.ts';
import { type DirectoryIdentity } from '../../../adapters/data-dir/format-file.ts';

const identity: DirectoryIdentity = {
  system: 'chainfire',
  clusterId: '00000000000000aa',
  nodeId: 2,
  name: 'b',
};
const module = fileURLToPath(new URL('../../../adapters/data-dir/data-directory.ts', import.meta.url));

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-data-dir-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** A process that holds the lock until it is killed. */
async function holder(path: string) {
  const code = `const { DataDirectory } = await import(${JSON.stringify(module)});
    await DataDirectory.lock(process.argv[1]); process.stdout.write('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

test('a directory that the system does not let us write to is refused with its reason, and stays free', async () => {
  const inTheWay = join(dir, `LOCK.${process.pid}`);
  mkdirSync(inTheWay);
  await expect(DataDirectory.lock(dir)).rejects.toThrow(
    expect.objectContaining({
      name: 'DataDirError',
      message: expect.stringContaining(`cannot use data directory ${dir}: EISDIR`) as string,
    }),
  );
  rmSync(inTheWay, { recursive: true });
  const directory = await DataDirectory.lock(dir);
  mkdirSync(join(dir, 'format'));
  expect(() => directory.claim(identity)).toThrow(`cannot use data directory ${dir}: EISDIR`);
  await directory.release();
});

test('a second process is refused with the pid of the first, also under another name of the directory', async () => {
  const child = await holder(dir);
  const link = `${dir}-link`;
  symlinkSync(dir, link);
  try {
    await expect(DataDirectory.lock(dir)).rejects.toThrow(
      `data directory ${dir} is in use by process ${child.pid}`,
    );
    await expect(DataDirectory.lock(link)).rejects.toThrow(`in use by process ${child.pid}`);
  } finally {
    rmSync(link);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

test('the lock of a process that was killed is free at once', async () => {
  const child = await holder(dir);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(existsSync(join(dir, 'LOCK'))).toBe(true);
  const taken = await DataDirectory.lock(dir);
  expect(JSON.parse(readFileSync(join(dir, 'LOCK'), 'utf8'))).toMatchObject({ pid: process.pid });
  await taken.release();
  expect(existsSync(join(dir, 'LOCK'))).toBe(false);
});

test('a live holder that the socket does not reach (another network namespace) is believed', async () => {
  const child = await holder(dir);
  const lock = readFileSync(join(dir, 'LOCK'), 'utf8');
  const other = mkdtempSync(join(tmpdir(), 'photon-data-dir-'));
  try {
    // The same file in a directory whose socket is free: what a shared volume looks like from another container.
    writeFileSync(join(other, 'LOCK'), lock);
    await expect(DataDirectory.lock(other)).rejects.toThrow(`in use by process ${child.pid}`);
    // A later process with the same pid is told apart by its start time.
    writeFileSync(join(other, 'LOCK'), JSON.stringify({ ...(JSON.parse(lock) as object), startTicks: '1' }));
    await (await DataDirectory.lock(other)).release();
  } finally {
    rmSync(other, { recursive: true, force: true });
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

test('an empty directory becomes the node’s own, and is found again', async () => {
  const directory = await DataDirectory.lock(dir);
  expect(directory.claim(identity)).toBe('new');
  expect(directory.claim({ ...identity, name: 'renamed' })).toBe('existing');
  expect(readdirSync(dir).sort((left, right) => (left < right ? -1 : 1))).toEqual([
    'LOCK',
    'format',
    'log',
    'recording',
    'snapshot',
    'state',
  ]);
  await directory.release();
});

const foreign: readonly (readonly [string, string, string])[] = [
  [
    'a newer format',
    JSON.stringify({ formatVersion: 2, ...identity }),
    'has format 2, this version reads formats up to 1',
  ],
  [
    'another system',
    JSON.stringify({ formatVersion: 1, ...identity, system: 'chronik' }),
    'belongs to chronik, not to chainfire',
  ],
  [
    'another cluster',
    JSON.stringify({ formatVersion: 1, ...identity, clusterId: '00000000000000bb' }),
    'belongs to cluster 00000000000000bb, this node to cluster 00000000000000aa',
  ],
  [
    'another node',
    JSON.stringify({ formatVersion: 1, ...identity, nodeId: 1, name: 'a' }),
    'belongs to node 1 (a), not to node 2 (b)',
  ],
  ['a format file that is not JSON', '{', 'is not JSON'],
  ['a format file without a version', '{}', 'names no format version'],
];
test.each(foreign)('%s is refused and nothing is touched', async (_, format, message) => {
  writeFileSync(join(dir, 'format'), format);
  writeFileSync(join(dir, 'something'), 'kept');
  const directory = await DataDirectory.lock(dir);
  expect(() => directory.claim(identity)).toThrow(message);
  await directory.release();
  expect(readdirSync(dir).sort((left, right) => (left < right ? -1 : 1))).toEqual(['format', 'something']);
  expect(readFileSync(join(dir, 'format'), 'utf8')).toBe(format);
});

test('a directory with files and no format is not taken over', async () => {
  writeFileSync(join(dir, 'thesis.tex'), 'years of work');
  const directory = await DataDirectory.lock(dir);
  expect(() => directory.claim(identity)).toThrow(`${dir} has no file "format" but holds thesis.tex`);
  await directory.release();
});
