import { nodeId } from '../core/base/ids.ts';
import { bytesPerKib, usPerMs, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 18;
const roundUs = 3 * usPerSecond;

export const namespacesCountedUnderFire: ScenarioSource = {
  name: 'namespaces-counted-under-fire',
  about:
    'Namespaces are defined over more than one turn counts, while leaders die and writes go on: nothing is counted twice or left out.',
  plan: (seed) => ({
    name: namespacesCountedUnderFire.name,
    about: namespacesCountedUnderFire.about,
    cluster: { members: nodes.length, config: { trailingEntries: 20 }, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 4,
      keys: 60,
      thinkUsMin: 10_000,
      thinkUsMax: 90_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 24 * bytesPerKib,
      mix: { put: 20, get: 1, delete: 2, txn: 4, namespace: 6 },
    },
    faults: Array.from({ length: rounds }, (_, round): Fault => ({
      kind: 'crash',
      atUs: (round + 1) * roundUs,
      node: nodes[round % nodes.length] ?? nodeId(1),
      downUs: 800 * usPerMs,
    })),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: { answered: 800, elections: 3, fired: { crash: rounds - 3 } },
  }),
};
