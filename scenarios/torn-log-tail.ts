import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 21;
const roundUs = 4 * usPerSecond;

export const tornLogTail: ScenarioSource = {
  name: 'torn-log-tail',
  about:
    'Power that fails in the middle of a sync leaves torn sectors; what was acknowledged survives, what was not is cut.',
  plan: (seed) => ({
    name: tornLogTail.name,
    about: tornLogTail.about,
    cluster: { members: nodes.length, config: {}, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 8,
      keys: 10,
      thinkUsMin: 500,
      thinkUsMax: 20_000,
      callTimeoutUs: 2 * usPerSecond,
      // Several sectors a record.
      valueBytesMax: 3_000,
      mix: {
        put: 60,
        get: 20,
        serializableGet: 4,
        delete: 5,
        compareAndSwap: 10,
        txn: 10,
        range: 3,
        historicRange: 1,
        compact: 1,
      },
    },
    // Slow disks make a sync long enough to be met; every fifth time the power fails for all.
    faults: [
      ...nodes.map((node): Fault => ({
        kind: 'slowDisk',
        atUs: usPerSecond,
        forUs: rounds * roundUs,
        node,
        factor: 8,
      })),
      ...Array.from({ length: rounds }, (_, round): Fault => {
        const atUs = (round + 1) * roundUs;
        const node = nodes[round % nodes.length] ?? nodeId(1);
        if (round % 5 === 4) return { kind: 'crashAll', atUs, downUs: usPerSecond / 4 };
        return { kind: 'crash', atUs, node, downUs: usPerSecond / 2, moment: 'syncing' };
      }),
    ],
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: { answered: 1_000, elections: 3, tornTails: 3, fired: { crash: 10, crashAll: 3, slowDisk: 3 } },
  }),
};
