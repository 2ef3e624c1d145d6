import { coverable } from '../../../sim/coverage.ts';
import { faultKinds } from '../../../sim/fault-shapes.ts';
import { type RunSummary } from '../page-data.ts';

export interface CoverageGroup {
  readonly name: string;
  /** What is counted. */
  readonly unit: string;
  /** What was reached most comes first; what was not reached at all counts 0. */
  readonly items: readonly CoverageItem[];
}

export interface CoverageItem {
  readonly name: string;
  readonly count: number;
}

/** What a run could reach, by groups, with how often it has: what it never did is in the lists too. */
export function coverageGroups(summary: RunSummary): readonly CoverageGroup[] {
  const { coverage } = summary;
  const known = new Set<string>(Object.values(coverable).flat());
  const refusals = Object.entries(coverage).filter(([name]) => !known.has(name));
  const ofRuns = (name: string, names: readonly string[]): CoverageGroup =>
    group(name, 'runs that reached them', new Map(names.map((item) => [item, coverage[item] ?? 0])));
  const faults = new Map<string, number>(faultKinds.map((kind) => [kind, 0]));
  for (const [kind, count] of Object.entries(summary.faultsFired)) faults.set(kind, count);
  const groups = [
    group('Faults', 'times they had an effect', faults),
    ofRuns('Roles and states', [...coverable.roles, ...coverable.states]),
    ofRuns('Messages between members', coverable.messages),
    ofRuns('Requests of clients', coverable.requests),
    group('Refusals', 'runs that saw them', new Map(refusals)),
    ofRuns('Events and effects', [...coverable.events, ...coverable.effects]),
    group('Operations', 'by how they ended', new Map(Object.entries(summary.operations))),
  ];
  return groups.filter(({ items }) => items.length > 0);
}

function group(name: string, unit: string, counts: ReadonlyMap<string, number>): CoverageGroup {
  const items = [...counts].map(([item, count]) => ({ name: item, count }));
  items.sort((left, right) => right.count - left.count || (left.name < right.name ? -1 : 1));
  return { name, unit, items };
}
