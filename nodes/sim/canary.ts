import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type FailureEntry, type RunSummary } from '../../reports/page/page-data.ts';
import { decodeSummary } from '../../reports/summary-file.ts';
import { canary, canaryCause, canaryInvariant, canaryMutant } from '../../scenarios/canary.ts';
import { describeFaults } from '../../sim/shrink.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { decodeFile, readRepro, requireWritable } from './repro-files.ts';

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const photonFile = fileURLToPath(new URL(`../photon.${extension}`, import.meta.url));
/** Of these some must fail with the bug, and none without. */
const seeds = '1..6';
const seedsOfOriginal = 6;
/** Whatever hangs is a failure too. */
const childMsMax = 120_000;
/** Of what a child said, when it did not do what it should. */
const tailLines = 20;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/**
 * Proves from end to end, by the command line itself, that a failure is seen, reported, written, made small and replayed, and
 * that the same seeds pass without the bug. A gate that has never been seen to close proves nothing.
 *
 * @param keep folder for what is written; undefined: it is removed
 * @throws ExitError when any of it does not happen
 */
export async function runCanary(options: {
  readonly threads: number;
  readonly keep: string | undefined;
}): Promise<void> {
  const directory = options.keep ?? mkdtempSync(join(tmpdir(), 'photon-canary-'));
  try {
    await prove(directory, String(options.threads));
  } finally {
    if (options.keep === undefined) rmSync(directory, { recursive: true, force: true });
  }
  process.stdout.write('the canary died as it should\n');
}

async function prove(directory: string, threads: string): Promise<void> {
  const files = {
    summary: join(directory, 'summary.json'),
    junit: join(directory, 'junit.xml'),
    page: join(directory, 'run.html'),
  };
  requireWritable(files.summary);
  const run = await photonSim(
    ...['run', canary.name, '--mutant', canaryMutant, '--seeds', seeds, '--jobs', threads],
    ...['--out', directory, '--json', files.summary, '--junit', files.junit, '--page', files.page],
  );
  const seen = run.code === exitCodes.failed;
  must('seen', seen, `with exit code ${String(run.code)}${seen ? '' : `\n${tail(run)}`}`);
  const summary = decodeFile(files.summary, decodeSummary);
  const failure = summary.failures.find(({ invariant }) => invariant === canaryInvariant);
  if (failure === undefined)
    throw new ExitError(`photon sim: the canary lives: ${named(summary)}`, exitCodes.failed);
  const reproFile = join(directory, failure.repro ?? 'no repro');
  const told = run.output.includes(failure.detail) && run.output.includes(`photon sim replay ${reproFile}`);
  must('reported', told, `${canaryInvariant}, in ${failure.count} of ${summary.runs} runs`);
  requireFiles({ directory, failure, ...files });
  const junit = readFileSync(files.junit, 'utf8');
  must('written', junit.includes('<failure') && junit.includes(canaryInvariant), files.junit);
  const repro = readRepro(reproFile);
  const kinds = repro.scenario.faults.map(({ kind }) => kind);
  const before = repro.original?.faults.length ?? 0;
  const shrunk = kinds.join() === canaryCause.join() && before > kinds.length;
  must('shrunk', shrunk, `${before} faults to ${describeFaults(repro.scenario.faults)}`);
  const replay = await photonSim('replay', reproFile, '--expect');
  const equal = replay.code === 0 && replay.output.includes(`the hash is the same: ${repro.hash}`);
  must('replayed', equal, equal ? `with the same hash, ${repro.hash}` : tail(replay));
  const original = await photonSim('run', canary.name, '--seeds', seeds, '--jobs', threads, '--no-shrink');
  const passed = original.code === 0;
  must('harmless', passed, passed ? `${seedsOfOriginal} seeds pass without the bug` : tail(original));
}

function requireFiles(found: {
  readonly directory: string;
  readonly failure: FailureEntry;
  readonly page: string;
}): void {
  const { directory, failure } = found;
  const pages = [join(directory, failure.page ?? 'no page'), found.page];
  for (const file of pages) {
    const html = readFileSync(file, 'utf8');
    const whole = html.startsWith('<!doctype html>') && html.trimEnd().endsWith('</html>');
    must('shown', whole && html.includes(canaryInvariant), file);
  }
}

/** Says what holds. @throws ExitError with what does not */
function must(what: string, held: boolean, shown: string): void {
  if (!held) throw new ExitError(`photon sim: the canary lives: not ${what}\n${shown}`, exitCodes.failed);
  process.stdout.write(`${what.padEnd(12)}${shown}\n`);
}

function named(summary: RunSummary): string {
  const seen = summary.failures.map(({ invariant }) => invariant).join(', ');
  return `${canaryInvariant} was not seen in ${summary.runs} runs, but ${seen === '' ? 'nothing' : seen}`;
}

function tail({ output }: Ended): string {
  return output.trimEnd().split('\n').slice(-tailLines).join('\n');
}

/** A command of its own process, as CI would give it. */
function photonSim(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [photonFile, 'sim', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: childMsMax,
      killSignal: 'SIGKILL',
    });
    const chunks: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => chunks.push(chunk));
    }
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, output: chunks.join('') });
    });
  });
}
