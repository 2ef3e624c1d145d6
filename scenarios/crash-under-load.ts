import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 16;
const roundUs = 4 * usPerSecond;

export const crashUnderLoad: ScenarioSource = {
  name: 'crash-under-load',
  about:
    'A member is killed under load while its store is behind its log: it comes back with every revision and no other (etcd 13766).',
  plan: (seed) => ({
    name: crashUnderLoad.name,
    about: crashUnderLoad.about,
    cluster: { members: nodes.length, config: {}, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 8,
      keys: 12,
      thinkUsMin: 1_000,
      thinkUsMax: 20_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 200,
      mix: { put: 50, get: 10, serializableGet: 5, delete: 8, compareAndSwap: 10, txn: 12, lease: 1 },
    },
    // A slow disk leaves many batches between what was applied and what is stored; power fails for one, or for the process.
    faults: Array.from({ length: rounds }, (_, round): Fault[] => {
      const node = nodes[(round + seed) % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      const scope = round % 4 === 3 ? 'process' : 'machine';
      return [
        { kind: 'slowDisk', atUs: atUs - usPerSecond, forUs: usPerSecond + 1, node, factor: 60 },
        { kind: 'crash', atUs, node, downUs: 300 * usPerMs, scope },
      ];
    }).flat(),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 2_000,
      appliedAgain: 4,
      overwrites: 200,
      deletions: 50,
      fired: { crash: rounds - 1, slowDisk: rounds / 2 },
    },
  }),
};
