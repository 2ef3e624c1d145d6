import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const turns = 3;
const turnUs = 8 * usPerSecond;
const sharePpm = 100_000;

export const lostDoubledAndLate: ScenarioSource = {
  name: 'lost-doubled-and-late',
  about:
    'Each misfortune of a message by itself: first many are lost, then many come twice, then many come out of order.',
  plan: (seed) => ({
    name: lostDoubledAndLate.name,
    about: lostDoubledAndLate.about,
    cluster: { members: 3, config: {}, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 6,
      keys: 6,
      thinkUsMin: 2_000,
      thinkUsMax: 60_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: { put: 30, get: 20, serializableGet: 5, delete: 6, compareAndSwap: 10, txn: 10, watch: 2 },
    },
    faults: Array.from({ length: 2 * turns }, (_, turn): Fault => ({
      kind: 'lossy',
      atUs: (turn + 1) * turnUs,
      forUs: turnUs,
      lossPpm: turn % turns === 0 ? sharePpm : 0,
      duplicatePpm: turn % turns === 1 ? sharePpm : 0,
      reorderPpm: turn % turns === 2 ? sharePpm : 0,
    })),
    checks: 'all',
    durationUs: (2 * turns + 2) * turnUs,
    floors: { answered: 1_500, fired: { lossy: 2 * turns } },
  }),
};
