import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 5;
const roundUs = 9 * usPerSecond;

export const starvedWatchStreams: ScenarioSource = {
  name: 'starved-watch-streams',
  about:
    'Streams without room, slow readers and questions for progress: no event is lost, none comes twice, and progress waits (etcd 17529, 15220).',
  plan: (seed) => ({
    name: starvedWatchStreams.name,
    about: starvedWatchStreams.about,
    cluster: {
      members: nodes.length,
      // Room for a few events, and a word of progress twice a second.
      config: {
        streamBytesMax: 600,
        watchFragmentBytes: 300,
        watchProgressIntervalUs: 500 * usPerMs,
        compactionBatch: 20,
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 6,
      keys: 12,
      thinkUsMin: 10_000,
      thinkUsMax: 80_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 250,
      mix: { put: 50, delete: 10, compareAndSwap: 4, txn: 20, watch: 8, get: 4, compact: 3 },
    },
    // Clients that do not hear their members for a while leave them with full streams, and come back to them or to others.
    faults: Array.from({ length: rounds }, (_, round): Fault => {
      const node = nodes[(round + seed) % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      if (round % 3 === 2) return { kind: 'pause', atUs, node, forUs: 2 * usPerSecond };
      const clients = [0, 1, 2, 3, 4, 5];
      return {
        kind: 'clientCut',
        atUs,
        forUs: 2 * usPerSecond,
        clients,
        nodes: [node],
        direction: 'answers',
      };
    }),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 1_500,
      watchEvents: 5_000,
      watchesStarved: 200,
      watchesFromTheFuture: 2,
      progressTold: 80,
      fired: { clientCut: 2, pause: 1 },
    },
  }),
};
