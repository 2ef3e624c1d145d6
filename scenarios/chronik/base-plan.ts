import { bytesPerKib, usPerMs, usPerSecond } from '../../core/base/units.ts';
import {
  type ChronikClusterPlan,
  type ChronikScenario,
  type ConsumerPlan,
  type ProducerPlan,
  type TopicPlan,
} from '../../sim/chronik/plan.ts';
import { seededPrng } from '../../sim/prng.ts';

/** The topic that scenarios written by hand are about. */
export const topic = 'Orders';

/** Brokers that find each other's ends soon, so that a minute shows much. In a third of the seeds calls go through the codec. */
export function brokersOf(seed: number, brokers = 3): ChronikClusterPlan {
  return {
    brokers,
    throughCodec: seed % 3 === 0,
    raft: {
      electionTimeoutUs: 500 * usPerMs,
      heartbeatIntervalUs: 80 * usPerMs,
      segmentBytesMax: 16 * bytesPerKib,
    },
    settings: {
      internalTopicPartitions: 2,
      brokerSessionTimeoutUs: 2 * usPerSecond,
      replicaLagTimeMaxUs: 1_500 * usPerMs,
      groupInitialRebalanceDelayUs: 200 * usPerMs,
      requestTimeoutUs: 4 * usPerSecond,
    },
  };
}

/** Kept by brokers 1, 2 and so on, the first preferred; every partition's preferred leader is another. */
export function topicOf(
  configs: Readonly<Record<string, string>>,
  { replicas = 3, partitions = 1 }: { readonly replicas?: number; readonly partitions?: number } = {},
): TopicPlan {
  const assignments = Array.from({ length: partitions }, (_, partition) =>
    Array.from({ length: replicas }, (__, at) => ((partition + at) % replicas) + 1),
  );
  return {
    name: topic,
    partitions,
    replicationFactor: replicas,
    assignments,
    configs: { 'retention.ms': '-1', 'segment.bytes': String(16 * bytesPerKib), ...configs },
  };
}

/** Waits for all in sync, and numbers what it sends. */
export const carefulProducer: ProducerPlan = {
  acks: -1,
  idempotent: true,
  inFlightMax: 5,
  recordsMax: 4,
  valueBytesMax: 60,
  thinkUsMin: 5 * usPerMs,
  thinkUsMax: 60 * usPerMs,
  requestTimeoutUs: 2 * usPerSecond,
};

/** Is content with the leader's own disk. */
export const hastyProducer: ProducerPlan = { ...carefulProducer, acks: 1, idempotent: false };

export const consumer: ConsumerPlan = {
  isolation: 'readUncommitted',
  requestTimeoutUs: 2 * usPerSecond,
  pauseUsMax: 50 * usPerMs,
  fetchBytesMax: 100_000,
};

/** What scenarios written by hand have in common; each says what is its own. */
export function planOf(
  source: { readonly name: string; readonly about: string },
  seed: number,
  own: Pick<ChronikScenario, 'faults' | 'floors'> & Partial<ChronikScenario>,
): ChronikScenario {
  return {
    name: source.name,
    about: source.about,
    cluster: brokersOf(seed),
    workload: {
      topics: [topicOf({ 'min.insync.replicas': '2' })],
      producers: [carefulProducer, hastyProducer],
      consumers: [consumer],
    },
    checks: 'all',
    durationUs: 60 * usPerSecond,
    ...own,
  };
}

/** Times from `fromUs` on, about so far from one another, drawn from the seed. */
export function timesOf(
  seed: number,
  {
    fromUs,
    everyUs,
    untilUs,
  }: { readonly fromUs: number; readonly everyUs: number; readonly untilUs: number },
): readonly number[] {
  const prng = seededPrng(`times ${seed}`);
  const times: number[] = [];
  for (let atUs = fromUs; atUs < untilUs; atUs += everyUs / 2 + prng.below(everyUs))
    times.push(Math.floor(atUs));
  return times;
}
