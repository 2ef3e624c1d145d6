import { nodeId } from '../core/base/ids.ts';
import { bytesPerKib, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3, 4, 5].map(nodeId);
const rounds = 8;
const roundUs = 10 * usPerSecond;

export const narrowLink: ScenarioSource = {
  name: 'narrow-link',
  about:
    'Links carry less than the log grows, or hold packets up: heartbeats wait behind entries, and whoever takes over has all that was acknowledged.',
  plan: (seed) => ({
    name: narrowLink.name,
    about: narrowLink.about,
    cluster: { members: nodes.length, config: { trailingEntries: 100 }, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 5,
      keys: 10,
      thinkUsMin: 5_000,
      thinkUsMax: 60_000,
      callTimeoutUs: 3 * usPerSecond,
      valueBytesMax: 2_000,
      mix: { put: 60, get: 20, serializableGet: 4, compareAndSwap: 12, txn: 8, range: 4 },
    },
    // One member after the other: narrow on its way out, then late both ways, then in a chain where ends do not see each other.
    faults: Array.from({ length: rounds }, (_, round): Fault[] => {
      const node = nodes[round % nodes.length] ?? nodeId(1);
      const others = nodes.filter((other) => other !== node);
      const atUs = (round + 1) * roundUs;
      const forUs = 6 * usPerSecond;
      const narrow: Fault = {
        kind: 'narrowLink',
        atUs,
        forUs,
        from: [node],
        to: others,
        bytesPerSecond: 10 * bytesPerKib,
      };
      if (round % 2 === 0) return [narrow];
      return [
        narrow,
        { kind: 'longTail', atUs, forUs, from: nodes, to: nodes, tailPpm: 20_000, tailUs: usPerSecond },
        {
          kind: 'partialPartition',
          atUs,
          forUs,
          shape: round % 4 === 1 ? 'chain' : 'ring',
          order: [...others.slice(0, 2), node, ...others.slice(2)],
        },
      ];
    }).flat(),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 1_000,
      elections: 1,
      fired: { narrowLink: 4, longTail: 4, partialPartition: 4 },
    },
  }),
};
