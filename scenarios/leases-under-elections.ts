import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 28;
const roundUs = 2 * usPerSecond;

export const leasesUnderElections: ScenarioSource = {
  name: 'leases-under-elections',
  about:
    'Leaders change faster than leases last: what nobody keeps ends all the same, and what is kept stays (etcd 9888, 15247).',
  plan: (seed) => ({
    name: leasesUnderElections.name,
    about: leasesUnderElections.about,
    cluster: {
      members: nodes.length,
      config: {
        raft: { ...defaultRaftOptions, electionTimeoutUs: 250 * usPerMs, heartbeatIntervalUs: 60 * usPerMs },
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 6,
      keys: 6,
      thinkUsMin: 5_000,
      thinkUsMax: 60_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: { put: 20, get: 10, compareAndSwap: 4, lease: 30, lock: 3 },
    },
    // Cut off, not killed: a member that starts anew may well begin its leases anew.
    faults: Array.from({ length: rounds }, (_, round): Fault => {
      const node = nodes[(round + seed) % nodes.length] ?? nodeId(1);
      const otherSide = nodes.filter((other) => other !== node);
      const atUs = (round + 1) * roundUs;
      return { kind: 'partition', atUs, forUs: 900 * usPerMs, side: [node], otherSide };
    }),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 1_000,
      elections: 6,
      electionsWithLeases: 5,
      keepAlives: 200,
      leasesExpired: 20,
      fired: { partition: rounds - 2 },
    },
  }),
};
