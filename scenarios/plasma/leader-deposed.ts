import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type PlasmaAct, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { builder, mover, planOf, timesOf } from './base-plan.ts';

/** A leader that others replace while its commits are on their way, or that stands still and wakes up in the belief that it leads. */
export const plasmaLeaderDeposed: PlasmaScenarioSource = {
  name: 'plasma-leader-deposed',
  about:
    'A server that is deposed amid its commits changes nothing any more, and nothing that it answered is lost.',
  plan: (seed) => {
    const times = timesOf(seed, {
      fromUs: 6 * usPerSecond,
      everyUs: 9 * usPerSecond,
      untilUs: 54 * usPerSecond,
    });
    const acts = times.map((atUs, at): PlasmaAct => {
      const forUs = 5_500 * usPerMs + ((seed + at) % 7) * 400 * usPerMs;
      return at % 2 === 0
        ? { kind: 'cutLeaderFromStore', atUs, forUs }
        : { kind: 'pauseLeader', atUs, forUs };
    });
    return planOf(plasmaLeaderDeposed, {
      faults: [],
      acts,
      workload: { users: [mover, { ...builder, mix: { create: 3, stop: 2, start: 2, delete: 2 } }] },
      floors: { committed: 10, terms: 3 },
    });
  },
};
