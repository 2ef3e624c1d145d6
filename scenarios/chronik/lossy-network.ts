import { usPerSecond } from '../../core/base/units.ts';
import { type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { planOf, topicOf } from './base-plan.ts';

/** What replicas say to each other is lost, doubled and late, and nothing worse happens. */
export const chronikLossyNetwork: ChronikScenarioSource = {
  name: 'chronik-lossy-network',
  about:
    'Fetches and answers that are lost, doubled and overtaken on their way change neither what is kept nor its order.',
  plan: (seed) => {
    const base = planOf(chronikLossyNetwork, seed, { faults: [], floors: {} });
    return {
      ...base,
      workload: { ...base.workload, topics: [topicOf({ 'min.insync.replicas': '2' }, { partitions: 3 })] },
      faults: [
        {
          kind: 'lossy',
          atUs: 5 * usPerSecond,
          forUs: 50 * usPerSecond,
          lossPpm: 30_000 + (seed % 5) * 20_000,
          duplicatePpm: 100_000,
          reorderPpm: 200_000,
        },
      ],
      floors: { acknowledged: 200, consumed: 100, fired: { lossy: 1 } },
    };
  },
};
