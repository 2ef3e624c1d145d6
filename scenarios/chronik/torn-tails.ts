import { nodeId } from '../../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { carefulProducer, consumer, hastyProducer, planOf, timesOf, topicOf } from './base-plan.ts';

/** Power cuts in the midst of a sync, of one broker after the other: the end of a log is torn, its files are many. */
export const chronikTornTails: ChronikScenarioSource = {
  name: 'chronik-torn-tails',
  about:
    'Power fails while batches are being written: a torn tail is cut, and what was synced before it is all there.',
  plan: (seed) => {
    const times = timesOf(seed, {
      fromUs: 6 * usPerSecond,
      everyUs: 4 * usPerSecond,
      untilUs: 56 * usPerSecond,
    });
    return planOf(chronikTornTails, seed, {
      workload: {
        topics: [topicOf({ 'min.insync.replicas': '2', 'segment.bytes': '4096' }, { partitions: 2 })],
        producers: [
          { ...carefulProducer, valueBytesMax: 1_500 },
          { ...hastyProducer, valueBytesMax: 3_000 },
        ],
        consumers: [consumer],
      },
      faults: times.map((atUs, at) => ({
        kind: 'crash',
        atUs,
        node: nodeId(((seed + at) % 3) + 1),
        downUs: 600 * usPerMs,
        scope: 'machine',
        moment: 'syncing',
      })),
      floors: { acknowledged: 200, elections: 2, fired: { crash: 6 } },
    });
  },
};
