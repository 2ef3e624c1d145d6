import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { explain, explainedInvariants } from '../../../reports/evidence/explain.ts';
import { checkerNames } from '../../../sim/checkers/registry.ts';

test('every checker of the registry is explained', () => {
  expect(checkerNames.filter((name) => !explainedInvariants.includes(name))).toEqual([]);
});

test('so is every other violation that the simulator names, and nothing that it does not know', () => {
  const named = new Set<string>();
  const rooms = ['sim', 'nodes/sim'].map((room) => join(import.meta.dirname, '../../..', room));
  for (const source of rooms.flatMap(sources)) {
    for (const [, name] of source.matchAll(/(?:new Violation\(|invariant: )\s*'([a-z-]+)'/g))
      named.add(name ?? '');
    // Checkers that are not in the registry have their names in a field.
    for (const [, name] of source.matchAll(/readonly name = '([a-z-]+)';/g)) {
      if (source.includes('new Violation')) named.add(name ?? '');
    }
  }
  named.delete('Violation');
  expect(named.size).toBeGreaterThan(20);
  expect([...named].filter((name) => !explainedInvariants.includes(name))).toEqual([]);
  const known = new Set([...named, ...checkerNames]);
  expect(explainedInvariants.filter((name) => !known.has(name))).toEqual([]);
});

test('an explanation is one sentence and says where it is from', () => {
  for (const invariant of explainedInvariants) {
    const { sentence, source } = explain({ invariant });
    expect(sentence).toMatch(/^[A-Z][^.]*\.$/);
    expect(source).not.toBe('');
  }
});

test('one that is not known is named with its file, and no name finds what every object has', () => {
  expect(explain({ invariant: 'brand-new' }).source).toBe('sim/checkers/brand-new.ts');
  expect(explain({ invariant: 'constructor' }).source).toBe('sim/checkers/constructor.ts');
});

function sources(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
}
