import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3, 4, 5].map(nodeId);
const clients = 10;
const rounds = 10;
const roundUs = 10 * usPerSecond;
const clockDriftPpmMax = 20_000;

export const lockUnderPartition: ScenarioSource = {
  name: 'lock-under-partition',
  about:
    'Holders of a lock are cut off from the cluster, and members from each other: a lock never has two holders who may act.',
  plan: (seed) => ({
    name: lockUnderPartition.name,
    about: lockUnderPartition.about,
    cluster: {
      members: nodes.length,
      config: { clockDriftPpmMax, raft: { ...defaultRaftOptions, electionTimeoutUs: 500 * usPerMs } },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients,
      keys: 3,
      thinkUsMin: 5_000,
      thinkUsMax: 80_000,
      callTimeoutUs: 2 * usPerSecond,
      // In every other seed holders die, and with them whoever would have unlocked.
      clientLifeUsMax: seed % 2 === 0 ? 30 * usPerSecond : undefined,
      mix: { put: 4, get: 6, lock: 40 },
    },
    faults: [
      { kind: 'clockDrift', atUs: usPerSecond, node: nodeId((seed % 5) + 1), driftPpm: clockDriftPpmMax },
      ...Array.from({ length: rounds }, (_, round): Fault[] => {
        const atUs = (round + 1) * roundUs;
        const turn = round % nodes.length;
        const turned = [...nodes.slice(turn), ...nodes.slice(0, turn)];
        const side = turned.slice(0, 2);
        const otherSide = turned.slice(2);
        // Some clients stay with the minority, some reach nobody for longer than their leases last.
        const stranded = Array.from({ length: clients }, (_, client) => client).filter(
          (client) => client % 3 === round % 3,
        );
        const alone = [(round * 3 + 1) % clients, (round * 3 + 4) % clients];
        return [
          { kind: 'partition', atUs, forUs: 5 * usPerSecond, side, otherSide },
          {
            kind: 'clientCut',
            atUs,
            forUs: 5 * usPerSecond,
            clients: stranded,
            nodes: otherSide,
            direction: round % 2 === 0 ? 'both' : 'answers',
          },
          {
            kind: 'clientCut',
            atUs: atUs + usPerSecond,
            forUs: 7 * usPerSecond,
            clients: alone,
            nodes,
            direction: 'both',
          },
        ];
      }).flat(),
    ],
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 500,
      elections: 2,
      locksHeld: 25,
      locksContended: 10,
      leasesExpired: 20,
      fired: { partition: rounds, clientCut: rounds, clockDrift: 1 },
    },
  }),
};
