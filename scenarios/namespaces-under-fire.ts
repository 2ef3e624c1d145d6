import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type ScenarioSource } from '../sim/types.ts';
import { cutAndCrash } from './cut-and-crash.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 4;
const roundUs = 11 * usPerSecond;

export const namespacesUnderFire: ScenarioSource = {
  name: 'namespaces-under-fire',
  about:
    'Quotas are reached, freed and changed under load and crashes: sums stay exact, no write passes a limit, none is refused unduly.',
  plan: (seed) => ({
    name: namespacesUnderFire.name,
    about: namespacesUnderFire.about,
    cluster: {
      members: nodes.length,
      // Whoever was away gets its namespaces by a snapshot.
      config: { trailingEntries: 20 },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 5,
      keys: 30,
      thinkUsMin: 20_000,
      thinkUsMax: 200_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: { put: 20, get: 3, delete: 6, compareAndSwap: 4, txn: 10, lease: 6, watch: 1, namespace: 4 },
    },
    faults: cutAndCrash({ nodes, rounds, roundUs }),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 800,
      elections: 2,
      leasesExpired: 20,
      fired: { partition: rounds, crash: rounds - 1 },
    },
  }),
};
