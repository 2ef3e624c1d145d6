import { nodeId } from '../../core/base/ids.ts';
import { usPerSecond } from '../../core/base/units.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type SwimScenarioSource } from '../../sim/swim/plan.ts';

/** Two sides that take each other for dead for long, so long that nobody is told of it any more, find each other again. */
export const swimPartitionAndHeal: SwimScenarioSource = {
  name: 'swim-partition-and-heal',
  about: 'Two sides that have declared each other dead find each other again once they can.',
  plan: (seed) => {
    const prng = seededPrng(`partition and heal ${seed}`);
    const members = 4 + prng.below(7);
    const nodes = Array.from({ length: members }, (_, at) => nodeId(at + 1));
    const firstSide = 1 + prng.below(members - 1);
    const rotated = [...nodes.slice(seed % members), ...nodes.slice(0, seed % members)];
    const side = rotated.slice(0, firstSide);
    const otherSide = rotated.slice(firstSide);
    return {
      name: swimPartitionAndHeal.name,
      about: swimPartitionAndHeal.about,
      members,
      startWithinUs: 2 * usPerSecond,
      seeds: 2,
      options: {},
      faults: [
        { kind: 'partition', atUs: 30 * usPerSecond, forUs: 120 * usPerSecond, side, otherSide },
        { kind: 'oneWay', atUs: 240 * usPerSecond, forUs: 20 * usPerSecond, from: side, to: otherSide },
      ],
      durationUs: 260 * usPerSecond,
      floors: { joined: 2 * members, died: members },
    };
  },
};
