import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault, type FaultKind } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const durationUs = 20 * usPerSecond;
const roundUs = 1_100 * usPerMs;

/** The bug that has to be planted for the canary to die. Without it the scenario passes as any other. */
export const canaryMutant = 'term-not-persisted';
/** What must be seen then. */
export const canaryInvariant = 'vote-once';
/** What is left of the schedule when it is shrunk: a voter loses its power, once. Everything else is there to be removed. */
export const canaryCause: readonly FaultKind[] = ['crash'];

/**
 * A failure on purpose, to see that failures are seen: with its bug planted it must fail, be reported, shrink to its cause,
 * and fail again when that is replayed. It is in no list, since a run of it proves something of the simulator only.
 */
export const canary: ScenarioSource = {
  name: 'canary',
  about:
    'Voters lose their power between two leaders; what they have promised is remembered, unless it is not.',
  plan: (seed) => ({
    name: canary.name,
    about: canary.about,
    cluster: {
      members: 3,
      config: {
        raft: {
          ...defaultRaftOptions,
          electionTimeoutUs: 300 * usPerMs,
          heartbeatIntervalUs: 60 * usPerMs,
        },
      },
      throughCodec: false,
    },
    workload: {
      clients: 3,
      keys: 4,
      thinkUsMin: 100 * usPerMs,
      thinkUsMax: 400 * usPerMs,
      callTimeoutUs: 2 * usPerSecond,
      mix: { put: 10, get: 5, compareAndSwap: 2 },
    },
    faults: [...decoys, ...rounds(seed)],
    checks: 'all',
    durationUs,
    floors: { elections: 1 },
  }),
};

const decoys: readonly Fault[] = [
  { kind: 'slowNetwork', atUs: 0, forUs: durationUs, factor: 30 },
  { kind: 'slowDisk', atUs: 0, forUs: durationUs, node: nodeId(1), factor: 20 },
  { kind: 'slowDisk', atUs: 0, forUs: durationUs, node: nodeId(2), factor: 20 },
  { kind: 'slowDisk', atUs: 0, forUs: durationUs, node: nodeId(3), factor: 20 },
  {
    kind: 'lossy',
    atUs: 2 * usPerSecond,
    forUs: 4 * usPerSecond,
    lossPpm: 20_000,
    duplicatePpm: 20_000,
    reorderPpm: 0,
  },
  { kind: 'clog', atUs: 3 * usPerSecond, forUs: 300 * usPerMs, from: nodeId(1), to: nodeId(2) },
];

/** In each round one member is cut off, so that there is an election, and one of the others loses its power in it. */
function rounds(seed: number): readonly Fault[] {
  const count = Math.floor(durationUs / roundUs) - 1;
  return Array.from({ length: count }, (_, round): Fault[] => {
    const [cutOff, voter, other] = [0, 1, 2].map((step) => nodeId(((seed + round + step) % 3) + 1)) as [
      ReturnType<typeof nodeId>,
      ReturnType<typeof nodeId>,
      ReturnType<typeof nodeId>,
    ];
    const atUs = usPerSecond + round * roundUs;
    // At another moment of the election in each round.
    const crashUs = atUs + 200 * usPerMs + ((round * 137) % 700) * usPerMs;
    return [
      { kind: 'partition', atUs, forUs: 900 * usPerMs, side: [cutOff], otherSide: [voter, other] },
      { kind: 'crash', atUs: crashUs, node: voter, downUs: 20 * usPerMs },
    ];
  }).flat();
}
