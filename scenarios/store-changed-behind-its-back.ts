import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type ScenarioSource } from '../sim/types.ts';

const members = 3;
/** Where the learner lives. */
const spare = nodeId(members + 1);

export const storeChangedBehindItsBack: ScenarioSource = {
  name: 'store-changed-behind-its-back',
  about:
    'A row of one member, voter or learner, changes on its disk: the comparison names that member and no other, within a bound.',
  plan: (seed) => {
    const victim = seed % 4 === 0 ? spare : nodeId((seed % members) + 1);
    const healthy = nodeId(((seed + 1) % members) + 1);
    return {
      name: storeChangedBehindItsBack.name,
      about: storeChangedBehindItsBack.about,
      cluster: {
        members,
        spares: 1,
        // Nobody becomes well, or ill, by another's snapshot.
        config: { corruptionCheckIntervalUs: 3 * usPerSecond, trailingEntries: 100_000, compactionBatch: 5 },
        throughCodec: seed % 4 === 1,
      },
      workload: {
        clients: 6,
        keys: 10,
        thinkUsMin: 20_000,
        thinkUsMax: 200_000,
        callTimeoutUs: 2 * usPerSecond,
        // Nobody reads the past, where the row lies, and nobody compacts it away.
        mix: {
          put: 10,
          get: 6,
          serializableGet: 3,
          delete: 3,
          compareAndSwap: 4,
          txn: 8,
          range: 4,
          lease: 1,
        },
      },
      faults: [
        { kind: 'grow', atUs: 4 * usPerSecond, as: 'learner' },
        { kind: 'crash', atUs: 12 * usPerSecond, node: healthy, downUs: 2 * usPerSecond },
        { kind: 'crash', atUs: 20 * usPerSecond, node: victim, downUs: usPerSecond },
        { kind: 'storeRot', atUs: 25 * usPerSecond, node: victim },
        { kind: 'crash', atUs: 26 * usPerSecond, node: healthy, downUs: 2 * usPerSecond },
        { kind: 'shrink', atUs: 55 * usPerSecond, node: victim },
      ],
      checks: 'all',
      durationUs: 70 * usPerSecond,
      floors: {
        answered: 300,
        refusedAsCorrupt: 20,
        comparisons: 4,
        membersNamed: 1,
        fired: { grow: 1, crash: 3, storeRot: 1, shrink: 1 },
      },
    };
  },
};
