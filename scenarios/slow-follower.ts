import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 6;
const roundUs = 14 * usPerSecond;
const slowUs = 10 * usPerSecond;

export const slowFollower: ScenarioSource = {
  name: 'slow-follower',
  about:
    'A member with a slow disk and a slow, lossy way to the others shows its readers and watchers the past, but no wrong one.',
  plan: (seed) => ({
    name: slowFollower.name,
    about: slowFollower.about,
    cluster: {
      members: nodes.length,
      // A log that forgets, a store that may not fall far behind, and small windows: the slow one meets every bound.
      config: {
        trailingEntries: 40,
        storeBacklogBytesMax: 8_192,
        streamBytesMax: 8_000,
        raft: {
          ...defaultRaftOptions,
          segmentBytesMax: 16_384,
          cacheBytesMax: 16_384,
          inflightAppendsMax: 4,
        },
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 6,
      keys: 10,
      thinkUsMin: 5_000,
      thinkUsMax: 60_000,
      callTimeoutUs: 3 * usPerSecond,
      valueBytesMax: 300,
      mix: {
        put: 40,
        get: 8,
        serializableGet: 25,
        delete: 4,
        compareAndSwap: 4,
        txn: 5,
        range: 4,
        historicRange: 6,
        compact: 1,
        watch: 4,
      },
    },
    // Each in turn is slow in every way at once. Held back and let out in bursts is how a full link looks from its end.
    faults: Array.from({ length: rounds }, (_, round): Fault[] => {
      const node = nodes[round % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      const clogs = nodes
        .filter((other) => other !== node)
        .flatMap((from) =>
          Array.from({ length: 6 }, (_, burst): Fault => ({
            kind: 'clog',
            atUs: atUs + burst * 1_600 * usPerMs,
            forUs: 700 * usPerMs,
            from,
            to: node,
          })),
        );
      return [{ kind: 'slowDisk', atUs, forUs: slowUs, node, factor: 50 }, ...clogs];
    }).flat(),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 2_000,
      readsDuringFaults: 100,
      watchEvents: 2_000,
      fired: { slowDisk: rounds, clog: 4 * rounds },
    },
  }),
};
