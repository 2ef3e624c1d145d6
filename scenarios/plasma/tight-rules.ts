import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { agentAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { cloudOf, mover, planOf, timesOf } from './base-plan.ts';

/** Little room, rules for everybody, and everything at once: what is decided in one turn must fit what was decided just before. */
export const plasmaTightRules: PlasmaScenarioSource = {
  name: 'plasma-tight-rules',
  about:
    'Anti-affinity, quotas and capacities hold after every commit where there is hardly room for anything.',
  plan: (seed) => {
    const cloud = cloudOf({ nodeCount: 3 });
    const times = timesOf(seed, {
      fromUs: 8 * usPerSecond,
      everyUs: 9 * usPerSecond,
      untilUs: 54 * usPerSecond,
    });
    const faults = times.map((atUs, at): PlasmaFault => ({
      ...{ kind: 'crash', atUs, node: agentAddress((seed + at) % 3), scope: 'process' },
      downUs: (at % 2 === 0 ? 500 : 8_000) * usPerMs,
    }));
    const user = {
      ...mover,
      ...{ spreadOfTen: 10, thinkUsMin: 20 * usPerMs, thinkUsMax: 300 * usPerMs },
      mix: { create: 5, migrate: 3, evict: 2, stop: 2, start: 3, delete: 2, quota: 1 },
    };
    return planOf(plasmaTightRules, {
      cloud: {
        ...cloud,
        nodes: cloud.nodes.map((node) => ({ ...node, capacity: { ...node.capacity, cpuMilli: 5_000 } })),
      },
      workload: { users: [user, user, user] },
      faults,
      floors: { committed: 40, executions: 10 },
    });
  },
};
