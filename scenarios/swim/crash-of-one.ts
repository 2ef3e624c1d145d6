import { nodeId } from '../../core/base/ids.ts';
import { usPerSecond } from '../../core/base/units.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type SwimScenarioSource } from '../../sim/swim/plan.ts';

/** One of a few dies and stays dead, another dies and comes again, a third leaves: each is known for what it is. */
export const swimCrashOfOne: SwimScenarioSource = {
  name: 'swim-crash-of-one',
  about: 'Who dies without a word is found to be dead by all, and who comes back is found to be back.',
  plan: (seed) => {
    const prng = seededPrng(`crash of one ${seed}`);
    const members = 4 + prng.below(7);
    const [dead, back, gone] = [0, 1, 2].map((step) => nodeId(((seed + step) % members) + 1)) as [
      ReturnType<typeof nodeId>,
      ReturnType<typeof nodeId>,
      ReturnType<typeof nodeId>,
    ];
    return {
      name: swimCrashOfOne.name,
      about: swimCrashOfOne.about,
      members,
      startWithinUs: 2 * usPerSecond,
      seeds: 2,
      options: {},
      faults: [
        { kind: 'crash', atUs: 20 * usPerSecond, node: dead, downUs: Infinity },
        { kind: 'crash', atUs: (25 + prng.below(20)) * usPerSecond, node: back, downUs: 90 * usPerSecond },
        { kind: 'move', atUs: 60 * usPerSecond, node: gone },
        { kind: 'leave', atUs: 200 * usPerSecond, node: gone, downUs: Infinity },
      ],
      durationUs: 220 * usPerSecond,
      floors: { joined: members, died: 2, left: 1, updated: 1 },
    };
  },
};
