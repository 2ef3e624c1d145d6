import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

import { type Software } from '../../../adapters/recorder/format.ts';
import { listSegments } from '../../../adapters/recorder/ring.ts';
import { present } from '../../../core/base/assert.ts';
import { memberSoftware } from '../../../nodes/software.ts';
import { Disk, makeDirectory, RecordedMember } from '../../adapters/recorder/recorded-member.ts';
import { ask } from '../../core/chainfire/requests.ts';

const photonFile = fileURLToPath(new URL('../../../nodes/photon.ts', import.meta.url));

function replay(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [photonFile, 'sim', 'replay', ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** Two starts of a member. */
async function recorded(software: Software): Promise<{ readonly dir: string; readonly steps: number }> {
  const dir = makeDirectory();
  const disk = new Disk();
  let steps = 0;
  for (let start = 0; start < 2; start += 1) {
    const member = new RecordedMember(dir, disk, { software });
    for (let at = 0; at < 40; at += 1) member.call(ask.put(`key ${at}`, 'value'));
    await member.close();
    steps += member.steps;
  }
  return { dir, steps };
}

test('a recording is replayed, and what was equal is counted; its page and JSON are written', async () => {
  const { dir, steps } = await recorded(memberSoftware());
  const page = join(dir, 'page.html');
  const json = join(dir, 'report.json');
  const { status, stdout, stderr } = replay('--recording', dir, '--page', page, '--json', json);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toContain('boot 2, segment 1: chainfire member 1 (alone) of cluster 7');
  expect(stdout).toContain(`boots       2\nsegments    2\nsteps       ${steps}\n`);
  expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>/i);
  expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({
    segments: [
      { boot: 1, ending: 'ended' },
      { boot: 2, ending: 'ended' },
    ],
    problems: [],
  });
});

test('--trace shows every step, --boot one start, --until the first ones', async () => {
  const { dir } = await recorded(memberSoftware());
  const { status, stdout } = replay('--recording', dir, '--boot', '2', '--until', '5', '--trace');
  expect(status).toBe(0);
  expect(stdout).not.toContain('boot 1');
  expect(stdout).toContain('n1 tick');
  expect(stdout).toContain('steps       5\n');
});

test('damage ends in exit code 1 and a sentence', async () => {
  const { dir } = await recorded(memberSoftware());
  const { path } = present(listSegments(dir)[0], 'there is a segment');
  const bytes = readFileSync(path);
  const whole = Buffer.from(bytes);
  const at = bytes.indexOf('key 3');
  expect(at).toBeGreaterThan(0);
  bytes[at] = 'K'.charCodeAt(0);
  // Whole blocks follow: without any, it could be the tail that a crash has torn.
  writeFileSync(path, Buffer.concat([bytes, whole]));
  const { status, stderr } = replay('--recording', dir);
  expect(status).toBe(1);
  expect(stderr).toMatch(/boot 1, segment 1: the block at byte \d+ is not what was written/);
});

test('what other code recorded is refused by name, unless one insists', async () => {
  const { dir, steps } = await recorded({ version: '0.0.9', commit: 'c'.repeat(40), machine: 'other' });
  const { status, stderr } = replay('--recording', dir);
  expect(status).toBe(2);
  expect(stderr).toContain(
    `recorded by version 0.0.9, commit ${'c'.repeat(40)}, sources other, and this is version`,
  );
  const forced = replay('--recording', dir, '--force');
  expect(forced.status).toBe(0);
  expect(forced.stdout).toContain(`steps       ${steps}\n`);
});

test('wrong usage says what is allowed', async () => {
  const { dir } = await recorded(memberSoftware());
  const nothing = join(dir, 'nothing');
  expect(replay('--recording', nothing)).toMatchObject({ status: 2 });
  expect(existsSync(nothing)).toBe(false);
  const { path } = present(listSegments(dir)[0], 'there is a segment');
  expect(replay('--recording', path)).toMatchObject({ status: 2 });
  const noBoot = replay('--recording', dir, '--boot', '7');
  expect(noBoot.status).toBe(2);
  expect(noBoot.stderr).toContain('holds no boot 7, but 1, 2');
  expect(replay('swarm', '--recording', dir).stderr).toContain('--recording says itself what to replay');
  expect(replay('--boot', '1').stderr).toContain('go with --recording');
});
