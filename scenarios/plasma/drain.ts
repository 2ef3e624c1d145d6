import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { builder, cloudOf, mover, planOf } from './base-plan.ts';

/** Nodes are drained while others make, stop and move what is on them. */
export const plasmaDrain: PlasmaScenarioSource = {
  name: 'plasma-drain',
  about:
    'Nodes that are drained under load are left by all that can leave, and rules and capacities hold meanwhile.',
  plan: () =>
    planOf(plasmaDrain, {
      cloud: cloudOf({ nodeCount: 4 }),
      workload: {
        users: [
          { ...mover, spreadOfTen: 5 },
          { ...builder, spreadOfTen: 3, mix: { create: 4, stop: 1, start: 2, delete: 1 } },
          {
            ...builder,
            ...{ sharedDisks: 0, thinkUsMin: 1_000 * usPerMs, thinkUsMax: 5 * usPerSecond },
            mix: { drain: 2, uncordon: 3 },
          },
        ],
      },
      faults: [],
      floors: { committed: 20, handOvers: 3 },
    }),
};
