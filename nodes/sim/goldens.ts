import { readFileSync, writeFileSync } from 'node:fs';

import { scenarios } from '../../scenarios/registry.ts';
import { swimScenarios } from '../../scenarios/swim/registry.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { runSwim } from '../../sim/swim/run.ts';
import { type RunResult } from '../../sim/types.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { writeJson } from './json-file.ts';

/** The seed of every golden. */
export const goldenSeed = 42;
const goldensFile = new URL('../../test/sim/goldens.json', import.meta.url);
const swimGoldensFile = new URL('../../test/sim/swim/goldens.json', import.meta.url);

type Goldens = Readonly<Record<string, string>>;

/** The hash that each scenario of the cluster has for the golden seed, by name. */
export function currentGoldens(): Goldens {
  return hashesOf(scenarios, (scenario) => runJudged(scenario.plan(goldenSeed), goldenSeed));
}

function currentSwimGoldens(): Goldens {
  return hashesOf(swimScenarios, (scenario) => runSwim(scenario.plan(goldenSeed), goldenSeed));
}

function hashesOf<S extends { readonly name: string }>(
  sources: readonly S[],
  run: (source: S) => RunResult,
): Goldens {
  const hashes = sources.map((source) => {
    const { hash, violation } = run(source);
    if (violation !== undefined) throw new ExitError(`${source.name}: ${violation.detail}`, exitCodes.failed);
    return [source.name, hash] as const;
  });
  return Object.fromEntries(hashes);
}

export function committedGoldens(): Goldens {
  return readGoldens(goldensFile);
}

function readGoldens(file: URL): Goldens {
  return JSON.parse(readFileSync(file, 'utf8')) as Goldens;
}

/** @throws ExitError when a hash differs, unless the new ones are to be written */
export function goldens(options: { readonly write: boolean; readonly json: string | undefined }): void {
  const cluster = currentGoldens();
  const swim = currentSwimGoldens();
  const current: Goldens = { ...cluster, ...swim };
  const committed: Goldens = { ...committedGoldens(), ...readGoldens(swimGoldensFile) };
  writeJson(options.json, { current, committed });
  if (options.write) {
    writeFileSync(goldensFile, `${JSON.stringify(cluster, undefined, 2)}\n`);
    writeFileSync(swimGoldensFile, `${JSON.stringify(swim, undefined, 2)}\n`);
    process.stdout.write('goldens written; say in the CHANGELOG why they changed\n');
    return;
  }
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
