import { usPerSecond } from '../../core/base/units.ts';
import { agentAddress, serverAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { planOf, timesOf } from './base-plan.ts';

/** A node that nobody hears goes on being one: it has to stop what must stop before anybody starts it elsewhere. */
export const plasmaAgentPartitioned: PlasmaScenarioSource = {
  name: 'plasma-agent-partitioned',
  about: 'An agent that reaches no server stops what must stop before it is started on another node.',
  plan: (seed) => {
    const servers = [0, 1, 2].map(serverAddress);
    const times = timesOf(seed, {
      fromUs: 12 * usPerSecond,
      everyUs: 16 * usPerSecond,
      untilUs: 50 * usPerSecond,
    });
    const faults = times.map((atUs, at): PlasmaFault => ({
      ...{ kind: 'partition', atUs, forUs: (8 + ((seed + at) % 5)) * usPerSecond },
      side: [agentAddress((seed + at) % 3)],
      otherSide: servers,
    }));
    return planOf(plasmaAgentPartitioned, {
      faults,
      floors: { committed: 5, executions: 6, nodesLost: 1, fired: { partition: 2 } },
    });
  },
};
