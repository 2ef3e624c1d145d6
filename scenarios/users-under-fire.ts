import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type ScenarioSource } from '../sim/types.ts';
import { cutAndCrash } from './cut-and-crash.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 5;
const roundUs = 12 * usPerSecond;

export const usersUnderFire: ScenarioSource = {
  name: 'users-under-fire',
  about:
    'Users and permissions come and go under load and crashes: nobody gets what no state allowed, and no member has other users (etcd 14571).',
  plan: (seed) => ({
    name: usersUnderFire.name,
    about: usersUnderFire.about,
    cluster: {
      members: nodes.length,
      // Whoever was away gets its users by a snapshot.
      config: { trailingEntries: 20 },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 8,
      keys: 12,
      thinkUsMin: 20_000,
      thinkUsMax: 200_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: {
        put: 10,
        get: 6,
        serializableGet: 4,
        delete: 3,
        compareAndSwap: 4,
        txn: 8,
        range: 4,
        watch: 3,
        auth: 10,
      },
    },
    faults: cutAndCrash({ nodes, rounds, roundUs }),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: { answered: 1_000, elections: 2, fired: { partition: rounds, crash: rounds - 1 } },
  }),
};
