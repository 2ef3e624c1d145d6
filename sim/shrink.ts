import { reducers } from './shrink-reducers.ts';
import { type Failed, type Search, type Trial, Trials, type TrialsOptions } from './shrink-trials.ts';
import { type Fault } from './fault.ts';
import { type Scenario } from './types.ts';

/** What shrinking has come to. */
export interface Shrunk {
  readonly trial: Trial;
  readonly result: Failed;
  /** Runs that were made to get here; those that were made ahead, and not looked at, do not count. */
  readonly runs: number;
  /** Nothing simpler of what is tried shows the violation; otherwise a bound ended the search. */
  readonly minimal: boolean;
}

/** Verdicts on a run as a whole: a smaller run would be another one. */
const notShrunk: ReadonlySet<string> = new Set(['idle', 'nondeterminism', 'undecided']);

/** @returns why a failure of this invariant is left as it is; undefined: it can be shrunk */
export function whyNotShrunk(invariant: string): string | undefined {
  return notShrunk.has(invariant) ? `${invariant} is a verdict on the whole run` : undefined;
}

/**
 * Reduces a failing run to a small one that shows the same invariant broken: first the fault schedule, then the workload,
 * then the cluster, round after round until a whole round has changed nothing. What comes out is locally minimal: without
 * any one of its faults, clients, keys or kinds of operation the violation does not show.
 *
 * Simpler values are those of fast-check's arbitraries. With the same bound in runs the result is the same, however many
 * trials are made at once.
 *
 * @throws RangeError when the trial shows no such violation to begin with
 */
export function* shrink(found: Trial, options: TrialsOptions): Search<Shrunk> {
  const trials = new Trials(options);
  yield* trials.begin({ ...found, scenario: withoutFloors(found.scenario) });
  let minimal = false;
  while (!minimal && !trials.over) {
    const before = trials.accepted;
    for (const { name, reduce } of reducers) {
      trials.pass = name;
      yield* reduce(trials);
    }
    minimal = !trials.over && trials.accepted === before;
  }
  return { trial: trials.best, result: trials.result, runs: trials.runs, minimal };
}

/** A small run does little: that is no failure here. */
function withoutFloors(scenario: Scenario): Scenario {
  const { floors, ...rest } = scenario;
  return floors === undefined ? scenario : rest;
}

/** Kinds of faults and how many of each, in words: `2 crash, 1 partition`. */
export function describeFaults(faults: readonly Fault[]): string {
  if (faults.length === 0) return 'no fault';
  const counts = new Map<string, number>();
  for (const { kind } of faults) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
}
