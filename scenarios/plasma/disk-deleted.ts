import { usPerSecond } from '../../core/base/units.ts';
import { agentAddress, serverAddress, storageAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaAct, type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { builder, planOf, timesOf } from './base-plan.ts';

/** Leaders come and go, the storage node is away, and what agents ask of it is on its way for long. */
export const plasmaDiskDeleted: PlasmaScenarioSource = {
  name: 'plasma-disk-deleted',
  about:
    'Data of a disk, and a snapshot, go when their deletion is committed, all of them, and no others, whoever leads.',
  plan: (seed) => {
    const untilUs = 56 * usPerSecond;
    const crashes = timesOf(seed, { fromUs: 4 * usPerSecond, everyUs: 12 * usPerSecond, untilUs });
    const faults: PlasmaFault[] = crashes.map((atUs) => ({
      ...{ kind: 'crash', atUs, node: storageAddress, downUs: 2 * usPerSecond, scope: 'machine' },
    }));
    for (const [at, atUs] of [9, 26, 43].map((second) => second * usPerSecond).entries()) {
      const agent = agentAddress((seed + at) % 3);
      const servers = [0, 1, 2].map(serverAddress);
      faults.push({ kind: 'clog', atUs, forUs: 13 * usPerSecond, from: agent, to: storageAddress });
      // What is on its way is of virtual machines that are elsewhere, or gone, when it comes.
      faults.push({
        ...{ kind: 'partition', atUs: atUs + usPerSecond, forUs: 11 * usPerSecond },
        ...{ side: [agent], otherSide: servers },
      });
      faults.push({
        ...{ kind: 'clog', atUs: atUs + 4 * usPerSecond, forUs: 5 * usPerSecond },
        ...{ from: serverAddress((seed + at) % 3), to: storageAddress },
      });
    }
    faults.sort((left, right) => left.atUs - right.atUs);
    const acts = [14, 31, 48].map((second): PlasmaAct => {
      const atUs = second * usPerSecond;
      return second === 31
        ? { kind: 'cutLeaderFromStore', atUs, forUs: 4 * usPerSecond }
        : { kind: 'crashLeader', atUs, downUs: 2 * usPerSecond };
    });
    const user = { ...builder, repeatOneIn: 6, mix: { create: 4, stop: 1, delete: 4, diskDelete: 4 } };
    const keeper = {
      ...{ ...user, sharedDisks: 1, keepRunningOfTen: 9 },
      mix: { create: 3, delete: 1, snapshot: 4, snapshotDelete: 3, restore: 2 },
    };
    return planOf(plasmaDiskDeleted, {
      workload: { users: [user, user, keeper] },
      faults,
      acts,
      floors: { committed: 20, disksDeleted: 3, terms: 2, fired: { crash: 2 } },
    });
  },
};
