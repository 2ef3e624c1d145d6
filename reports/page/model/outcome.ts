import { type RunResult } from '../../../sim/types.ts';
import { duration, exactTime, grouped } from './words.ts';

/** One thing that two runs have in common, and how each of them did. */
export interface OutcomeRow {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  readonly differs: boolean;
}

/** In one sentence: what became of the violation. */
export function outcomeSentence(before: RunResult, after: RunResult): string {
  const was = before.violation;
  const is = after.violation;
  if (was === undefined && is === undefined) return 'Neither run violates anything.';
  if (was === undefined) return `A violation has appeared: ${is?.invariant ?? ''}.`;
  if (is === undefined)
    return `The violation has vanished: the run ends well after ${duration(after.simulatedUs)}.`;
  if (is.invariant !== was.invariant) return `Another invariant is violated: ${is.invariant}.`;
  if (is.detail === was.detail && is.atUs === was.atUs) return 'The same violation, at the same time.';
  return `The same invariant is violated, ${is.atUs === was.atUs ? 'in another way' : `at ${exactTime(is.atUs)}`}.`;
}

export function outcomeRows(before: RunResult, after: RunResult): readonly OutcomeRow[] {
  const row = (name: string, of: (result: RunResult) => string): OutcomeRow => {
    const texts = { before: of(before), after: of(after) };
    return { name, ...texts, differs: texts.before !== texts.after };
  };
  const kinds = new Set([...Object.keys(before.faultsFired), ...Object.keys(after.faultsFired)]);
  return [
    row('Violation', ({ violation }) => violation?.invariant ?? 'none'),
    row('Detail', ({ violation }) => violation?.detail ?? '–'),
    row('At', ({ violation }) => (violation === undefined ? '–' : exactTime(violation.atUs))),
    row('Trace hash', ({ hash }) => hash),
    row('Simulated', ({ simulatedUs }) => duration(simulatedUs)),
    row('Steps', ({ events }) => grouped(events)),
    row('Elections', ({ elections }) => grouped(elections)),
    row('Snapshots installed', ({ snapshotsInstalled }) => grouped(snapshotsInstalled)),
    row('Calls answered', ({ operations }) => grouped(operations.answered)),
    row('Calls refused', ({ operations }) => grouped(operations.refused)),
    row('Calls failed', ({ operations }) => grouped(operations.failed)),
    row('Calls of unknown outcome', ({ operations }) => grouped(operations.unknown)),
    ...[...kinds]
      .toSorted(byText)
      .map((kind) => row(`Fired: ${kind}`, (result) => grouped(firedOf(result, kind)))),
  ];
}

function firedOf(result: RunResult, kind: string): number {
  return (result.faultsFired as Readonly<Record<string, number>>)[kind] ?? 0;
}

function byText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
