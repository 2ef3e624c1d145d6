import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { agentAddress, machineAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { seededPrng } from '../../sim/prng.ts';
import { builder, cloudOf, planOf, timesOf } from './base-plan.ts';

/** Agents die every two seconds or so, which is often in the middle of one. */
export const plasmaSnapshots: PlasmaScenarioSource = {
  name: 'plasma-snapshots',
  about: 'A snapshot that an agent dies over is taken once or not at all, and nobody goes back to it twice.',
  plan: (seed) => {
    const prng = seededPrng(`snapshots ${seed}`);
    const times = timesOf(seed, {
      fromUs: 6 * usPerSecond,
      everyUs: 2 * usPerSecond,
      untilUs: 58 * usPerSecond,
    });
    const faults = times.map((atUs): PlasmaFault => {
      const downUs = (50 + prng.below(600)) * usPerMs;
      const node = prng.below(2);
      return prng.chance(1, 10)
        ? { kind: 'crash', atUs, node: machineAddress(node), scope: 'machine', downUs: 20 * downUs }
        : { kind: 'crash', atUs, node: agentAddress(node), scope: 'process', downUs };
    });
    return planOf(plasmaSnapshots, {
      cloud: cloudOf({ nodeCount: 2, images: [{ fileBytes: 8_192 }] }),
      workload: {
        users: [
          {
            ...builder,
            ...{ sharedDisks: 0, vmsMax: 6, keepRunningOfTen: 6, imageOfTen: 5, thinkUsMax: 300 * usPerMs },
            mix: {
              ...{ create: 4, start: 1, stop: 1 },
              ...{ snapshot: 6, restore: 6, snapshotDelete: 3, attach: 1, resize: 2 },
            },
          },
        ],
      },
      faults,
      floors: { committed: 20, operated: 4, fired: { crash: 5 } },
    });
  },
};
