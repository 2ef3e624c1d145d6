import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type Act, type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { brokersOf, planOf, timesOf, topic, topicOf } from './base-plan.ts';

/** Partitions move to other brokers while whoever decides of it comes and goes. */
export const chronikReassignmentWithoutController: ChronikScenarioSource = {
  name: 'chronik-reassignment-without-controller',
  about:
    'A reassignment whose controller dies in its midst is completed by the next one, and no record is left behind.',
  plan: (seed) => {
    const acts = timesOf(seed, {
      fromUs: 6 * usPerSecond,
      everyUs: 9 * usPerSecond,
      untilUs: 52 * usPerSecond,
    }).flatMap((atUs, at): readonly Act[] => {
      const first = (seed + at) % 5;
      const replicas = [0, 1, 2].map((offset) => ((first + offset) % 5) + 1);
      return [
        { kind: 'reassign', atUs, topic, partition: at % 2, replicas },
        {
          kind: 'crash',
          atUs: atUs + (20 + (seed % 5) * 60) * usPerMs,
          who: { kind: 'controller' },
          downUs: 3 * usPerSecond,
        },
      ];
    });
    return planOf(chronikReassignmentWithoutController, seed, {
      cluster: brokersOf(seed, 5),
      workload: {
        ...planOf(chronikReassignmentWithoutController, seed, { faults: [], floors: {} }).workload,
        topics: [topicOf({ 'min.insync.replicas': '2' }, { partitions: 2 })],
      },
      faults: [],
      acts,
      floors: { acknowledged: 200, controllers: 3, reassignments: 2, fired: { crash: 3 } },
    });
  },
};
