import { nodeId } from '../../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type SwimFault, type SwimScenarioSource } from '../../sim/swim/plan.ts';

const durationUs = 240 * usPerSecond;

/**
 * What Lifeguard was made for: a member that stops again and again takes what it has not heard for silence of the others. Its
 * accusations are many, and none of them may end in a death.
 */
export const swimLossyWithASlowMember: SwimScenarioSource = {
  name: 'swim-lossy-with-a-slow-member',
  about:
    'Neither a network that loses a fifth nor a member that keeps stopping makes others dead that are not.',
  plan: (seed) => {
    const prng = seededPrng(`lossy with a slow member ${seed}`);
    const members = 4 + prng.below(8);
    const slow = nodeId((seed % members) + 1);
    const pauses: SwimFault[] = [];
    for (let atUs = 15 * usPerSecond; atUs < durationUs - 30 * usPerSecond;) {
      const forUs = (300 + prng.below(2_700)) * usPerMs;
      pauses.push({ kind: 'pause', atUs, node: slow, forUs });
      atUs += forUs + (100 + prng.below(1_900)) * usPerMs;
    }
    return {
      name: swimLossyWithASlowMember.name,
      about: swimLossyWithASlowMember.about,
      members,
      startWithinUs: 2 * usPerSecond,
      seeds: 2,
      options: {},
      faults: [
        {
          kind: 'lossy',
          atUs: 10 * usPerSecond,
          forUs: durationUs - 20 * usPerSecond,
          lossPpm: 50_000 + prng.below(150_000),
          duplicatePpm: 50_000,
          reorderPpm: 100_000,
        },
        ...pauses,
      ],
      durationUs,
      floors: { suspected: members, trusted: members },
    };
  },
};
