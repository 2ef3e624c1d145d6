import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type Act, type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { brokersOf, consumer, planOf, timesOf, topicOf } from './base-plan.ts';

/** Two partitions of it, so that there are two coordinators. */
const transactionLog = '__transaction_state';

/**
 * A coordinator that no other broker hears, but every client, is asked to commit: the record of it reaches nobody else, and
 * whoever coordinates next knows of nothing that was decided. Half of the time it also loses its memory, and what its disk had
 * not synced.
 */
export const chronikCoordinatorCutOff: ChronikScenarioSource = {
  name: 'chronik-coordinator-cut-off',
  about:
    'A coordinator of transactions that cannot make its decision durable tells nobody of it, neither producer nor partition.',
  plan: (seed) => {
    const cluster = brokersOf(seed);
    const acts = timesOf(seed, {
      fromUs: 6 * usPerSecond,
      everyUs: 8 * usPerSecond,
      untilUs: 54 * usPerSecond,
    }).flatMap((atUs, at): readonly Act[] => {
      const who = { kind: 'leader', topic: transactionLog, partition: at % 2 } as const;
      const cutOff: Act = { kind: 'isolate', atUs, who, forUs: 4 * usPerSecond };
      // Before its session ends it is still the one that coordinates.
      const crashUs = atUs + (50 + (seed % 13) * 100) * usPerMs;
      const crash: Act = { kind: 'crash', atUs: crashUs, who, downUs: 2 * usPerSecond, scope: 'machine' };
      return at % 2 === (seed >> 1) % 2 ? [cutOff, crash] : [cutOff];
    });
    return planOf(chronikCoordinatorCutOff, seed, {
      cluster: { ...cluster, settings: { ...cluster.settings, transactions: { changeTimeoutMs: 1_000 } } },
      workload: {
        topics: [topicOf({ 'min.insync.replicas': '2' }, { partitions: 3 })],
        producers: [],
        consumers: [{ ...consumer, isolation: 'readCommitted' }],
        transactional: Array.from({ length: 6 }, (_, at) => ({
          transactionalId: `ledger-${at}`,
          timeoutMs: 3_000 + at * 500,
          partitionsMax: 3,
          thinkUsMax: 30 * usPerMs,
          lifeUsMax: 12 * usPerSecond,
        })),
      },
      faults: [],
      acts,
      floors: { transactions: 30, elections: 3, fired: { partition: 3 } },
    });
  },
};
