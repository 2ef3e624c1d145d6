import { nodeId } from '../../core/base/ids.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import { bytesPerKib, usPerMs, usPerSecond } from '../../core/base/units.ts';
import { defaultRaftOptions } from '../../core/raft/types.ts';
import { seededPrng } from '../prng.ts';
import { drawFaultsOfKinds } from '../swarm-faults.ts';
import {
  type ChronikClusterPlan,
  type ChronikFault,
  type ChronikScenario,
  type ChronikWorkloadPlan,
  type ConsumerPlan,
  type ProducerPlan,
  type TopicPlan,
} from './plan.ts';

/** At least a minute of simulated time a seed. */
const durationUs = 60 * usPerSecond;

const kinds: ReadonlySet<string> = new Set<ChronikFault['kind']>([
  'crash',
  'crashAll',
  'pause',
  'partition',
  'partialPartition',
  'oneWay',
  'clientCut',
  'lossy',
  'clog',
  'slowNetwork',
  'flap',
  'narrowLink',
  'longTail',
  'clockDrift',
  'wallJump',
  'slowDisk',
  'diskStall',
  'syncFails',
  'appendFails',
  'readFails',
  'diskFull',
  'storeFull',
]);

/** The run of brokers that a seed alone describes: its own cluster, its own workload, its own misfortunes. */
export function drawChronik(seed: number): ChronikScenario {
  const prng = seededPrng(`chronik swarm ${seed}`);
  const cluster = drawCluster(prng.fork('cluster'));
  const workload = drawWorkload(prng.fork('workload'), cluster.brokers);
  return {
    name: 'chronik',
    about:
      'Whatever befalls a cluster of three to five brokers, nothing that was acknowledged is lost, and a healed one serves.',
    cluster,
    workload,
    faults: drawFaults(prng.fork('faults'), cluster, workload),
    checks: 'all',
    durationUs,
    floors: { acknowledged: 1 },
  };
}

function drawCluster(prng: Prng): ChronikClusterPlan {
  const electionTimeoutUs = between(prng, 300, 1_000) * usPerMs;
  return {
    brokers: prng.chance(2, 3) ? 3 : between(prng, 4, 5),
    throughCodec: prng.chance(1, 3),
    raft: {
      electionTimeoutUs,
      heartbeatIntervalUs: Math.floor(electionTimeoutUs / between(prng, 4, 10)),
      cacheBytesMax: prng.chance(1, 3) ? between(prng, 0, 4) * bytesPerKib : defaultRaftOptions.cacheBytesMax,
      segmentBytesMax: prng.chance(2, 3)
        ? between(prng, 1, 32) * bytesPerKib
        : defaultRaftOptions.segmentBytesMax,
    },
    settings: {
      internalTopicPartitions: between(prng, 1, 3),
      brokerSessionTimeoutUs: between(prng, 1_500, 5_000) * usPerMs,
      replicaLagTimeMaxUs: between(prng, 1_000, 5_000) * usPerMs,
      groupInitialRebalanceDelayUs: between(prng, 0, 500) * usPerMs,
      // Few entries behind: whoever was away for long needs a snapshot.
      trailingEntries: prng.chance(1, 2) ? prng.below(60) : 5_000,
      requestTimeoutUs: between(prng, 2, 7) * usPerSecond,
    },
  };
}

function drawWorkload(prng: Prng, brokers: number): ChronikWorkloadPlan {
  const topics = Array.from({ length: between(prng, 1, 2) }, (_, at) =>
    drawTopic(prng.fork(`topic ${at}`), at, brokers),
  );
  return {
    topics,
    producers: Array.from({ length: between(prng, 1, 4) }, (_, at) =>
      drawProducer(prng.fork(`producer ${at}`), at),
    ),
    consumers: Array.from({ length: between(prng, 1, 2) }, (_, at) =>
      drawConsumer(prng.fork(`consumer ${at}`)),
    ),
    admin: prng.chance(1, 2) ? drawAdmin(prng.fork('admin')) : undefined,
  };
}

function drawTopic(prng: Prng, at: number, brokers: number): TopicPlan {
  const replicationFactor = prng.chance(3, 4) ? 3 : between(prng, 1, Math.min(brokers, 3));
  return {
    name: `Topic.${at}`,
    partitions: between(prng, 1, 3),
    replicationFactor,
    configs: {
      'min.insync.replicas': String(prng.chance(2, 3) ? Math.min(2, replicationFactor) : 1),
      ...(prng.chance(1, 8) ? { 'unclean.leader.election.enable': 'true' } : {}),
      // Wall clocks jump by years: by them, most records would be too old.
      ...(prng.chance(7, 8) ? { 'retention.ms': '-1' } : {}),
      // Small files make the log roll, so that cuts and starts meet more than one.
      ...(prng.chance(1, 2) ? { 'segment.bytes': String(between(prng, 1, 32) * bytesPerKib) } : {}),
    },
  };
}

/** The first is one that loses nothing, so that every run has something to lose. */
function drawProducer(prng: Prng, at: number): ProducerPlan {
  const idempotent = at === 0 || prng.chance(1, 2);
  const acks = idempotent ? -1 : ([-1, 0, 1] as const)[prng.below(3)];
  const thinkUsMin = between(prng, 1, 50) * usPerMs;
  return {
    acks: acks ?? -1,
    idempotent,
    inFlightMax: between(prng, 1, 5),
    recordsMax: between(prng, 1, 8),
    valueBytesMax: prng.chance(1, 3) ? between(prng, 100, 2_000) : 0,
    thinkUsMin,
    thinkUsMax: thinkUsMin + between(prng, 20, 500) * usPerMs,
    requestTimeoutUs: between(prng, 1_000, 6_000) * usPerMs,
  };
}

function drawConsumer(prng: Prng): ConsumerPlan {
  return {
    isolation: prng.chance(1, 2) ? 'readUncommitted' : 'readCommitted',
    requestTimeoutUs: between(prng, 1_000, 4_000) * usPerMs,
    pauseUsMax: between(prng, 1, 300) * usPerMs,
    fetchBytesMax: prng.chance(1, 2) ? between(prng, 100, 5_000) : 1_000_000,
  };
}

function drawAdmin(prng: Prng): NonNullable<ChronikWorkloadPlan['admin']> {
  const thinkUsMin = between(prng, 200, 2_000) * usPerMs;
  const weight = (most: number): number => (prng.chance(1, 3) ? 0 : 1 + prng.below(most));
  return {
    thinkUsMin,
    thinkUsMax: 3 * thinkUsMin,
    mix: {
      electPreferred: 1 + prng.below(3),
      reassign: weight(3),
      createTopic: weight(2),
      deleteTopic: weight(2),
      createPartitions: weight(1),
      minInsync: weight(1),
      deleteRecords: weight(1),
    },
  };
}

function drawFaults(
  prng: Prng,
  cluster: ChronikClusterPlan,
  workload: ChronikWorkloadPlan,
): readonly ChronikFault[] {
  const nodes = Array.from({ length: cluster.brokers }, (_, position) => nodeId(position + 1));
  const count = 1 + workload.producers.length + workload.consumers.length;
  const clients = Array.from({ length: count }, (_, client) => client);
  // All of them in some seeds; in others so few that a cluster comes to do what it is for.
  const keptOfTen = [2, 5, 10][prng.below(3)] ?? 10;
  const thinned = prng.fork('thinned');
  return drawFaultsOfKinds(prng, { nodes, clients, durationUs })
    .filter((fault): fault is ChronikFault => kinds.has(fault.kind) && thinned.chance(keptOfTen, 10))
    .sort((left, right) => left.atUs - right.atUs);
}
