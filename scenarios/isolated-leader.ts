import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3, 4, 5].map(nodeId);
const roundUs = 6 * usPerSecond;
const isolationUs = 4 * usPerSecond;
/** Each member in turn, three times round: whoever leads is met, and so are its successors. */
const rounds = 3 * nodes.length;

export const isolatedLeader: ScenarioSource = {
  name: 'isolated-leader',
  about:
    'A leader that was cut off from the others, but not from its clients, serves no read that is out of date.',
  plan: (seed) => ({
    name: isolatedLeader.name,
    about: isolatedLeader.about,
    cluster: { members: nodes.length, config: {}, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 6,
      keys: 4,
      thinkUsMin: 2_000,
      thinkUsMax: 40_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: {
        put: 30,
        get: 50,
        serializableGet: 5,
        delete: 3,
        compareAndSwap: 10,
        txn: 5,
        range: 10,
        historicRange: 2,
        compact: 1,
      },
    },
    // Whoever leads, leads on until it is its turn.
    faults: Array.from({ length: rounds }, (_, round): Fault => {
      const isolated = nodes[round % nodes.length] ?? nodeId(1);
      return {
        kind: 'partition',
        atUs: (round + 1) * roundUs,
        forUs: isolationUs,
        side: [isolated],
        otherSide: nodes.filter((other) => other !== isolated),
      };
    }),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 1_000,
      elections: 2,
      isolatedLeaders: 2,
      readsDuringFaults: 200,
      fired: { partition: rounds - 1 },
    },
  }),
};
