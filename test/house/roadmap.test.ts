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

test('every row names what shows it, or says that nothing does yet', () => {
  const rows = roadmap
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
    .filter(([, row]) => row !== 'row' && !/^-+$/.test(row ?? ''));
  expect(rows.length).toBeGreaterThan(110);
  const wrong = rows.filter(
    ([, row = '', by = '']) =>
      row === '' ||
      !(by.startsWith('not yet') || /`[^`]+\.test\.ts`|scenarios? `|\.md(?:#[a-z-]+)?\)|the swarm/.test(by)),
  );
  expect(wrong).toEqual([]);
});

test('the systems that are not there yet have their rows, too', () => {
  for (const system of ['FlareDB', 'Aegis', 'FlashDNS']) {
    const section = roadmap.split(/^## /m).find((part) => part.startsWith(system)) ?? '';
    expect([system, section.match(/^\| .* \| not yet +\|$/gm)?.length]).toEqual([system, 16]);
  }
});
