import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const kinds = ['lostSync', 'bitRot'] as const;
const rounds = 10;
const roundUs = 5 * usPerSecond;

export const beyondTheAtlas: ScenarioSource = {
  name: 'beyond-the-atlas',
  about:
    'Disks are damaged whatever others hold: what was promised is kept, or the run is classed unrecoverable at the moment that it cannot be.',
  plan: (seed) => ({
    name: beyondTheAtlas.name,
    about: beyondTheAtlas.about,
    cluster: { members: nodes.length, config: {}, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 4,
      keys: 6,
      thinkUsMin: 10_000,
      thinkUsMax: 80_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 900,
      mix: { put: 40, get: 20, delete: 4, compareAndSwap: 10, txn: 6, range: 4 },
    },
    // The seed says where it begins: both kinds meet each member, one long after another or at the same time.
    faults: Array.from({ length: rounds }, (_, round): Fault => {
      const node = nodes[(round + Math.floor(seed / kinds.length)) % nodes.length] ?? nodeId(1);
      const atUs = Math.floor((round + 1) / (1 + (seed % 2))) * roundUs + round * 40_000;
      const kind = kinds[(round + seed) % kinds.length] ?? 'bitRot';
      const struck = { atUs, node, downUs: usPerSecond / 2, atlas: 'ignored' } as const;
      return kind === 'lostSync' ? { kind, ...struck, forUs: usPerSecond / 2 } : { kind, ...struck };
    }),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: { answered: 300, fired: { bitRot: 1, lostSync: 1 } },
  }),
};
