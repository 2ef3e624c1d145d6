import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { agentAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { cloudOf, mover, planOf, timesOf } from './base-plan.ts';

/** Guests outlive the agent: it has to find them again, and to start none a second time. */
export const plasmaAgentCrash: PlasmaScenarioSource = {
  name: 'plasma-agent-crash',
  about: 'An agent that dies while its guests run finds each of them again, and starts none twice.',
  plan: (seed) => {
    const times = timesOf(seed, {
      fromUs: 5 * usPerSecond,
      everyUs: 4 * usPerSecond,
      untilUs: 56 * usPerSecond,
    });
    const faults = times.map((atUs, at): PlasmaFault => ({
      ...{ kind: 'crash', atUs, node: agentAddress((seed + at) % 2), scope: 'process' },
      downUs: (at % 4 === 3 ? 7_000 : 50 + ((seed + at) % 9) * 100) * usPerMs,
      ...(at % 3 === 0 ? { moment: 'syncing' as const } : {}),
    }));
    return planOf(plasmaAgentCrash, {
      cloud: cloudOf({ nodeCount: 2 }),
      workload: { users: [{ ...mover, mix: { create: 3, start: 2, stop: 2, delete: 1, migrate: 1 } }] },
      faults,
      floors: { committed: 8, adopted: 2, fired: { crash: 4 } },
    });
  },
};
