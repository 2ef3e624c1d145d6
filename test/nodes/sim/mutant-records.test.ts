import { expect, test } from 'vitest';

import { type Hunt } from '../../../nodes/sim/mutant-hunt.ts';
import { median, readRecords, recordOf } from '../../../nodes/sim/mutant-records.ts';
import { replaceTables } from '../../../nodes/sim/mutants-page.ts';
import { chronikScenarioNamed } from '../../../scenarios/chronik/registry.ts';
import { plasmaScenarioNamed } from '../../../scenarios/plasma/registry.ts';
import { scenarioNamed } from '../../../scenarios/registry.ts';
import { swimScenarioNamed } from '../../../scenarios/swim/registry.ts';
import { mutantNamed } from '../../../sim/mutants.ts';

const mutant = mutantNamed('commit-older-term');
const hunt = (fields: Partial<Hunt>): Hunt => ({
  ...{ mutant, seeds: 1, seconds: 1, events: 100, others: new Map() },
  kill: { scenario: 'figure-8', seed: 1, invariant: 'invariant' },
  ...fields,
});

test('of five hunts the medians are kept, and the kill that is the shortest to replay', () => {
  const kill = { scenario: 'figure-8', seed: 200_003, invariant: 'leader-completeness' };
  const record = recordOf([
    hunt({ seeds: 9, seconds: 1.04 }),
    hunt({ seeds: 2, seconds: 50 }),
    hunt({ seeds: 3, seconds: 2.26, events: 7, kill }),
    hunt({ seeds: 40, seconds: 2, kill }),
    hunt({ seeds: 1, seconds: 3, kill }),
  ]);
  expect(record).toEqual({
    ...kill,
    caughtBy: { 'leader-completeness': 3, invariant: 2 },
    hunts: 5,
    seeds: 3,
    seconds: 2.3,
  });
});

test('a hunt that found nothing leaves no record: the mutant is not caught', () => {
  expect(recordOf([hunt({}), hunt({ kill: undefined })])).toBeUndefined();
  expect(recordOf([])).toBeUndefined();
});

test('a median is one of the values', () => {
  expect(median([5, 1, 4])).toBe(4);
  expect(median([5, 1, 4, 2])).toBe(2);
});

test('every record that is committed is of a mutant, a scenario and a way to be caught that exist', () => {
  for (const [name, record] of Object.entries(readRecords())) {
    const { caughtBy, scenarios } = mutantNamed(name);
    expect(caughtBy, name).toContain(record.invariant);
    expect(scenarios, name).toContain(record.scenario);
    const other =
      swimScenarioNamed(record.scenario) ??
      chronikScenarioNamed(record.scenario) ??
      plasmaScenarioNamed(record.scenario);
    expect(() => other ?? scenarioNamed(record.scenario)).not.toThrow();
    expect(record.seconds, name).toBeLessThanOrEqual(120);
    expect(record.seeds, name).toBeLessThanOrEqual(2_000);
  }
});

test('the tables take the place of those that the page has, and nothing else of it changes', () => {
  const begin = '<!-- written by `photon sim mutants --write` -->';
  const end = '<!-- end of what was written -->';
  const page = `before\n${begin}\nold\n${end}\nafter\n`;
  const record = { scenario: 'figure-8', seed: 7, invariant: 'invariant' };
  const known = { ...record, caughtBy: { invariant: 5 }, hunts: 5, seeds: 12, seconds: 3.5 };
  const written = replaceTables(page, { 'commit-older-term': known });
  expect(written).toMatch(/^before\n<!-- written/);
  expect(written).toMatch(/<!-- end of what was written -->\nafter\n$/);
  expect(written).not.toContain('old\n');
  expect(written).toMatch(/\| `commit-older-term` \| .* \| invariant \| figure-8 7 \| 12 \| 3\.5 \|/);
  expect(written).toMatch(/\| `vote-before-durable` \| .* \| not recorded \|/);
  expect(replaceTables(written, { 'commit-older-term': known })).toBe(written);
  expect(() => replaceTables('nothing', {})).toThrow('docs/mutants.md lacks');
});
