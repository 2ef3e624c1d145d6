import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 8;
const roundUs = 12 * usPerSecond;
const fullUs = 6 * usPerSecond;

export const diskFull: ScenarioSource = {
  name: 'disk-full',
  about:
    'A member whose disk is full stops and stays down until there is room, then catches up; two at once stop the cluster, no more.',
  plan: (seed) => ({
    name: diskFull.name,
    about: diskFull.about,
    cluster: { members: nodes.length, config: { trailingEntries: 200 }, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 6,
      keys: 8,
      thinkUsMin: 5_000,
      thinkUsMax: 60_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 1_000,
      mix: {
        put: 40,
        get: 20,
        serializableGet: 4,
        delete: 4,
        compareAndSwap: 10,
        txn: 8,
        range: 4,
        watch: 3,
        lease: 4,
      },
    },
    // Every fourth time two disks are full at once, one a little later: no quorum, until there is room.
    faults: Array.from({ length: rounds }, (_, round): Fault[] => {
      const node = nodes[round % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      const full: Fault = { kind: 'diskFull', atUs, forUs: fullUs, node };
      if (round % 4 !== 3) return [full];
      const second = nodes[(round + 1) % nodes.length] ?? nodeId(1);
      return [full, { kind: 'diskFull', atUs: atUs + 2 * usPerSecond, forUs: fullUs, node: second }];
    }).flat(),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: { answered: 1_500, elections: 2, fired: { diskFull: rounds } },
  }),
};
