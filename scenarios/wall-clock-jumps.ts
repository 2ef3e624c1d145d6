import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 20;
const roundUs = 3 * usPerSecond;
const hourUs = 3_600 * usPerSecond;

export const wallClockJumps: ScenarioSource = {
  name: 'wall-clock-jumps',
  about:
    'Wall clocks jump by seconds, hours and years: no lease ends sooner or later for it, no leader falls, no lock has two holders.',
  plan: (seed) => ({
    name: wallClockJumps.name,
    about: wallClockJumps.about,
    cluster: { members: nodes.length, config: {}, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 6,
      keys: 8,
      thinkUsMin: 10_000,
      thinkUsMax: 100_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: { put: 20, get: 10, compareAndSwap: 5, lease: 12, lock: 6, watch: 2 },
    },
    faults: [
      ...Array.from({ length: rounds }, (_, round): Fault => ({
        kind: 'wallJump',
        atUs: (round + 1) * roundUs,
        node: nodes[round % nodes.length] ?? nodeId(1),
        byUs: [usPerSecond, hourUs, 24 * 365 * hourUs][round % 5] ?? 5 * usPerSecond,
        direction: round % 2 === 0 ? 'forward' : 'backward',
      })),
      // Leaders come and go meanwhile, so that every member's own count is asked for.
      ...nodes.map((node, at): Fault => ({
        kind: 'crash',
        atUs: (at + 1) * 15 * usPerSecond,
        node,
        downUs: 2 * usPerSecond,
      })),
    ],
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 1_000,
      leasesExpired: 10,
      keepAlives: 50,
      locksHeld: 5,
      fired: { wallJump: 15, crash: 3 },
    },
  }),
};
