import { nodeId } from '../../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type Act, type ChronikFault, type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { carefulProducer, consumer, planOf, timesOf, topic, topicOf } from './base-plan.ts';

/** Answers are lost, and whoever gave them is gone: producers send again to a broker that has only followed. */
export const chronikProducerAcrossFailover: ChronikScenarioSource = {
  name: 'chronik-producer-across-failover',
  about:
    'A producer that numbers its batches sends them again to the next leader, which knows them: none is lost, doubled or swapped.',
  plan: (seed) => {
    const times = timesOf(seed, {
      fromUs: 6 * usPerSecond,
      everyUs: 6 * usPerSecond,
      untilUs: 54 * usPerSecond,
    });
    const faults = times.map((atUs): ChronikFault => ({
      kind: 'clientCut',
      atUs: atUs - 400 * usPerMs,
      forUs: 700 * usPerMs,
      clients: [1, 2],
      nodes: [1, 2, 3].map(nodeId),
      direction: 'answers',
    }));
    const acts = times.map((atUs): Act => ({
      kind: 'crash',
      atUs,
      who: { kind: 'leader', topic, partition: 0 },
      downUs: 2_500 * usPerMs,
      scope: 'process',
    }));
    return planOf(chronikProducerAcrossFailover, seed, {
      workload: {
        topics: [topicOf({ 'min.insync.replicas': '2' })],
        producers: [carefulProducer, { ...carefulProducer, inFlightMax: 3 }],
        consumers: [consumer],
      },
      faults,
      acts,
      floors: { acknowledged: 300, elections: 3, fired: { crash: 4, clientCut: 2 } },
    });
  },
};
