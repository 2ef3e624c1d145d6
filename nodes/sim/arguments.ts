import { InvalidArgumentError } from 'commander';

import { mutantNames } from '../../sim/mutants.ts';
import { isScenarioName, scenarioNames } from '../../scenarios/registry.ts';
import { chronikScenarioNamed, chronikScenarioNames } from '../../scenarios/chronik/registry.ts';
import { plasmaScenarioNamed, plasmaScenarioNames } from '../../scenarios/plasma/registry.ts';
import { swimScenarioNamed, swimScenarioNames } from '../../scenarios/swim/registry.ts';
import { isFileName } from './repro-files.ts';
import { type SeedRange, type Shard } from './shard.ts';

/** Durations with their unit, in ms. */
const unitsMs: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** `7`, `1..100`, or `1..` for as many as there is time for. */
export function parseSeeds(text: string): SeedRange {
  const match = /^(\d{1,15})(\.\.(\d{1,15})?)?$/.exec(text);
  if (match === null)
    throw new InvalidArgumentError('Allowed: one seed (7), a range (1..100), or an open range (1..).');
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : match[3] === undefined ? Infinity : Number(match[3]);
  if (last < first) throw new InvalidArgumentError(`The range is empty: ${last} is below ${first}.`);
  return { first, last };
}

export function parseSeed(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Allowed: a whole number of 0 or more.');
  return Number(text);
}

/** `500ms`, `60s`, `5m`, `1h`, in ms. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h)$/.exec(text);
  const unit = unitsMs.get(match?.[2] ?? '');
  if (match === null || unit === undefined || Number(match[1]) === 0) {
    throw new InvalidArgumentError('Allowed: a whole number and its unit, as 500ms, 60s, 5m or 1h.');
  }
  return Number(match[1]) * unit;
}

const shardsMax = 100_000;

/** `2/8`: the second of eight. */
export function parseShard(text: string): Shard {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || index < 1 || count > shardsMax || index > count) {
    throw new InvalidArgumentError(`Allowed: i/n with i from 1 to n and n up to ${shardsMax}, as 2/8.`);
  }
  return { index, count };
}

export function parseCount(most: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!/^\d{1,9}$/.test(text) || count < 1 || count > most) {
      throw new InvalidArgumentError(`Allowed: a whole number from 1 to ${most}.`);
    }
    return count;
  };
}

export function parseScenario(text: string): string {
  if (!isScenarioName(text)) throw new InvalidArgumentError(`Allowed: ${scenarioNames.join(', ')}.`);
  return text;
}

/** The name of a scenario, or of a file. */
export function parseScenarioOrFile(text: string): string {
  return isFileName(text) ? text : parseScenario(text);
}

/** Everything that can be run: scenarios of the cluster, of gossip alone, of brokers, and of the VM platform. */
export const runnableNames: readonly string[] = [
  ...scenarioNames,
  ...swimScenarioNames,
  ...chronikScenarioNames,
  ...plasmaScenarioNames,
];

export function parseRunnable(text: string): string {
  const isOther = [swimScenarioNamed, chronikScenarioNamed, plasmaScenarioNamed].some(
    (named) => named(text) !== undefined,
  );
  if (!isScenarioName(text) && !isOther)
    throw new InvalidArgumentError(`Allowed: ${runnableNames.join(', ')}.`);
  return text;
}

/** The name of anything that can be run, or of a file. */
export function parseRunnableOrFile(text: string): string {
  return isFileName(text) ? text : parseRunnable(text);
}

export function parseMutant(text: string): string {
  if (!mutantNames.includes(text)) throw new InvalidArgumentError(`Allowed: ${mutantNames.join(', ')}.`);
  return text;
}

/** For an argument that may be given many times. */
export function collectScenarios(text: string, before: readonly string[]): readonly string[] {
  return [...before, parseRunnable(text)];
}

export function collectMutants(text: string, before: readonly string[]): readonly string[] {
  return [...before, parseMutant(text)];
}
