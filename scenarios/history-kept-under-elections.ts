import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 12;
const roundUs = 6 * usPerSecond;

/** So short that clients who look back meet it. */
const retentionUs = usPerSecond;

export const historyKeptUnderElections: ScenarioSource = {
  name: 'history-kept-under-elections',
  about:
    'Leaders come and go while the cluster compacts by itself: what is to be kept is kept, and what is older goes.',
  plan: (seed) => ({
    name: historyKeptUnderElections.name,
    about: historyKeptUnderElections.about,
    cluster: {
      members: nodes.length,
      config: {
        compactionBatch: 5,
        trailingEntries: 50,
        streamBytesMax: 4_000,
        autoCompaction: seed % 2 === 0 ? { retentionUs } : { revisions: 30, intervalUs: 500 * usPerMs },
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 5,
      keys: 8,
      thinkUsMin: 10_000,
      thinkUsMax: 120_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 200,
      mix: { put: 30, get: 5, delete: 6, txn: 5, historicRange: 8, historicTxn: 8, watch: 6 },
    },
    faults: Array.from({ length: rounds }, (_, round): Fault => {
      const node = nodes[round % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      if (round % 3 === 0) return { kind: 'crash', atUs, node, downUs: usPerSecond };
      if (round % 3 === 1) return { kind: 'pause', atUs, node, forUs: 3 * usPerSecond };
      const otherSide = nodes.filter((other) => other !== node);
      return { kind: 'partition', atUs, forUs: 3 * usPerSecond, side: [node], otherSide };
    }),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 1_000,
      elections: 2,
      compactedTxns: 5,
      fired: { crash: 4, pause: 4, partition: 4 },
    },
  }),
};
