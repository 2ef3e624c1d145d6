import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { planOf, timesOf, topicOf } from './base-plan.ts';

/** The power of the whole room fails again and again. */
export const chronikAllBrokersRestarted: ChronikScenarioSource = {
  name: 'chronik-all-brokers-restarted',
  about:
    'Every broker loses its power at once, several times: topics, records, sequences and in-sync sets are as they were.',
  plan: (seed) => {
    const base = planOf(chronikAllBrokersRestarted, seed, { faults: [], floors: {} });
    const times = timesOf(seed, {
      fromUs: 7 * usPerSecond,
      everyUs: 10 * usPerSecond,
      untilUs: 55 * usPerSecond,
    });
    return {
      ...base,
      cluster: {
        ...base.cluster,
        // The metadata's log is cut behind what is stored: what a start finds is the store, and little else.
        settings: { ...base.cluster.settings, trailingEntries: seed % 4 },
      },
      workload: { ...base.workload, topics: [topicOf({ 'min.insync.replicas': '2' }, { partitions: 2 })] },
      faults: times.map((atUs) => ({ kind: 'crashAll', atUs, downUs: (200 + (seed % 9) * 100) * usPerMs })),
      floors: { acknowledged: 200, elections: 2, fired: { crashAll: 4 } },
    };
  },
};
