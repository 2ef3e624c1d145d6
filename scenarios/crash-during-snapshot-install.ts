import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 6;
const roundUs = 12 * usPerSecond;
/** Long enough for the others to drop from their logs what the member will lack. */
const absentUs = 6 * usPerSecond;

export const crashDuringSnapshotInstall: ScenarioSource = {
  name: 'crash-during-snapshot-install',
  about:
    'A member that crashes the moment a snapshot has replaced its store comes back with one whole state, old or new.',
  plan: (seed) => ({
    name: crashDuringSnapshotInstall.name,
    about: crashDuringSnapshotInstall.about,
    cluster: {
      members: nodes.length,
      // A log that forgets quickly, in small files.
      config: {
        trailingEntries: 20,
        raft: { ...defaultRaftOptions, segmentBytesMax: 16_384, cacheBytesMax: 32_768 },
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 6,
      keys: 30,
      thinkUsMin: 4_000,
      thinkUsMax: 50_000,
      callTimeoutUs: 2 * usPerSecond,
      valueBytesMax: 300,
      mix: {
        put: 50,
        get: 15,
        serializableGet: 5,
        delete: 8,
        compareAndSwap: 10,
        txn: 10,
        range: 5,
        historicRange: 3,
        compact: 2,
        lease: 8,
        watch: 4,
      },
    },
    // Each member in turn stays away until it needs a snapshot, and crashes again as it installs it.
    faults: Array.from({ length: rounds }, (_, round): Fault[] => {
      const node = nodes[round % nodes.length] ?? nodeId(1);
      const atUs = round * roundUs + roundUs / 2;
      return [
        { kind: 'crash', atUs, node, downUs: absentUs },
        { kind: 'crash', atUs: atUs + absentUs - 1, node, downUs: usPerSecond, moment: 'installing' },
      ];
    }).flat(),
    checks: 'all',
    durationUs: (rounds + 1) * roundUs,
    // More crashes than the plain ones: some struck as a snapshot was installed.
    floors: {
      answered: 2_000,
      elections: 1,
      snapshotsInstalled: 3,
      leasesExpired: 20,
      watchEvents: 500,
      fired: { crash: rounds + 3 },
    },
  }),
};
