import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type PlasmaCloudPlan, type PlasmaScenario, type UserPlan } from '../../sim/plasma/plan.ts';
import { leaseSettings } from '../../sim/plasma/swarm.ts';
import { seededPrng } from '../../sim/prng.ts';

const bytesPerMemoryUnit = 1_048_576;

/** Three servers, and nodes with room for all that users have; the lease of a node is five seconds. */
export function cloudOf(
  changes: Partial<PlasmaCloudPlan> & { readonly nodeCount?: number } = {},
): PlasmaCloudPlan {
  const { nodeCount = 3, ...own } = changes;
  const { agent, controlPlane } = leaseSettings(5 * usPerSecond);
  return {
    members: 3,
    chainfire: {},
    servers: 3,
    controlPlane: { ...controlPlane, migrationTimeoutUs: 8 * usPerSecond },
    agent: {
      ...agent,
      restartUsMin: 200 * usPerMs,
      restartUsMax: 5 * usPerSecond,
      powerDownUs: 3 * usPerSecond,
      arrivalUs: 4 * usPerSecond,
      watchWaitUs: 4 * usPerSecond,
    },
    nodes: Array.from({ length: nodeCount }, () => ({
      capacity: { cpuMilli: 12_000, memoryBytes: 64 * bytesPerMemoryUnit, diskBytes: 1_000_000_000 },
      labels: {},
      driftPpm: 0,
    })),
    guestTickUs: 100 * usPerMs,
    ...own,
  };
}

/** Makes virtual machines on shared disks, and lets them run. */
export const builder: UserPlan = {
  quota: undefined,
  sharedDisks: 4,
  vmsMax: 5,
  thinkUsMin: 50 * usPerMs,
  thinkUsMax: 500 * usPerMs,
  requestTimeoutUs: 2 * usPerSecond,
  repeatOneIn: 0,
  mix: { create: 1 },
  spreadOfTen: 0,
  keepRunningOfTen: 0,
};

/** Moves them about, too. */
export const mover: UserPlan = { ...builder, mix: { create: 3, migrate: 6, start: 1, stop: 1, delete: 1 } };

/** What scenarios written by hand have in common; each says what is its own. */
export function planOf(
  source: { readonly name: string; readonly about: string },
  own: Pick<PlasmaScenario, 'faults' | 'floors'> & Partial<PlasmaScenario>,
): PlasmaScenario {
  return {
    name: source.name,
    about: source.about,
    cloud: cloudOf(),
    workload: { users: [builder] },
    checks: 'all',
    durationUs: 60 * usPerSecond,
    ...own,
  };
}

/** Times from `fromUs` on, about so far from one another, drawn from the seed. */
export function timesOf(
  seed: number,
  {
    fromUs,
    everyUs,
    untilUs,
  }: { readonly fromUs: number; readonly everyUs: number; readonly untilUs: number },
): readonly number[] {
  const prng = seededPrng(`times ${seed}`);
  const times: number[] = [];
  for (let atUs = fromUs; atUs < untilUs; atUs += everyUs / 2 + prng.below(everyUs))
    times.push(Math.floor(atUs));
  return times;
}
