import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type Act, type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { carefulProducer, consumer, planOf, timesOf, topic, topicOf } from './base-plan.ts';

/**
 * KIP-101, scenario 1: a follower restarts before it has heard of the high watermark, and its leader dies. Had it cut its log to
 * the high watermark that it knew, it would lead without what was acknowledged.
 */
export const chronikTruncationByEpoch: ChronikScenarioSource = {
  name: 'chronik-truncation-by-epoch',
  about:
    'A follower that restarts and then leads has all that was acknowledged: it cuts by epochs, not by its high watermark (KIP-101).',
  plan: (seed) => {
    const acts = timesOf(seed, {
      fromUs: 8 * usPerSecond,
      everyUs: 9 * usPerSecond,
      untilUs: 55 * usPerSecond,
    }).flatMap((atUs): readonly Act[] => [
      {
        kind: 'crash',
        atUs,
        who: { kind: 'follower', topic, partition: 0, nth: 0 },
        downUs: 50 * usPerMs,
        scope: 'process',
      },
      {
        kind: 'crash',
        atUs: atUs + 300 * usPerMs,
        who: { kind: 'leader', topic, partition: 0 },
        downUs: 4 * usPerSecond,
      },
    ]);
    return planOf(chronikTruncationByEpoch, seed, {
      workload: {
        topics: [topicOf({ 'min.insync.replicas': '1' }, { replicas: 2 })],
        producers: [carefulProducer, carefulProducer],
        consumers: [consumer],
      },
      faults: [],
      acts,
      floors: { acknowledged: 200, elections: 2, fired: { crash: 4 } },
    });
  },
};
