import { nodeId } from '../../core/base/ids.ts';
import { usPerSecond } from '../../core/base/units.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type SwimScenarioSource } from '../../sim/swim/plan.ts';

/** Many start within a second, through a single seed that dies and comes again: a state of many datagrams, and a crowd at one door. */
export const swimJoinOfMany: SwimScenarioSource = {
  name: 'swim-join-of-many',
  about: 'Dozens that start at once through a single seed all find each other, at a bounded load.',
  plan: (seed) => {
    const prng = seededPrng(`join of many ${seed}`);
    const members = 20 + prng.below(21);
    return {
      name: swimJoinOfMany.name,
      about: swimJoinOfMany.about,
      members,
      startWithinUs: usPerSecond,
      seeds: 1,
      options: {},
      faults: [{ kind: 'crash', atUs: 2 * usPerSecond, node: nodeId(1), downUs: 15 * usPerSecond }],
      durationUs: 30 * usPerSecond,
      floors: { joined: members * (members - 2) },
    };
  },
};
