import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { brokersOf, consumer, planOf, topicOf } from './base-plan.ts';

/**
 * Producers that think of nothing have the next transaction open in the same partition within milliseconds. What brokers say to
 * each other is doubled and overtaken meanwhile, so that markers arrive once more when they have long been written.
 */
export const chronikLateMarkers: ChronikScenarioSource = {
  name: 'chronik-late-markers',
  about:
    'A marker that comes when its producer has begun the next transaction does not end that one: it names what it ends.',
  plan: (seed) =>
    planOf(chronikLateMarkers, seed, {
      cluster: brokersOf(seed),
      workload: {
        topics: [topicOf({ 'min.insync.replicas': '2' })],
        producers: [],
        consumers: [{ ...consumer, isolation: 'readCommitted', pauseUsMax: 5 * usPerMs }],
        transactional: Array.from({ length: 6 }, (_, at) => ({
          transactionalId: `ledger-${at}`,
          timeoutMs: 5_000,
          partitionsMax: 1,
          thinkUsMax: 15 * usPerMs,
          lifeUsMax: 40 * usPerSecond,
        })),
      },
      faults: [
        {
          kind: 'lossy',
          atUs: 5 * usPerSecond,
          forUs: 50 * usPerSecond,
          lossPpm: 0,
          duplicatePpm: 500_000,
          reorderPpm: 30_000,
        },
      ],
      floors: { transactions: 200, fired: { lossy: 1 } },
    }),
};
