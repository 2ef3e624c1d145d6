import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type PlasmaAct, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { builder, mover, planOf, timesOf } from './base-plan.ts';

/** Servers that are told to stop while they lead, as in a rolling update, amid commits and with a store that is slow at times. */
export const plasmaLeaderLeaves: PlasmaScenarioSource = {
  name: 'plasma-leader-leaves',
  about: 'A leader that is told to stop hands over what is settled, and nothing that it answered is lost.',
  plan: (seed) => {
    const times = timesOf(seed, {
      fromUs: 6 * usPerSecond,
      everyUs: 4 * usPerSecond,
      untilUs: 54 * usPerSecond,
    });
    const acts = times.map((atUs, at): PlasmaAct => ({
      kind: 'stopLeader',
      atUs,
      downUs: 200 * usPerMs + (at % 5) * usPerSecond,
    }));
    return planOf(plasmaLeaderLeaves, {
      faults: [],
      acts,
      workload: { users: [mover, { ...builder, mix: { create: 3, stop: 2, start: 2, delete: 2 } }] },
      // With leases that have to run out there would be less than one in eight seconds.
      floors: { committed: 10, terms: 9 },
    });
  },
};
