import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { agentAddress, serverAddress, storageAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { cloudOf, mover, planOf, timesOf } from './base-plan.ts';

/** Short cuts between all that a migration needs, so many that each of its steps meets some. */
export const plasmaMigrationCut: PlasmaScenarioSource = {
  name: 'plasma-migration-cut',
  about: 'A migration that is cut at any of its steps leaves one virtual machine, on one of the two nodes.',
  plan: (seed) => {
    const times = timesOf(seed, {
      fromUs: 5 * usPerSecond,
      everyUs: 1_500 * usPerMs,
      untilUs: 56 * usPerSecond,
    });
    const faults = times.map((atUs, at): PlasmaFault => {
      const position = (seed + at) % 2;
      const agent = agentAddress(position);
      const others = [agentAddress(1 - position), storageAddress, serverAddress(0)];
      const other = others[at % 3] ?? storageAddress;
      const forUs = (100 + ((seed * 7 + at * 13) % 20) * 120) * usPerMs;
      if (at % 5 === 4) return { kind: 'crash', atUs, node: agent, downUs: forUs, scope: 'process' };
      if (at % 5 === 3) return { kind: 'oneWay', atUs, forUs, from: [agent], to: [other] };
      return { kind: 'partition', atUs, forUs, side: [agent], otherSide: [other] };
    });
    return planOf(plasmaMigrationCut, {
      cloud: cloudOf({ nodeCount: 2, servers: 1 }),
      workload: { users: [{ ...mover, mix: { create: 2, migrate: 10, start: 1 } }] },
      faults,
      floors: { committed: 10, handOvers: 2, fired: { partition: 3 } },
    });
  },
};
