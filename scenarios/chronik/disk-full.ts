import { nodeId } from '../../core/base/ids.ts';
import { usPerSecond } from '../../core/base/units.ts';
import { type Act, type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { planOf, topic } from './base-plan.ts';

/** Disks fill up, of a leader's machine and of a follower's: a process that cannot write ends, and cannot start either. */
export const chronikDiskFull: ChronikScenarioSource = {
  name: 'chronik-disk-full',
  about:
    'A broker whose disk is full stops in the midst of a batch; the others go on, and it catches up when there is room.',
  plan: (seed) => {
    const acts: readonly Act[] = [12, 36].map((second) => ({
      kind: 'diskFull',
      atUs: (second + (seed % 5)) * usPerSecond,
      who: { kind: 'leader', topic, partition: 0 },
      forUs: 8 * usPerSecond,
    }));
    return planOf(chronikDiskFull, seed, {
      faults: [
        { kind: 'storeFull', atUs: 25 * usPerSecond, forUs: 6 * usPerSecond, node: nodeId((seed % 3) + 1) },
        {
          kind: 'appendFails',
          atUs: 50 * usPerSecond,
          node: nodeId(((seed + 1) % 3) + 1),
          downUs: usPerSecond,
        },
      ],
      acts,
      floors: { acknowledged: 200, elections: 2, isrChanges: 2, fired: { diskFull: 2 } },
    });
  },
};
