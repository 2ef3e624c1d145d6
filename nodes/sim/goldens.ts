import { readFileSync, writeFileSync } from 'node:fs';

import { scenarios } from '../../scenarios/registry.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { writeJson } from './json-file.ts';

/** The seed of every golden. */
export const goldenSeed = 42;
const goldensFile = new URL('../../test/sim/goldens.json', import.meta.url);

/** The hash that each scenario has for the golden seed, by name. */
export function currentGoldens(): Readonly<Record<string, string>> {
  const hashes = scenarios.map((scenario) => {
    const result = runJudged(scenario.plan(goldenSeed), goldenSeed);
    const { violation } = result;
    if (violation !== undefined)
      throw new ExitError(`${scenario.name}: ${violation.detail}`, exitCodes.failed);
    return [scenario.name, result.hash] as const;
  });
  return Object.fromEntries(hashes);
}

export function committedGoldens(): Readonly<Record<string, string>> {
  return JSON.parse(readFileSync(goldensFile, 'utf8')) as Record<string, string>;
}

/** @throws ExitError when a hash differs, unless the new ones are to be written */
export function goldens(options: { readonly write: boolean; readonly json: string | undefined }): void {
  const current = currentGoldens();
  writeJson(options.json, { current, committed: committedGoldens() });
  if (options.write) {
    writeFileSync(goldensFile, `${JSON.stringify(current, undefined, 2)}\n`);
    process.stdout.write('goldens written; say in the CHANGELOG why they changed\n');
    return;
  }
  const committed = committedGoldens();
  const changed = Object.keys({ ...current, ...committed }).filter(
    (name) => current[name] !== committed[name],
  );
  for (const name of changed) {
    process.stdout.write(
      `${name}: ${current[name] ?? 'gone'}, where ${committed[name] ?? 'nothing'} is committed\n`,
    );
  }
  if (changed.length > 0) {
    throw new ExitError(
      'photon sim: hashes changed; if that is meant: photon sim goldens --write',
      exitCodes.failed,
    );
  }
  process.stdout.write('every golden hash is as committed\n');
}
