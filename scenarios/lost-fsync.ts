import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 9;
const roundUs = 10 * usPerSecond;

export const lostFsync: ScenarioSource = {
  name: 'lost-fsync',
  about:
    'A disk that says it has synced and has not, until the power fails: what a quorum was told is safe is not lost with it.',
  plan: (seed) => ({
    name: lostFsync.name,
    about: lostFsync.about,
    cluster: { members: nodes.length, config: {}, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 6,
      keys: 8,
      thinkUsMin: 5_000,
      thinkUsMax: 60_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 600,
      mix: {
        put: 40,
        get: 20,
        serializableGet: 4,
        delete: 5,
        compareAndSwap: 12,
        txn: 8,
        range: 4,
        lease: 4,
      },
    },
    // Each member in turn; now and then the others restart as it comes back, so that its word is asked for.
    faults: Array.from({ length: rounds }, (_, round): Fault[] => {
      const node = nodes[round % nodes.length] ?? nodeId(1);
      const atUs = (round + 1) * roundUs;
      const forUs = (50 + 120 * round) * usPerMs;
      const lost: Fault = { kind: 'lostSync', atUs, forUs, node, downUs: usPerSecond };
      if (round % 3 !== 2) return [lost];
      const others = nodes.filter((other) => other !== node);
      return [
        lost,
        ...others.map((other, at): Fault => ({
          kind: 'crash',
          atUs: atUs + forUs + (4 + at) * usPerSecond,
          node: other,
          downUs: usPerSecond / 2,
          scope: 'process',
        })),
      ];
    }).flat(),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: { answered: 1_500, elections: 2, fired: { lostSync: 3, crash: 4 } },
  }),
};
