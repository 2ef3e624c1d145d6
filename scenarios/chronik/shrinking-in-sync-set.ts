import { nodeId } from '../../core/base/ids.ts';
import { usPerSecond } from '../../core/base/units.ts';
import { type ChronikFault, type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { planOf } from './base-plan.ts';

/** One replica after the other is cut off, until fewer are left than a write takes; then they come back. */
export const chronikShrinkingInSyncSet: ChronikScenarioSource = {
  name: 'chronik-shrinking-in-sync-set',
  about:
    'An in-sync set shrinks to min.insync.replicas and below: writes go on, then are refused, and nothing of it is lost.',
  plan: (seed) => {
    const faults: ChronikFault[] = [];
    for (const round of [0, 1]) {
      const atUs = (10 + 26 * round) * usPerSecond;
      const [first, second] = (seed + round) % 2 === 0 ? [2, 3] : [3, 2];
      const one = nodeId(first ?? 2);
      const other = nodeId(second ?? 3);
      faults.push(
        {
          kind: 'narrowLink',
          atUs,
          forUs: 16 * usPerSecond,
          from: [nodeId(1)],
          to: [one],
          bytesPerSecond: 150,
        },
        { kind: 'crash', atUs: atUs + 6 * usPerSecond, node: other, downUs: 7 * usPerSecond },
      );
    }
    return planOf(chronikShrinkingInSyncSet, seed, {
      faults,
      floors: { acknowledged: 200, isrChanges: 4, notEnoughReplicas: 1, fired: { crash: 2 } },
    });
  },
};
