import { usPerSecond } from '../../core/base/units.ts';
import { agentAddress, serverAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { leaseSettings } from '../../sim/plasma/swarm.ts';
import { cloudOf, planOf } from './base-plan.ts';

const ttlUs = 10 * usPerSecond;

/** What servers say comes late, so that it matters from when a lease is counted; and then nothing comes any more. */
export const plasmaSlowAnswers: PlasmaScenarioSource = {
  name: 'plasma-slow-answers',
  about: 'A lease whose grant comes seconds late ends no later for it: what must stop has stopped in time.',
  plan: (seed) => {
    const { agent, controlPlane } = leaseSettings(ttlUs);
    const cloud = cloudOf();
    const servers = [0, 1, 2].map(serverAddress);
    const victims = [agentAddress(seed % 3), agentAddress((seed + 1) % 3)];
    const cutUs = (25 + (seed % 5)) * usPerSecond;
    const late: PlasmaFault = {
      ...{ kind: 'longTail', atUs: 12 * usPerSecond, forUs: cutUs - 12 * usPerSecond },
      ...{ from: servers, to: victims, tailPpm: 900_000, tailUs: 1_900_000 },
    };
    return planOf(plasmaSlowAnswers, {
      cloud: {
        ...cloud,
        agent: { ...cloud.agent, ...agent, leaseMarginUs: 20_000, watchdogMarginUs: 10_000 },
        // Nothing else is between the two ends.
        controlPlane: { ...cloud.controlPlane, ...controlPlane, killTimeUs: 20_000 },
      },
      faults: [
        late,
        { kind: 'partition', atUs: cutUs, forUs: 25 * usPerSecond, side: victims, otherSide: servers },
      ],
      floors: { committed: 5, nodesLost: 1, fired: { longTail: 1, partition: 1 } },
    });
  },
};
