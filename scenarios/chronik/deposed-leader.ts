import { nodeId } from '../../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type Act, type ChronikFault, type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { carefulProducer, consumer, planOf, timesOf, topic, topicOf } from './base-plan.ts';

/** Times out soon, so that it asks often who leads; one that speaks an old version is not told the epoch, and believes anybody. */
const wanderingProducer = { ...carefulProducer, requestTimeoutUs: 600 * usPerMs };

/**
 * A leader that the others have replaced, and that cannot know of it, lacks what its successor has acknowledged. To a producer that
 * comes back to it every batch is ahead of its log.
 */
export const chronikDeposedLeader: ChronikScenarioSource = {
  name: 'chronik-deposed-leader',
  about:
    'A leader that was replaced while it was cut off tells no producer that its batches are out of order: others have what it lacks.',
  plan: (seed) => {
    const acts = timesOf(seed, {
      fromUs: 6 * usPerSecond,
      everyUs: 10 * usPerSecond,
      untilUs: 50 * usPerSecond,
    }).map((atUs): Act => ({
      kind: 'isolate',
      atUs,
      who: { kind: 'leader', topic, partition: 0 },
      forUs: 7 * usPerSecond,
    }));
    const faults = timesOf(seed, {
      fromUs: 5 * usPerSecond,
      everyUs: 800 * usPerMs,
      untilUs: 58 * usPerSecond,
    }).map((atUs): ChronikFault => ({
      kind: 'clientCut',
      atUs,
      forUs: 120 * usPerMs,
      clients: [1, 2, 3, 4],
      nodes: [1, 2, 3].map(nodeId),
      direction: 'answers',
    }));
    return planOf(chronikDeposedLeader, seed, {
      workload: {
        topics: [topicOf({ 'min.insync.replicas': '2' })],
        producers: [wanderingProducer, wanderingProducer, wanderingProducer, wanderingProducer],
        consumers: [consumer],
      },
      faults,
      acts,
      floors: { acknowledged: 200, elections: 2, fired: { partition: 3, clientCut: 10 } },
    });
  },
};
