import { nodeId } from '../core/base/ids.ts';
import { bytesPerKib, usPerSecond } from '../core/base/units.ts';
import { type ScenarioSource } from '../sim/types.ts';
import { cutAndCrash } from './cut-and-crash.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 5;
const roundUs = 12 * usPerSecond;

export const quotaUnderFire: ScenarioSource = {
  name: 'quota-under-fire',
  about:
    'Stores come to their quota under crashes and cuts, and are freed: nothing is put meanwhile, and no member has other alarms.',
  plan: (seed) => ({
    name: quotaUnderFire.name,
    about: quotaUnderFire.about,
    cluster: {
      members: nodes.length,
      config: {
        // Whoever was away gets its alarms by a snapshot.
        trailingEntries: 20,
        // Twice what all keys take at their largest.
        quotaBackendBytes: 32 * bytesPerKib,
        corruptionCheckIntervalUs: 3 * usPerSecond,
        compactionBatch: 10,
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 8,
      keys: 12,
      thinkUsMin: 20_000,
      thinkUsMax: 200_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 600,
      mix: {
        put: 12,
        get: 5,
        serializableGet: 3,
        delete: 3,
        compareAndSwap: 4,
        txn: 8,
        range: 3,
        watch: 2,
        upkeep: 1,
      },
    },
    faults: cutAndCrash({ nodes, rounds, roundUs }),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 700,
      elections: 2,
      refusedForSpace: 20,
      alarmsDisarmed: 5,
      comparisons: 3,
      fired: { partition: rounds, crash: rounds - 1 },
    },
  }),
};
