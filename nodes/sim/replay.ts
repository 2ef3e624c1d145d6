import { scenarioNamed } from '../../scenarios/registry.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { Tally } from '../../reports/tally.ts';
import { writeJson } from './json-file.ts';

const traceChunkLines = 2_000;

/** Runs one seed again, in this thread. @throws ExitError when it ends in a violation */
export function replay(
  scenario: string,
  seed: number,
  options: { readonly trace: boolean; readonly json: string | undefined },
): void {
  const lines: string[] = [];
  const flush = (): void => {
    if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
    lines.length = 0;
  };
  const sink = (line: string): void => {
    lines.push(line);
    if (lines.length >= traceChunkLines) flush();
  };
  const result = runJudged(scenarioNamed(scenario).plan(seed), seed, options.trace ? { trace: sink } : {});
  flush();
  const tally = new Tally();
  tally.add(result);
  process.stdout.write(`${[`hash        ${result.hash}`, ...tally.lines()].join('\n')}\n`);
  writeJson(options.json, result);
  const { violation } = result;
  if (violation === undefined) {
    process.stdout.write('no violation\n');
    return;
  }
  throw new ExitError(
    `at ${(violation.atUs / 1_000_000).toFixed(6)} s: ${violation.detail}`,
    exitCodes.failed,
  );
}
