import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const rounds = 8;
const roundUs = 6 * usPerSecond;

/** In every round somebody crashes, and everything is late for a while. */
const trouble: readonly Fault[] = Array.from({ length: rounds }, (_, round): Fault[] => {
  const atUs = (round + 1) * roundUs;
  const node = nodeId((round % 3) + 1);
  return [
    { kind: 'crash', atUs, node, downUs: usPerSecond, scope: round % 2 === 0 ? 'process' : 'machine' },
    { kind: 'slowNetwork', atUs: atUs + 2 * usPerSecond, forUs: usPerSecond, factor: 40 },
  ];
}).flat();

export const backupUnderFire: ScenarioSource = {
  name: 'backup-under-fire',
  about:
    'A backup is the state at one revision, whoever crashes, compacts, joins or falls behind while it is taken; half of one is none.',
  plan: (seed) => ({
    name: backupUnderFire.name,
    about: backupUnderFire.about,
    cluster: {
      members: 3,
      spares: 1,
      // Members that were away take snapshots, and what compaction releases is freed a little at a time.
      config: { trailingEntries: 20, compactionBatch: 5 },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 3,
      keys: 30,
      thinkUsMin: 10_000,
      thinkUsMax: 120_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: { put: 40, get: 10, delete: 8, txn: 10, range: 4, compact: 2, lease: 4, watch: 1, auth: 2 },
    },
    faults: [{ kind: 'grow', atUs: 4 * usPerSecond, as: 'learner' }, ...trouble],
    backups: {
      takers: 4,
      everyUs: 2 * usPerSecond,
      chunkRowsMax: 6,
      chunkUsMax: 400 * usPerMs,
      restore: {
        atUs: 45 * usPerSecond,
        members: seed % 3 === 0 ? 1 : 3,
        revisions: { bump: seed % 2 === 0 ? 0 : 20_000, markCompacted: seed % 4 === 1 },
        faults: [],
        durationUs: 10 * usPerSecond,
      },
    },
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 300,
      elections: 2,
      backupsTaken: 10,
      backupsBrokenOff: 1,
      restored: 1,
      restoredAnswered: 50,
      fired: { grow: 1, crash: 4, slowNetwork: 4 },
    },
  }),
};
