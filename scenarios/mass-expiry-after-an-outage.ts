import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const rounds = 3;
const roundUs = 30 * usPerSecond;
/** Longer than any lease of the workload lasts: every one of them is overdue when the outage ends. */
const outageUs = 12 * usPerSecond;

/**
 * Three ways to have no quorum for longer than leases last. Cut off from each other, a leader's own clock calls every lease
 * overdue; paused, its successor's does; without power, nobody's does, and they start from their full time to live.
 */
function outage(round: number): readonly Fault[] {
  const atUs = (round + 1) * roundUs - outageUs;
  const kept = nodes[round % nodes.length] ?? nodeId(1);
  switch (round % 3) {
    case 0:
      return nodes.slice(0, -1).map((node, at): Fault => ({
        kind: 'partition',
        atUs,
        forUs: outageUs,
        side: [node],
        otherSide: nodes.slice(at + 1),
      }));
    case 1:
      return nodes
        .filter((node) => node !== kept)
        .map((node, at): Fault => ({ kind: 'pause', atUs: atUs + at * 50 * usPerMs, node, forUs: outageUs }));
    default:
      return [{ kind: 'crashAll', atUs, downUs: outageUs }];
  }
}

export const massExpiryAfterAnOutage: ScenarioSource = {
  name: 'mass-expiry-after-an-outage',
  about:
    'No quorum for longer than leases last: no leader of before revokes them all, and whoever renewed in time keeps its own.',
  plan: (seed) => ({
    name: massExpiryAfterAnOutage.name,
    about: massExpiryAfterAnOutage.about,
    cluster: {
      members: nodes.length,
      config: { raft: { ...defaultRaftOptions, electionTimeoutUs: 500 * usPerMs } },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 8,
      keys: 12,
      thinkUsMin: 5_000,
      thinkUsMax: 100_000,
      callTimeoutUs: 3 * usPerSecond,
      mix: { put: 8, get: 8, lease: 40, lock: 4 },
    },
    faults: Array.from({ length: rounds }, (_, round) => outage(round)).flat(),
    checks: 'all',
    durationUs: (rounds + 1) * roundUs,
    floors: {
      answered: 1_000,
      elections: rounds,
      leasesExpired: 50,
      keepAlives: 500,
      fired: { partition: 2, pause: 2, crashAll: 1 },
    },
  }),
};
