import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 10;
const roundUs = 5 * usPerSecond;

export const snapshotsInARow: ScenarioSource = {
  name: 'snapshots-in-a-row',
  about:
    'A snapshot is old before it has arrived, and the next replaces it, from whoever leads: the member lives on (etcd 18055).',
  plan: (seed) => ({
    name: snapshotsInARow.name,
    about: snapshotsInARow.about,
    cluster: {
      members: nodes.length,
      // A log that keeps nothing: whoever is late by a message is late by a snapshot.
      config: {
        trailingEntries: 0,
        raft: { ...defaultRaftOptions, electionTimeoutUs: 200 * usPerMs, segmentBytesMax: 4_096 },
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 8,
      keys: 30,
      thinkUsMin: 1_000,
      thinkUsMax: 20_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 400,
      mix: { put: 60, get: 10, serializableGet: 8, delete: 5, txn: 8, compact: 1, lease: 3, watch: 3 },
    },
    // One is away until it needs a snapshot. As it has it, it crashes, and needs another; or another leads in the middle of the first.
    faults: [
      { kind: 'slowNetwork', atUs: usPerSecond, forUs: rounds * roundUs, factor: 10 + 10 * (seed % 3) },
      ...Array.from({ length: rounds }, (_, round): Fault[] => {
        const node = nodes[(round + seed) % nodes.length] ?? nodeId(1);
        const other = nodes[(round + seed + 1) % nodes.length] ?? nodeId(1);
        const atUs = (round + 1) * roundUs;
        const backUs = atUs + 2 * usPerSecond;
        const away: Fault =
          round % 2 === 0
            ? { kind: 'crash', atUs, node, downUs: backUs - atUs }
            : {
                kind: 'partition',
                atUs,
                forUs: backUs - atUs,
                side: [node],
                otherSide: nodes.filter((each) => each !== node),
              };
        const second: Fault =
          round % 2 === 0
            ? { kind: 'crash', atUs: backUs - 1, node, downUs: 2 * usPerSecond, moment: 'installing' }
            : { kind: 'pause', atUs: backUs + 300 * usPerMs, node: other, forUs: usPerSecond };
        return [away, second];
      }).flat(),
    ],
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 500,
      snapshotsInstalled: rounds - 3,
      snapshotsInARow: 1,
      fired: { crash: 6, partition: 4, pause: 4, slowNetwork: 1 },
    },
  }),
};
