import { nodeId } from '../../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type ChronikFault, type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { carefulProducer, consumer, planOf, topicOf } from './base-plan.ts';

const brokers = 3;
const roundUs = 9 * usPerSecond;
/** Longer than a session: another leads the partition that this broker is preferred for. */
const awayUs = 2_600 * usPerMs;

/**
 * The preferred leader of a partition is away and comes back; while the broker that led in its place waits for its disk, it is
 * elected again. The other is heard by everybody, and can apply nothing of what it hears: it sees replicas that fetch from it no
 * more, and asks for an in-sync set without them.
 */
export const chronikUninformedLeader: ChronikScenarioSource = {
  name: 'chronik-uninformed-leader',
  about:
    'A leader that was replaced, and cannot know it yet, asks for an in-sync set in vain: it is that of who leads now.',
  plan: (seed) => {
    const faults = [0, 1, 2, 3, 4].flatMap((round): readonly ChronikFault[] => {
      const preferred = (seed + round) % brokers;
      const standIn = nodeId(1 + ((preferred + 1) % brokers));
      const atUs = 5 * usPerSecond + round * roundUs;
      const backUs = atUs + awayUs + ((seed + 3 * round) % 7) * 60 * usPerMs;
      return [
        { kind: 'pause', atUs, node: nodeId(1 + preferred), forUs: awayUs },
        { kind: 'diskStall', atUs: backUs, node: standIn, forUs: 5 * usPerSecond },
      ];
    });
    return planOf(chronikUninformedLeader, seed, {
      workload: {
        topics: [topicOf({ 'min.insync.replicas': '1' }, { partitions: 9 })],
        producers: [carefulProducer, carefulProducer],
        consumers: [consumer],
        admin: { thinkUsMin: 100 * usPerMs, thinkUsMax: 200 * usPerMs, mix: { electPreferred: 1 } },
      },
      faults,
      floors: { acknowledged: 200, elections: 4, fired: { pause: 4, diskStall: 4 } },
    });
  },
};
