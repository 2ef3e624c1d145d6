import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 16;
const roundUs = 4 * usPerSecond;

/**
 * Nothing of ours stops the world as etcd's defragmentation does: what compaction has released is freed in turns, between
 * everything else. A crash between two turns is what corresponds.
 */
export const crashWhileFreeing: ScenarioSource = {
  name: 'crash-while-freeing',
  about:
    'Members are killed between the turns that free compacted history: no revision falls, none differs (etcd 17780, 14685).',
  plan: (seed) => ({
    name: crashWhileFreeing.name,
    about: crashWhileFreeing.about,
    cluster: {
      members: nodes.length,
      // Turns of two records: freeing goes on for as long as it can.
      config: { compactionBatch: 2, trailingEntries: 50, storeBacklogBytesMax: 16_384 },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 4,
      keys: 6,
      thinkUsMin: 1_000,
      thinkUsMax: 24_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 100,
      // Deletions last: the newest revision there is may be a tombstone, and compaction comes up to it.
      mix: {
        put: 30,
        get: 8,
        serializableGet: 4,
        delete: 40,
        txn: 8,
        historicRange: 6,
        compact: 16,
        watch: 2,
      },
    },
    faults: Array.from({ length: rounds }, (_, round): Fault[] => {
      const node = nodes[(round + seed) % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      const slow: Fault = {
        kind: 'slowDisk',
        atUs: atUs - usPerSecond,
        forUs: usPerSecond + 1,
        node,
        factor: 40,
      };
      if (round % 4 === 3) return [slow, { kind: 'crashAll', atUs, downUs: 300 * usPerMs }];
      return [slow, { kind: 'crash', atUs, node, downUs: 300 * usPerMs }];
    }).flat(),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 2_000,
      freedInPart: 1,
      appliedAgain: 3,
      deletions: 200,
      fired: { crash: 8, crashAll: 3, slowDisk: rounds / 2 },
    },
  }),
};
