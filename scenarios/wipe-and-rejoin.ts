import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 6;
const roundUs = 10 * usPerSecond;

export const wipeAndRejoin: ScenarioSource = {
  name: 'wipe-and-rejoin',
  about:
    'A machine loses its disks: its member never comes back, another takes its place under a new id, and nothing that was acknowledged is lost.',
  plan: (seed) => ({
    name: wipeAndRejoin.name,
    about: wipeAndRejoin.about,
    cluster: {
      members: nodes.length,
      config: { trailingEntries: seed % 2 === 0 ? 20 : 5_000 },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 4,
      keys: 8,
      thinkUsMin: 2_000,
      thinkUsMax: 60_000,
      callTimeoutUs: 3 * usPerSecond,
      mix: { put: 40, get: 40, delete: 5, compareAndSwap: 10, txn: 5, range: 5, compact: 1 },
    },
    // One machine after the other; between two losses one of the others crashes.
    faults: Array.from({ length: rounds }, (_, round): readonly Fault[] => {
      const atUs = (round + 1) * roundUs;
      const lost = nodes[(round + seed) % nodes.length] ?? nodeId(1);
      const other = nodes[(round + seed + 1) % nodes.length] ?? nodeId(1);
      return [
        { kind: 'wipe', atUs, node: lost },
        { kind: 'crash', atUs: atUs + 6 * usPerSecond, node: other, downUs: usPerSecond },
      ];
    }).flat(),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: { answered: 800, elections: 2, fired: { wipe: 4, crash: 4 } },
  }),
};
