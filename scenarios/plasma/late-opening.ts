import { usPerSecond } from '../../core/base/units.ts';
import { agentAddress, serverAddress, storageAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { builder, planOf } from './base-plan.ts';

/** What an agent asks of the storage node is on its way for so long that its virtual machine runs elsewhere when it comes. */
export const plasmaLateOpening: PlasmaScenarioSource = {
  name: 'plasma-late-opening',
  about:
    'A disk that is to be opened under a token whose virtual machine has moved on is not opened under it.',
  plan: (seed) => {
    const servers = [0, 1, 2].map(serverAddress);
    const faults = [6, 22, 38].flatMap((second, at): PlasmaFault[] => {
      const agent = agentAddress((seed + at) % 3);
      const atUs = second * usPerSecond;
      return [
        { kind: 'clog', atUs, forUs: 13 * usPerSecond, from: agent, to: storageAddress },
        {
          ...{ kind: 'partition', atUs: atUs + 2 * usPerSecond, forUs: 12 * usPerSecond },
          side: [agent],
          otherSide: servers,
        },
      ];
    });
    const user = { ...builder, mix: { create: 4, stop: 3, start: 4, delete: 1 } };
    return planOf(plasmaLateOpening, {
      workload: { users: [user, user] },
      faults,
      floors: { committed: 10, nodesLost: 2, fired: { clog: 1 } },
    });
  },
};
