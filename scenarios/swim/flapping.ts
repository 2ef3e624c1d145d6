import { nodeId } from '../../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type SwimFault, type SwimScenarioSource } from '../../sim/swim/plan.ts';

/** A member that crashes again and again, and a link that comes and goes: news that override each other, out of order. */
export const swimFlapping: SwimScenarioSource = {
  name: 'swim-flapping',
  about:
    'A member that keeps dying and coming back, on a network that reorders, leaves nobody with old news.',
  plan: (seed) => {
    const prng = seededPrng(`flapping ${seed}`);
    const members = 5 + prng.below(4);
    const flapping = nodeId((seed % members) + 1);
    const [one, other] = [nodeId(((seed + 1) % members) + 1), nodeId(((seed + 2) % members) + 1)];
    const crashes: SwimFault[] = [];
    for (let atUs = 20 * usPerSecond; atUs < 200 * usPerSecond;) {
      const downUs = (500 + prng.below(40_000)) * usPerMs;
      crashes.push({ kind: 'crash', atUs, node: flapping, downUs });
      atUs += downUs + (500 + prng.below(10_000)) * usPerMs;
    }
    // Back before anybody has missed it: what it said before its last start counts until it outbids that.
    for (const atUs of [215 * usPerSecond, 225 * usPerSecond])
      crashes.push({ kind: 'crash', atUs, node: flapping, downUs: 300 * usPerMs });
    return {
      name: swimFlapping.name,
      about: swimFlapping.about,
      members,
      startWithinUs: 2 * usPerSecond,
      seeds: 2,
      options: {},
      faults: [
        ...crashes,
        {
          kind: 'flap',
          atUs: 30 * usPerSecond,
          forUs: 120 * usPerSecond,
          between: [one, other],
          downUs: 3 * usPerSecond,
          upUs: 2 * usPerSecond,
        },
        {
          kind: 'lossy',
          atUs: 10 * usPerSecond,
          forUs: 200 * usPerSecond,
          lossPpm: 20_000,
          duplicatePpm: 100_000,
          reorderPpm: 200_000,
        },
      ],
      durationUs: 240 * usPerSecond,
      floors: { suspected: members, joined: members, died: 1 },
    };
  },
};
