import { nodeId } from '../core/base/ids.ts';
import { bytesPerKib, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 15;
const roundUs = 4 * usPerSecond;

export const misdirectedWrite: ScenarioSource = {
  name: 'misdirected-write',
  about:
    'A sector of the newest sync lands in the place of another: neither old data here nor foreign data there is taken for what was written.',
  plan: (seed) => ({
    name: misdirectedWrite.name,
    about: misdirectedWrite.about,
    cluster: {
      members: nodes.length,
      // Several files, so that sectors go astray into others; a small cache, so that some are read back.
      config: {
        trailingEntries: 60,
        raft: {
          ...defaultRaftOptions,
          cacheBytesMax: 2 * bytesPerKib,
          segmentBytesMax: 16 * bytesPerKib,
        },
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 4,
      keys: 8,
      thinkUsMin: 5_000,
      thinkUsMax: 60_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 1_200,
      mix: { put: 60, get: 20, serializableGet: 4, delete: 5, compareAndSwap: 12, txn: 8, range: 4 },
    },
    faults: Array.from({ length: rounds }, (_, round): Fault => {
      const node = nodes[round % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      const latentUs = round % 2 === 0 ? 0 : 3 * usPerSecond;
      return { kind: 'misdirectedWrite', atUs, node, downUs: usPerSecond / 2, latentUs };
    }),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: { answered: 1_000, elections: 1, fired: { misdirectedWrite: 3 } },
  }),
};
