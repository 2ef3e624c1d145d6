import { type Role } from '../../../core/raft/types.ts';
import { faultKinds } from '../../../sim/fault-shapes.ts';
import { type RunSummary } from '../page-data.ts';

export interface CoverageGroup {
  readonly name: string;
  /** What is counted. */
  readonly unit: string;
  /** What was reached least comes last; what was not reached at all counts 0. */
  readonly items: readonly CoverageItem[];
}

export interface CoverageItem {
  readonly name: string;
  readonly count: number;
}

/** Every run that is worth its time has reached these. */
const roles: Readonly<Record<Role, true>> = {
  follower: true,
  preCandidate: true,
  candidate: true,
  leader: true,
};

/** What a run could reach, by groups, with how often it has: what it never did is in the lists too. */
export function coverageGroups(summary: RunSummary): readonly CoverageGroup[] {
  const faults = new Map<string, number>(faultKinds.map((kind) => [kind, 0]));
  for (const [kind, count] of Object.entries(summary.faultsFired)) faults.set(kind, count);
  const reached = new Map<string, number>(Object.keys(roles).map((role) => [role, 0]));
  for (const [name, count] of Object.entries(summary.coverage)) reached.set(name, count);
  return [
    group('Faults', 'times they had an effect', faults),
    group('States, messages and requests', 'runs that reached them', reached),
    group('Operations', 'of clients', new Map(Object.entries(summary.operations))),
  ];
}

function group(name: string, unit: string, counts: ReadonlyMap<string, number>): CoverageGroup {
  const items = [...counts].map(([item, count]) => ({ name: item, count }));
  items.sort((left, right) => right.count - left.count || (left.name < right.name ? -1 : 1));
  return { name, unit, items };
}
