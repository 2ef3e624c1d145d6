import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { agentAddress, machineAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaAct, type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { seededPrng } from '../../sim/prng.ts';
import { cloudOf, mover, planOf, timesOf } from './base-plan.ts';

const deeds = ['shutdown', 'panic', 'die'] as const;

/** They shut down, panic, or their process dies, about one a second; now and then with the agent away, or the whole machine. */
export const plasmaGuestsEnd: PlasmaScenarioSource = {
  name: 'plasma-guests-end',
  about: 'Guests that end by themselves are started again as their policy says, after a wait, or left alone.',
  plan: (seed) => {
    const prng = seededPrng(`guests end ${seed}`);
    const times = (everyUs: number): readonly number[] =>
      timesOf(seed, { fromUs: 5 * usPerSecond, everyUs, untilUs: 58 * usPerSecond });
    const acts = times(1_000 * usPerMs).map((atUs): PlasmaAct => ({
      ...{ kind: 'guestEnds', atUs, pick: prng.below(64) },
      by: deeds[prng.below(deeds.length)] ?? 'die',
    }));
    const faults = times(8 * usPerSecond).map((atUs, at): PlasmaFault => {
      const downUs = (50 + prng.below(2_000)) * usPerMs;
      const node = prng.below(3);
      return at % 3 === 2
        ? { kind: 'crash', atUs, node: machineAddress(node), scope: 'machine', downUs }
        : { kind: 'crash', atUs, node: agentAddress(node), scope: 'process', downUs };
    });
    return planOf(plasmaGuestsEnd, {
      cloud: cloudOf({ nodeCount: 3 }),
      workload: {
        users: [
          {
            ...mover,
            ...{ vmsMax: 8, keepRunningOfTen: 3, neverAgainOfTen: 3 },
            mix: { create: 4, start: 2, stop: 1, delete: 1, migrate: 1 },
          },
        ],
      },
      faults,
      acts,
      floors: { committed: 20, executions: 20, restarted: 4 },
    });
  },
};
