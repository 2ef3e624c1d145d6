import { seededPrng } from '../../sim/prng.ts';
import { between } from '../../core/base/prng.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { drawChronik } from '../../sim/chronik/swarm.ts';

/** The brokers and misfortunes of a seed, with groups of consumers that come, go and commit. */
export const chronikGroups: ChronikScenarioSource = {
  name: 'chronik-groups',
  about:
    'Members of a group come, go and are killed while coordinators do: one owner a partition, and no acknowledged commit lost.',
  plan: (seed) => {
    const drawn = drawChronik(seed);
    const prng = seededPrng(`chronik groups ${seed}`);
    const members = between(prng, 2, 5);
    return {
      ...drawn,
      name: chronikGroups.name,
      about: chronikGroups.about,
      workload: {
        ...drawn.workload,
        groups: [
          {
            groupId: 'readers',
            members,
            staticMembers: prng.below(members),
            sessionTimeoutMs: 6_000,
            thinkUsMax: between(prng, 20, 500) * usPerMs,
            lifeUsMax: between(prng, 5, 40) * usPerSecond,
            awayUsMax: between(prng, 1, 8) * usPerSecond,
          },
        ],
      },
      floors: { ...drawn.floors, generations: 1, commits: 1 },
    };
  },
};
