import { usPerSecond } from '../../core/base/units.ts';
import { agentAddress, machineAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { planOf, timesOf } from './base-plan.ts';

/** The agent stands still and kills nothing: its watchdog does. Or the whole machine does, and its guests wake up too late. */
export const plasmaStalledAgent: PlasmaScenarioSource = {
  name: 'plasma-stalled-agent',
  about:
    'Guests of an agent that stands still are ended by its watchdog, and those of a frozen node write nothing later.',
  plan: (seed) => {
    const times = timesOf(seed, {
      fromUs: 10 * usPerSecond,
      everyUs: 14 * usPerSecond,
      untilUs: 50 * usPerSecond,
    });
    const faults = times.map((atUs, at): PlasmaFault => {
      const position = (seed + at) % 3;
      const node = at % 2 === 0 ? agentAddress(position) : machineAddress(position);
      return { kind: 'pause', atUs, node, forUs: (9 + ((seed + at) % 4)) * usPerSecond };
    });
    return planOf(plasmaStalledAgent, {
      faults,
      floors: { committed: 5, nodesLost: 2, watchdogKills: 1, fired: { pause: 2 } },
    });
  },
};
