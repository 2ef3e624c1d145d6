import { type StepRecord } from './step-record.ts';
import { type RunResult, Violation } from './types.ts';
import { violationShown } from './violation-shown.ts';
import { behindWall } from './wall.ts';
import { type World } from './world.ts';

// What runs of systems other than Chainfire's cluster share: how they end, and what is told of it.

/** Lets a run happen behind the wall, to its end or to its first violation. Whatever else is thrown is a failure of the simulator. */
export function firstViolation(record: StepRecord, happen: () => void): Violation | undefined {
  return behindWall(() => {
    try {
      happen();
      return undefined;
    } catch (failure) {
      if (!(failure instanceof Violation)) throw failure;
      record.line(`violation: ${failure.message}`);
      return failure;
    }
  });
}

/** What a run has to show, with the counts that its system has; it has no watches, leases or locks that anybody counts. */
export function resultOf(
  run: {
    readonly seed: number;
    readonly world: World;
    readonly record: StepRecord;
    readonly covered: ReadonlySet<string>;
    /** Those that may have installed snapshots. */
    readonly processes: readonly { readonly snapshotsInstalled: number }[];
    readonly violation: Violation | undefined;
  },
  counts: Pick<RunResult, 'scenario' | 'elections' | 'faultsFired'> & {
    readonly operations: Pick<RunResult['operations'], 'answered' | 'refused' | 'unknown'>;
  },
): RunResult {
  const { nowUs } = run.world;
  const uncounted = { failed: 0, watchEvents: 0, leasesGranted: 0, leasesExpired: 0, locksHeld: 0 };
  return {
    ...counts,
    seed: run.seed,
    violation: violationShown(run.violation, nowUs),
    hash: run.record.hash.digest(),
    simulatedUs: nowUs,
    events: run.record.steps,
    operations: { ...uncounted, ...counts.operations },
    snapshotsInstalled: run.processes.reduce((sum, { snapshotsInstalled }) => sum + snapshotsInstalled, 0),
    coverage: [...run.covered].sort((left, right) => (left < right ? -1 : 1)),
  };
}
