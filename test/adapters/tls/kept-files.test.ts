import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { KeptFiles } from '../../../adapters/tls/kept-files.ts';

let dir: string;
let reads: number;
let changes: string[];
let unusable: string[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-kept-'));
  [reads, changes, unusable] = [0, [], []];
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const file = (name: string): string => join(dir, name);

/** Two files that go together when they say the same. */
function pair(): KeptFiles<string> {
  const files = [file('one'), file('other')];
  return new KeptFiles({
    files,
    read: () => {
      reads += 1;
      const [one = '', other = ''] = files.map((name) => readFileSync(name, 'utf8'));
      if (one !== other) throw new Error(`${one} is not ${other}`);
      return one;
    },
    onChanged: (content) => changes.push(content),
    onUnusable: (error) => unusable.push(error.message),
  });
}

test('files that have not changed are read once', () => {
  for (const name of ['one', 'other']) writeFileSync(file(name), 'a');
  const kept = pair();
  expect([kept.content, kept.content, kept.content]).toEqual(['a', 'a', 'a']);
  expect([reads, changes]).toEqual([1, []]);
});

test('between two replacements that belong together the pair of before counts', () => {
  for (const name of ['one', 'other']) writeFileSync(file(name), 'a');
  const kept = pair();
  writeFileSync(file('new'), 'bb');
  renameSync(file('new'), file('one'));
  expect([kept.content, kept.content]).toEqual(['a', 'a']);
  // Once for the change, not for every look.
  expect(unusable).toEqual(['bb is not a']);
  writeFileSync(file('other'), 'bb');
  expect(kept.content).toBe('bb');
  expect(changes).toEqual(['bb']);
});

test('a file that is gone does no harm, and counts when it is back', () => {
  for (const name of ['one', 'other']) writeFileSync(file(name), 'a');
  const kept = pair();
  rmSync(file('other'));
  expect(kept.content).toBe('a');
  expect(unusable).toHaveLength(1);
  for (const name of ['one', 'other']) writeFileSync(file(name), 'ccc');
  expect(kept.content).toBe('ccc');
});

test('files that cannot be used at the start are an error', () => {
  writeFileSync(file('one'), 'a');
  writeFileSync(file('other'), 'b');
  expect(pair).toThrow('a is not b');
});
