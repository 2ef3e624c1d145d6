import { Option } from 'commander';
import { writeFileSync } from 'node:fs';

import { exitCodes, ExitError } from '../exit.ts';

/** Every command of the simulator writes what it found to a file, if it is asked to. */
export function jsonOption(): Option {
  return new Option('--json <file>', 'write the results to this file');
}

/** @throws ExitError when the file cannot be written */
export function writeJson(file: string | undefined, results: unknown): void {
  if (file === undefined) return;
  try {
    writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
  } catch (cause) {
    throw new ExitError(`photon sim: cannot write ${file}: ${String(cause)}`, exitCodes.refused, { cause });
  }
}
