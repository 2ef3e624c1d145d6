import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

/** A command of etcdctl that both Chainfire and etcd were given, and that had the same outcome with both. */
export interface ComparedCommand {
  readonly args: readonly string[];
  /** It ended with 0, or went on until it was told to end. */
  readonly worked: boolean;
  readonly test: string;
}

/** Set by vitest's configuration: a directory of this run alone, which no test file has to itself. */
const directory = process.env['PHOTON_COMPARED_COMMANDS'];

/** To be called after the comparison, so that what was not the same does not count. */
export function recordCompared(commands: readonly Omit<ComparedCommand, 'test'>[]): void {
  if (directory === undefined) return;
  mkdirSync(directory, { recursive: true });
  const test = expect.getState().currentTestName ?? '';
  const lines = commands.map((command) => `${JSON.stringify({ ...command, test })}\n`);
  appendFileSync(join(directory, `${process.pid}.jsonl`), lines.join(''));
}

/** What all files of this run have compared so far; the record of it is gone then. */
export function takeCompared(): readonly ComparedCommand[] {
  if (directory === undefined) return [];
  const record = directory;
  mkdirSync(record, { recursive: true });
  const compared = readdirSync(record).flatMap((file) =>
    readFileSync(join(record, file), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as ComparedCommand),
  );
  rmSync(record, { recursive: true });
  return compared;
}
