import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 12;
const roundUs = 8 * usPerSecond;
const clockDriftPpmMax = 50_000;

export const leaseAcrossLeaderChangeUnderDrift: ScenarioSource = {
  name: 'lease-across-leader-change-under-drift',
  about:
    'Leaders are cut off, paused and killed while leases live, under clocks as wrong as is allowed: no lease ends early, none stays.',
  plan: (seed) => ({
    name: leaseAcrossLeaderChangeUnderDrift.name,
    about: leaseAcrossLeaderChangeUnderDrift.about,
    cluster: {
      members: nodes.length,
      config: {
        clockDriftPpmMax,
        // Half of the seeds also read on the leader's lease, which stands on the same bound.
        raft: {
          ...defaultRaftOptions,
          electionTimeoutUs: 400 * usPerMs,
          leaseReads: seed % 2 === 0 ? { clockDriftPpmMax } : undefined,
        },
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 6,
      keys: 8,
      thinkUsMin: 5_000,
      thinkUsMax: 100_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: { put: 15, get: 25, serializableGet: 2, compareAndSwap: 5, delete: 2, lease: 20, lock: 4 },
    },
    // A fast leader would end leases early, a slow one late; whoever is replaced must not act on what it knows.
    faults: [
      { kind: 'clockDrift', atUs: usPerSecond, node: nodeId(1), driftPpm: clockDriftPpmMax },
      { kind: 'clockDrift', atUs: usPerSecond, node: nodeId(2), driftPpm: -clockDriftPpmMax },
      ...Array.from({ length: rounds }, (_, round): Fault => {
        const node = nodes[round % nodes.length] ?? nodeId(1);
        const atUs = (round + 1) * roundUs;
        const forUs = 3 * usPerSecond;
        if (round % 4 === 3) return { kind: 'crash', atUs, node, downUs: forUs };
        if (round % 4 === 1) return { kind: 'pause', atUs, node, forUs };
        return {
          kind: 'partition',
          atUs,
          forUs,
          side: [node],
          otherSide: nodes.filter((other) => other !== node),
        };
      }),
    ],
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 1_500,
      elections: 3,
      electionsWithLeases: 3,
      keepAlives: 500,
      leasesExpired: 50,
      fired: { clockDrift: 1, partition: 5, pause: 3, crash: 3 },
    },
  }),
};
