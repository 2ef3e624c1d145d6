import { usPerSecond } from '../../core/base/units.ts';
import { machineAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { builder, cloudOf, planOf, timesOf } from './base-plan.ts';

/** A node sleeps for so long that others run what it ran; when it wakes up its guests try to write. */
export const plasmaFrozenNode: PlasmaScenarioSource = {
  name: 'plasma-frozen-node',
  about: 'A node that wakes up after what ran on it was started elsewhere writes nothing to a shared disk.',
  plan: (seed) => {
    const times = timesOf(seed, {
      fromUs: 9 * usPerSecond,
      everyUs: 16 * usPerSecond,
      untilUs: 48 * usPerSecond,
    });
    const faults = times.map((atUs, at): PlasmaFault => ({
      ...{ kind: 'pause', atUs, node: machineAddress((seed + at) % 3) },
      forUs: (10 + ((seed + at) % 3)) * usPerSecond,
    }));
    return planOf(plasmaFrozenNode, {
      // Guests that write so often that some do before their watchdog has its turn.
      cloud: cloudOf({ guestTickUs: 2_000 }),
      workload: { users: [{ ...builder, vmsMax: 4 }] },
      faults,
      floors: { committed: 4, nodesLost: 2, executions: 6, fired: { pause: 2 } },
    });
  },
};
