import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { DecodeError } from '../../sim/decode.ts';
import { mutantNames } from '../../sim/mutants.ts';
import { decodeRepro, encodeRepro } from '../../sim/repro-file.ts';
import { type Repro } from '../../sim/repro.ts';
import { exitCodes, ExitError } from '../exit.ts';

/** What is a file, and not the name of a scenario: none of them has a dot or a slash. */
export function isFileName(text: string): boolean {
  return /[./\\]/.test(text);
}

/** @throws ExitError which names the file, and the field that is wrong in it */
export function readRepro(file: string): Repro {
  const repro = decodeFile(file, decodeRepro);
  if (repro.mutant !== undefined && !mutantNames.includes(repro.mutant)) {
    throw new ExitError(
      `photon sim: ${file}: mutant: there is no mutant ${repro.mutant}; allowed: ${mutantNames.join(', ')}`,
      exitCodes.refused,
    );
  }
  return repro;
}

export function writeRepro(file: string, repro: Repro): void {
  writeWhole(file, encodeRepro(repro));
}

/** @throws ExitError which names the file */
export function decodeFile<T>(file: string, decode: (json: string) => T): T {
  let json: string;
  try {
    json = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ExitError(`photon sim: cannot read ${file}: ${String(cause)}`, exitCodes.refused, { cause });
  }
  try {
    return decode(json);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new ExitError(`photon sim: ${file}: ${cause.message}`, exitCodes.refused, { cause });
  }
}

/**
 * Looks whether a file could be written where it is wanted, so that nobody learns of it hours later.
 *
 * @throws ExitError naming the file
 */
export function requireWritable(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    accessSync(dirname(file), constants.W_OK);
    if (!existsSync(file)) return;
    if (statSync(file).isDirectory()) throw new Error('it is a directory');
    accessSync(file, constants.W_OK);
  } catch (cause) {
    throw new ExitError(`photon sim: cannot write ${file}: ${String(cause)}`, exitCodes.refused, { cause });
  }
}

/** Whoever reads the file while it is written sees the one before. @throws ExitError when it cannot be written */
export function writeWhole(file: string, content: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    const partial = `${file}.partial`;
    writeFileSync(partial, content);
    renameSync(partial, file);
  } catch (cause) {
    throw new ExitError(`photon sim: cannot write ${file}: ${String(cause)}`, exitCodes.refused, { cause });
  }
}
