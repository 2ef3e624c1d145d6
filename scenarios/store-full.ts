import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 9;
const roundUs = 8 * usPerSecond;

export const storeFull: ScenarioSource = {
  name: 'store-full',
  about:
    'The store of one member after the other has no room while its log has: it stops, applies again from its log, and is what the others are.',
  plan: (seed) => ({
    name: storeFull.name,
    about: storeFull.about,
    cluster: { members: nodes.length, config: { trailingEntries: 50 }, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 6,
      keys: 10,
      thinkUsMin: 3_000,
      thinkUsMax: 40_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: {
        put: 50,
        get: 20,
        serializableGet: 4,
        delete: 8,
        compareAndSwap: 12,
        txn: 8,
        range: 4,
        compact: 1,
      },
    },
    // Every third time all of them: nobody serves, and nothing is lost. A crash shows what the store has of it all.
    faults: Array.from({ length: rounds }, (_, round): Fault[] => {
      const node = nodes[round % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      const full = round % 3 === 2 ? nodes : [node];
      return [
        ...full.map((each): Fault => ({ kind: 'storeFull', atUs, forUs: 3 * usPerSecond, node: each })),
        { kind: 'crash', atUs: atUs + 6 * usPerSecond, node, downUs: usPerSecond / 2 },
      ];
    }).flat(),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: { answered: 1_500, elections: 3, fired: { storeFull: 12, crash: 6 } },
  }),
};
