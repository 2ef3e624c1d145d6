import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { BugBase, bugFiles, bugName, type BugSeen } from '../../../nodes/sim/bug-base.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'photon-bugs-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const bug = { invariant: 'vote-once', site: 'member # voted twice', detail: 'member 1 voted twice' };
const run = (seed: number, commit = 'aaaaaaa') => ({ scenario: 'swarm', seed, commit });

function seenOf(name: string): BugSeen {
  const seen = new BugBase(directory).seen(name);
  if (seen === undefined) throw new Error(`nothing was seen of ${name}`);
  return seen;
}

/** As a run leaves it that has made a repro. */
function keep(): string {
  const { repro } = bugFiles(directory, bug);
  mkdirSync(join(directory, bugName(bug)), { recursive: true });
  writeFileSync(repro, '{}');
  return bugName(bug);
}

test('a bug has one name, by its invariant and site; other sites have others', () => {
  expect(bugName(bug)).toMatch(/^vote-once-[0-9a-f]{8}$/);
  expect(bugName({ ...bug })).toBe(bugName(bug));
  expect(bugName({ ...bug, site: 'elsewhere' })).not.toBe(bugName(bug));
  expect(bugName({ ...bug, invariant: '../../etc' })).toMatch(/^[a-z0-9-]+$/);
});

test('what was seen is added to what earlier runs saw', () => {
  const name = keep();
  const first = new BugBase(directory);
  first.saw(bug, run(1));
  first.saw(bug, run(7));
  first.write();
  const second = new BugBase(directory);
  expect(second.knows(bug)).toBe(true);
  second.saw({ ...bug, detail: 'member 3 voted twice' }, run(7));
  second.saw(bug, run(9, 'bbbbbbb'));
  second.write();
  second.write();
  const seen = seenOf(name);
  expect(seen.count).toBe(4);
  expect(seen.runs).toEqual([run(1), run(7), run(9, 'bbbbbbb')]);
  expect(seen.detail).toBe('member 1 voted twice');
  expect(seen.firstSeen <= seen.lastSeen).toBe(true);
  expect(second.names()).toEqual([name]);
});

test('however often a bug is seen, its file stays small', () => {
  const name = keep();
  const base = new BugBase(directory);
  for (let seed = 0; seed < 5_000; seed += 1) base.saw(bug, run(seed));
  base.write();
  expect(seenOf(name)).toMatchObject({ count: 5_000 });
  expect(seenOf(name).runs).toHaveLength(100);
  expect(readFileSync(join(directory, name, 'seen.json')).length).toBeLessThan(20_000);
});

test('a bug that nobody has found is not known, and a folder without a repro is no bug', () => {
  const base = new BugBase(directory);
  expect(base.knows(bug)).toBe(false);
  mkdirSync(join(directory, 'notes'));
  expect(base.names()).toEqual([]);
});

test('a base that is not there, or whose files are not what they should be, is an error that names it', () => {
  expect(() => new BugBase(join(directory, 'none')).names()).toThrow(/there is no bug base .*none/);
  writeFileSync(join(directory, 'file'), '');
  expect(() => new BugBase(join(directory, 'file')).names()).toThrow(/there is no bug base .*file/);
  const name = keep();
  writeFileSync(join(directory, name, 'seen.json'), '{"invariant": 1}');
  expect(() => new BugBase(directory).seen(name)).toThrow(/seen\.json: site is missing/);
});
