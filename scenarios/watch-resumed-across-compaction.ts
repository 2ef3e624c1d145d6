import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 10;
const roundUs = 8 * usPerSecond;

export const watchResumedAcrossCompaction: ScenarioSource = {
  name: 'watch-resumed-across-compaction',
  about:
    'Watches whose streams break resume at the next revision while history is compacted: nothing is missed, or they are told so.',
  plan: (seed) => ({
    name: watchResumedAcrossCompaction.name,
    about: watchResumedAcrossCompaction.about,
    cluster: {
      members: nodes.length,
      // Compaction in small turns, progress often, and streams that are full soon: watches fall behind and catch up.
      config: {
        compactionBatch: 5,
        trailingEntries: 50,
        streamBytesMax: 4_000,
        watchFragmentBytes: 1_000,
        watchProgressIntervalUs: 500 * usPerMs,
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 6,
      keys: 10,
      thinkUsMin: 5_000,
      thinkUsMax: 50_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 300,
      mix: {
        put: 50,
        get: 5,
        delete: 12,
        compareAndSwap: 5,
        txn: 10,
        historicRange: 2,
        compact: 4,
        watch: 10,
      },
    },
    // Every member's streams are lost by each way in which a stream can be: its process, its power, its clients' network.
    faults: Array.from({ length: rounds }, (_, round): Fault => {
      const node = nodes[round % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      if (round % 3 === 0) return { kind: 'crash', atUs, node, downUs: usPerSecond };
      if (round % 3 === 1) {
        const clients = Array.from({ length: 6 }, (_, client) => client);
        return { kind: 'clientCut', atUs, forUs: 4 * usPerSecond, clients, nodes: [node], direction: 'both' };
      }
      const otherSide = nodes.filter((other) => other !== node);
      return { kind: 'partition', atUs, forUs: 4 * usPerSecond, side: [node], otherSide };
    }),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 2_000,
      watchEvents: 5_000,
      watchesResumed: 30,
      watchesCompacted: 20,
      watchesFromTheFuture: 2,
      deletions: 100,
      overwrites: 100,
      fired: { crash: 3, clientCut: 2, partition: 3 },
    },
  }),
};
