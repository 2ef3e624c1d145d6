import { type NodeId, nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 12;
const roundUs = 5 * usPerSecond;
const electionTimeoutUs = 300 * usPerMs;
const clockDriftPpmMax = 20_000;

/** News of the successor is lost, or stays behind what is older: a leader that wakes meets its readers first. */
function paused(node: NodeId, round: number): readonly Fault[] {
  const others = nodes.filter((other) => other !== node);
  const atUs = (round + 1) * roundUs;
  const forUs = 1_200 * usPerMs;
  const pause: Fault = { kind: 'pause', atUs, node, forUs };
  if (round % 2 === 0) {
    // What was on its way still comes; what would tell of the successor does not, until well after the end of the pause.
    const cutUs = 40 * usPerMs;
    const cut: Fault = {
      kind: 'partition',
      atUs: atUs + cutUs,
      forUs: forUs + 150 * usPerMs,
      side: [node],
      otherSide: others,
    };
    return [pause, cut];
  }
  return [
    pause,
    ...others.map((from): Fault => ({ kind: 'clog', atUs, forUs: forUs + 20 * usPerMs, from, to: node })),
  ];
}

export const processPauseWithStaleReads: ScenarioSource = {
  name: 'process-pause-with-stale-reads',
  about:
    'A leader that is paused for longer than an election wakes to readers before it hears of its successor, and shows no past.',
  plan: (seed) => ({
    name: processPauseWithStaleReads.name,
    about: processPauseWithStaleReads.about,
    cluster: {
      members: nodes.length,
      // Every other seed reads on the leader's lease: what it knows must have run out while it slept.
      config: {
        raft: {
          ...defaultRaftOptions,
          electionTimeoutUs,
          heartbeatIntervalUs: 60 * usPerMs,
          leaseReads: seed % 2 === 0 ? { clockDriftPpmMax } : undefined,
        },
      },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 8,
      keys: 2,
      thinkUsMin: 5_000,
      thinkUsMax: 40_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: { put: 12, get: 40, serializableGet: 4, compareAndSwap: 4, range: 4 },
    },
    faults: [
      // Answers that are long on their way are what a paused leader finds before it: they speak of a time that is over.
      { kind: 'slowNetwork', atUs: usPerSecond, forUs: rounds * roundUs, factor: 6 + 6 * (seed % 4) },
      { kind: 'clockDrift', atUs: usPerSecond, node: nodeId((seed % 3) + 1), driftPpm: -clockDriftPpmMax },
      {
        kind: 'clockDrift',
        atUs: usPerSecond,
        node: nodeId(((seed + 1) % 3) + 1),
        driftPpm: clockDriftPpmMax,
      },
      ...Array.from({ length: rounds }, (_, round) =>
        paused(nodes[round % nodes.length] ?? nodeId(1), round),
      ).flat(),
    ],
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 2_000,
      elections: 4,
      pausedLeaders: 2,
      readsDuringFaults: 300,
      leaseReads: seed % 2 === 0 ? 300 : 0,
      fired: { pause: rounds - 1, partition: rounds / 2 - 1, clog: 4, clockDrift: 2, slowNetwork: 1 },
    },
  }),
};
