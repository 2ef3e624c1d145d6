import { kafkaErrorOf } from '../../core/wire/kafka/error-codes.ts';
import { exitCodes, ExitError } from '../exit.ts';

/** A line of JSON. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Rows under a heading, columns as wide as they need to be. */
export function printTable(
  heading: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): void {
  const lines = [heading, ...rows.map((row) => row.map(String))];
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  for (const line of lines) {
    printLine(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

/** How one of several things went. */
export interface Outcome {
  /** What it was asked of. */
  readonly name: string;
  readonly errorCode: number;
  readonly errorMessage?: string | undefined;
}

/**
 * Prints what has worked, then ends with what has not.
 *
 * @throws ExitError naming each that has not
 */
export function printOutcomes(
  outcomes: readonly Outcome[],
  done: string,
  command: string,
  json: boolean,
): void {
  const told = outcomes.map(({ name, errorCode, errorMessage }) => ({
    name,
    error: kafkaErrorOf(errorCode),
    message: errorMessage ?? '',
  }));
  if (json)
    printJson(
      told.map(({ name, error, message }) => ({ name, error, ...(message === '' ? {} : { message }) })),
    );
  else for (const { name } of told.filter(({ error }) => error === 'NONE')) printLine(`${done} ${name}`);
  const refused = told.filter(({ error }) => error !== 'NONE');
  if (refused.length === 0) return;
  const reasons = refused.map(
    ({ name, error, message }) => `${name}: ${error}${message === '' ? '' : `: ${message}`}`,
  );
  throw new ExitError(`${command}: refused: ${reasons.join('; ')}`, exitCodes.failed);
}
