import { usPerSecond } from '../../core/base/units.ts';
import { agentAddress, machineAddress, serverAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { leaseSettings } from '../../sim/plasma/swarm.ts';
import { cloudOf, planOf } from './base-plan.ts';

const ttlUs = 20 * usPerSecond;

/** The slowest clocks that are allowed on nodes, the fastest on servers, and a lease that is long beside its margins. */
export const plasmaClockDrift: PlasmaScenarioSource = {
  name: 'plasma-clock-drift',
  about: 'A lease that a slow clock counts is over before a fast one has given the node up.',
  plan: (seed) => {
    const { agent, controlPlane } = leaseSettings(ttlUs);
    const cloud = cloudOf();
    const drifts = [0, 1, 2].flatMap((at): PlasmaFault[] => [
      { kind: 'clockDrift', atUs: 1 + at, node: machineAddress(at), driftPpm: -1_000 },
      { kind: 'clockDrift', atUs: 10 + at, node: serverAddress(at), driftPpm: 1_000 },
    ]);
    const victim = seed % 3;
    return planOf(plasmaClockDrift, {
      cloud: {
        ...cloud,
        agent: { ...cloud.agent, ...agent, leaseMarginUs: 20_000, watchdogMarginUs: 10_000 },
        // Nothing but the drift is between the two ends.
        controlPlane: { ...cloud.controlPlane, ...controlPlane, killTimeUs: 20_000 },
        nodes: cloud.nodes.map((node) => ({ ...node, driftPpm: -1_000 })),
      },
      faults: [
        ...drifts,
        {
          ...{ kind: 'partition', atUs: (12 + (seed % 5)) * usPerSecond, forUs: 40 * usPerSecond },
          side: [agentAddress(victim), agentAddress((victim + 1) % 3)],
          otherSide: [0, 1, 2].map(serverAddress),
        },
      ],
      durationUs: 80 * usPerSecond,
      floors: { committed: 5, nodesLost: 2, fired: { clockDrift: 6 } },
    });
  },
};
