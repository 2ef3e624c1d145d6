import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../../../core/base/units.ts';
import { defaultRaftOptions } from '../../../core/raft/types.ts';
import { type Fault } from '../../../sim/fault.ts';
import { type Scenario } from '../../../sim/types.ts';

const nodes = [1, 2, 3, 4, 5].map(nodeId);
const roundUs = 10 * usPerSecond;

/**
 * Five members that agree, with short heartbeats and a client that writes now and then, so that nearly every event is one of
 * Raft's; in turn each is cut off from the others or loses its power, so that the group elects again and again.
 */
export function raftGroup(seconds: number): Scenario {
  const durationUs = seconds * usPerSecond;
  const faults: Fault[] = [];
  for (let round = 0; (round + 1) * roundUs < durationUs; round += 1) {
    faults.push(trouble(nodes[round % nodes.length] ?? nodeId(1), round));
  }
  return {
    name: 'raft-group',
    about: 'Five members with little to agree on, one of them in trouble every ten seconds.',
    cluster: {
      members: nodes.length,
      config: {
        raft: {
          ...defaultRaftOptions,
          electionTimeoutUs: 300 * usPerMs,
          heartbeatIntervalUs: 15 * usPerMs,
        },
      },
      throughCodec: false,
    },
    workload: {
      clients: 1,
      keys: 8,
      thinkUsMin: 200 * usPerMs,
      thinkUsMax: 800 * usPerMs,
      callTimeoutUs: 2 * usPerSecond,
      mix: { put: 9, get: 1 },
    },
    faults,
    checks: 'all',
    durationUs,
    floors: { elections: Math.floor(faults.length / nodes.length), answered: seconds },
  };
}

function trouble(node: NodeId, round: number): Fault {
  const atUs = (round + 1) * roundUs;
  if (round % 2 === 0) return { kind: 'crash', atUs, node, downUs: usPerSecond };
  const otherSide = nodes.filter((other) => other !== node);
  return { kind: 'partition', atUs, forUs: usPerSecond, side: [node], otherSide };
}
