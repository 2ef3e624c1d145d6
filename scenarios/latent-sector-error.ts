import { nodeId } from '../core/base/ids.ts';
import { bytesPerKib, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 15;
const roundUs = 6 * usPerSecond;

export const latentSectorError: ScenarioSource = {
  name: 'latent-sector-error',
  about:
    'Sectors of the log that can never be read again, found at a start or by a running leader, are fetched from others, never voted without.',
  plan: (seed) => ({
    name: latentSectorError.name,
    about: latentSectorError.about,
    cluster: {
      members: nodes.length,
      // No cache: whoever falls behind is served from the files. Large files: the damage stays in reach.
      config: { raft: { ...defaultRaftOptions, cacheBytesMax: 0, segmentBytesMax: 256 * bytesPerKib } },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 4,
      keys: 8,
      thinkUsMin: 5_000,
      thinkUsMax: 60_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 900,
      mix: { put: 50, get: 20, serializableGet: 4, delete: 5, compareAndSwap: 12, txn: 8, range: 4 },
    },
    // Each member in turn. In two rounds of three it runs on with it, while another is away and has to be caught up.
    faults: Array.from({ length: rounds }, (_, round): Fault[] => {
      const node = nodes[round % nodes.length] ?? nodeId(1);
      const other = nodes[(round + 1) % nodes.length] ?? nodeId(2);
      const atUs = (round + 1) * roundUs;
      const lost = { kind: 'latentSector', node, downUs: usPerSecond / 2 } as const;
      if (round % 3 === 0) return [{ ...lost, atUs }];
      return [
        { ...lost, atUs, latentUs: 4 * usPerSecond },
        {
          kind: 'partition',
          atUs: atUs + 100_000,
          forUs: 2 * usPerSecond,
          side: [other],
          otherSide: others(other),
        },
      ];
    }).flat(),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: { answered: 1_000, elections: 1, fired: { latentSector: 4, partition: 8 } },
  }),
};

function others(node: (typeof nodes)[number]): typeof nodes {
  return nodes.filter((other) => other !== node);
}
