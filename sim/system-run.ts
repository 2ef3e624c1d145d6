import { usPerSecond } from '../core/base/units.ts';
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

/**
 * The second half of a run: everything is healed, and within the bound nothing may be lacking any more.
 *
 * @param lacking what still is, in words; undefined when nothing is
 * @throws Violation when it does not come about in time
 */
export function awaitHealth(
  world: World,
  options: {
    readonly lookUs: number;
    readonly boundUs: number;
    readonly lacking: () => string | undefined;
  },
): void {
  const { lookUs, boundUs } = options;
  const endUs = world.nowUs + boundUs;
  for (;;) {
    world.runUntil(world.nowUs + lookUs);
    const lacking = options.lacking();
    if (lacking === undefined) return;
    if (world.nowUs >= endUs)
      throw new Violation('liveness', `${boundUs / usPerSecond} s after everything was healed, ${lacking}`);
  }
}

/** Which floor a run has not come up to, in words; undefined when it has come up to all. What is not counted is 0. */
export function firstMissed(
  floors: Readonly<Partial<Record<string, number>>>,
  counts: Readonly<Partial<Record<string, number>>>,
): string | undefined {
  for (const [name, floor] of Object.entries(floors)) {
    const count = counts[name] ?? 0;
    if (floor !== undefined && count < floor) return `${name}: ${count}, where ${floor} is the least`;
  }
  return undefined;
}

/** Fresh checkers for one run: all of them, or those that are named. @throws RangeError for a name that is none */
export function checkersNamed<Checker extends { readonly name: string }>(
  all: readonly Checker[],
  names: readonly string[] | 'all',
): readonly Checker[] {
  if (names === 'all') return all;
  return names.map((name) => {
    const found = all.find((checker) => checker.name === name);
    if (found !== undefined) return found;
    throw new RangeError(
      `no checker is called ${name}; there are ${all.map((each) => each.name).join(', ')}`,
    );
  });
}
