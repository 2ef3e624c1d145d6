import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type PlasmaAct, type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { builder, planOf, timesOf } from './base-plan.ts';

/** Answers get lost and leaders die, so that users ask again and again: for the same. */
export const plasmaCreateRetried: PlasmaScenarioSource = {
  name: 'plasma-create-retried',
  about: 'A request that is asked again, of another server too, is done once and answered the same.',
  plan: (seed) => {
    const times = timesOf(seed, {
      fromUs: 4 * usPerSecond,
      everyUs: 10 * usPerSecond,
      untilUs: 54 * usPerSecond,
    });
    const acts = times.map((atUs): PlasmaAct => ({ kind: 'crashLeader', atUs, downUs: 3 * usPerSecond }));
    const lossy = [8, 28, 44].map((second): PlasmaFault => ({
      ...{ kind: 'lossy', atUs: second * usPerSecond, forUs: 6 * usPerSecond },
      ...{ lossPpm: 150_000, duplicatePpm: 50_000, reorderPpm: 50_000 },
    }));
    const mix = { create: 5, delete: 4, stop: 1, start: 1 };
    const user = { ...builder, mix, repeatOneIn: 3, requestTimeoutUs: 800 * usPerMs, vmsMax: 4 };
    return planOf(plasmaCreateRetried, {
      faults: lossy,
      acts,
      workload: { users: [user, user] },
      floors: { committed: 20, repeated: 5, terms: 3 },
    });
  },
};
