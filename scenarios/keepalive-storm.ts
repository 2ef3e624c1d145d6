import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 5;
const roundUs = 12 * usPerSecond;

export const keepaliveStorm: ScenarioSource = {
  name: 'keepalive-storm',
  about:
    'Many clients keep many leases alive through full queues, slow disks and lost answers: no lease that was kept is lost.',
  plan: (seed) => ({
    name: keepaliveStorm.name,
    about: keepaliveStorm.about,
    cluster: {
      members: nodes.length,
      // Little room, for requests and for the log: refusals are part of the storm.
      config: {
        pendingRequestsMax: 40,
        raft: { ...defaultRaftOptions, electionTimeoutUs: 500 * usPerMs, uncommittedBytesMax: 4_096 },
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 16,
      keys: 24,
      thinkUsMin: 5_000,
      thinkUsMax: 100_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: { put: 6, get: 4, lease: 40 },
    },
    faults: Array.from({ length: rounds }, (_, round): Fault[] => {
      const node = nodes[round % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      return [
        { kind: 'slowDisk', atUs, forUs: 4 * usPerSecond, node, factor: 40 },
        {
          kind: 'lossy',
          atUs: atUs + 2 * usPerSecond,
          forUs: 4 * usPerSecond,
          lossPpm: 30_000,
          duplicatePpm: 50_000,
          reorderPpm: 100_000,
        },
        { kind: 'crash', atUs: atUs + 8 * usPerSecond, node, downUs: usPerSecond / 2 },
      ];
    }).flat(),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 2_000,
      elections: 2,
      keepAlives: 1_000,
      electionsWithLeases: 1,
      fired: { slowDisk: rounds, lossy: rounds, crash: rounds - 1 },
    },
  }),
};
