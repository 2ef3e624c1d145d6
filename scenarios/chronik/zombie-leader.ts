import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type Act, type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { planOf, timesOf, topic } from './base-plan.ts';

/** A process that stands still misses that it was replaced, and wakes up in the belief that it leads. */
export const chronikZombieLeader: ChronikScenarioSource = {
  name: 'chronik-zombie-leader',
  about:
    'A leader that stood still while another was elected acknowledges nothing to producers that wait for all, and changes no set.',
  plan: (seed) => {
    const acts = timesOf(seed, {
      fromUs: 8 * usPerSecond,
      everyUs: 8 * usPerSecond,
      untilUs: 54 * usPerSecond,
    }).map((atUs, at): Act => ({
      kind: 'pause',
      atUs,
      who: { kind: 'leader', topic, partition: 0 },
      // Some wake up just about when their session ends.
      forUs: (at % 2 === 0 ? 2_000 + (seed % 7) * 100 : 5_000) * usPerMs,
    }));
    return planOf(chronikZombieLeader, seed, {
      faults: [],
      acts,
      floors: { acknowledged: 200, elections: 3, fired: { pause: 4 } },
    });
  },
};
