import { usPerSecond } from '../../core/base/units.ts';
import { type Act, type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { carefulProducer, consumer, hastyProducer, planOf, timesOf, topic, topicOf } from './base-plan.ts';

/**
 * KIP-101, scenario 2: two replicas have other records at the same offsets, since one has gone on by itself for a while. Without
 * epochs nothing would tell that, and both would keep theirs.
 */
export const chronikDivergingLogs: ChronikScenarioSource = {
  name: 'chronik-diverging-logs',
  about:
    'A leader that was cut off and has gone on taking records drops them when it follows: no two replicas differ (KIP-101, KIP-279).',
  plan: (seed) => {
    const acts = timesOf(seed, {
      fromUs: 8 * usPerSecond,
      everyUs: 10 * usPerSecond,
      untilUs: 52 * usPerSecond,
    }).map((atUs): Act => ({
      kind: 'isolate',
      atUs,
      who: { kind: 'leader', topic, partition: 0 },
      forUs: 5 * usPerSecond,
    }));
    return planOf(chronikDivergingLogs, seed, {
      workload: {
        topics: [topicOf({ 'min.insync.replicas': '2' })],
        producers: [carefulProducer, hastyProducer, hastyProducer],
        consumers: [consumer],
      },
      faults: [],
      acts,
      floors: { acknowledged: 100, elections: 2, truncations: 2, fired: { partition: 3 } },
    });
  },
};
