import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { chronikScenarioNames } from '../../scenarios/chronik/registry.ts';
import { plasmaScenarioNames } from '../../scenarios/plasma/registry.ts';
import { scenarios } from '../../scenarios/registry.ts';

const roadmap = readFileSync(new URL('../../docs/roadmap.md', import.meta.url), 'utf8');
const named = [...roadmap.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

test('every test that the roadmap names is there', () => {
  const tests = named.filter((name) => name.endsWith('.test.ts'));
  expect(tests.length).toBeGreaterThan(60);
  expect(tests.filter((name) => !existsSync(new URL(`../${name}`, import.meta.url)))).toEqual([]);
});

test('every scenario that the roadmap names can be run', () => {
  const runnable = new Set([
    ...scenarios.map(({ name }) => name),
    ...chronikScenarioNames,
    ...plasmaScenarioNames,
  ]);
  const mentioned = named.filter((name) => /^[a-z0-9]+(-[a-z0-9]+)+$/.test(name));
  expect(mentioned.length).toBeGreaterThan(10);
  expect(mentioned.filter((name) => !runnable.has(name))).toEqual([]);
});
