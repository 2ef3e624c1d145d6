import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 6;
const roundUs = 8 * usPerSecond;

export const compactedReadInATxn: ScenarioSource = {
  name: 'compacted-read-in-a-txn',
  about:
    'Txns write and read a past that is being compacted: refused or done, it is the same on every member (etcd 18667).',
  plan: (seed) => ({
    name: compactedReadInATxn.name,
    about: compactedReadInATxn.about,
    cluster: {
      members: nodes.length,
      // Members free at their own pace, and one comes back by a snapshot that another freed.
      config: { compactionBatch: 3, trailingEntries: 20 },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 6,
      keys: 6,
      thinkUsMin: 2_000,
      thinkUsMax: 40_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: { put: 20, get: 10, delete: 6, txn: 8, historicTxn: 40, historicRange: 5, compact: 10 },
    },
    faults: Array.from({ length: rounds }, (_, round): Fault => {
      const node = nodes[(round + seed) % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      if (round % 2 === 0) return { kind: 'crash', atUs, node, downUs: 3 * usPerSecond };
      return { kind: 'slowDisk', atUs, forUs: 4 * usPerSecond + 500 * usPerMs, node, factor: 50 };
    }),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: { answered: 2_000, historicTxns: 200, compactedTxns: 50, fired: { crash: 2, slowDisk: 2 } },
  }),
};
