import { type NodeId, nodeId } from '../core/base/ids.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { bytesPerKib, bytesPerMib, usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultMemberConfig } from '../core/chainfire/member.ts';
import { defaultRaftOptions, type RaftOptions } from '../core/raft/types.ts';
import { quietDriftPpmMax } from './cluster.ts';
import { seededPrng } from './prng.ts';
import { drawBackups } from './swarm-backups.ts';
import { drawFaultsOfKinds } from './swarm-faults.ts';
import { drawMembershipFaults, drawSpares } from './swarm-membership.ts';
import { type Fault } from './fault.ts';
import { type ClusterPlan, type Scenario, type WorkloadPlan } from './types.ts';

const million = 1_000_000;
/** At least a minute of simulated time a seed. */
const durationUs = 60 * usPerSecond;

/** The run that a seed alone describes: its own cluster, its own workload, its own misfortunes. */
export function drawScenario(seed: number): Scenario {
  const prng = seededPrng(`swarm ${seed}`);
  const drawn = drawCluster(prng.fork('cluster'));
  const workload = drawWorkload(prng.fork('workload'));
  const faults = drawFaults(prng.fork('faults'), drawn, workload);
  const backups = drawBackups(prng.fork('backups'), workload, durationUs);
  const allFaults = [...faults, ...(backups?.restore?.faults ?? [])];
  const cluster = {
    ...drawn,
    config: { ...drawn.config, ...drawClocks(prng.fork('clocks'), drawn, allFaults) },
  };
  return {
    name: 'swarm',
    about:
      'Whatever befalls a cluster of one to five members, and whoever comes and goes, nothing wrong is observed, and a healed core serves.',
    cluster,
    workload,
    faults,
    ...(backups === undefined ? {} : { backups }),
    checks: 'all',
    durationUs,
  };
}

function drawCluster(prng: Prng): ClusterPlan {
  const size = prng.below(20);
  return {
    members: size < 2 ? 1 : size < 15 ? 3 : 5,
    spares: drawSpares(prng.fork('spares')),
    throughCodec: prng.chance(1, 3),
    config: {
      raft: drawRaftOptions(prng.fork('raft')),
      // Few entries behind: whoever was away for long needs a snapshot.
      trailingEntries: prng.chance(1, 2) ? prng.below(60) : 5_000,
      compactionBatch: between(prng, 1, 50),
      requestTimeoutUs: between(prng, 2, 7) * usPerSecond,
      storeBacklogBytesMax: prng.chance(1, 4) ? between(prng, 1, 16) * bytesPerKib : 64 * bytesPerMib,
      ...drawStreams(prng.fork('streams')),
      ...drawAutoCompaction(prng.fork('autoCompaction')),
    },
  };
}

/** In some clusters history goes by itself, so soon that clients, watches and snapshots meet it. */
function drawAutoCompaction(prng: Prng): ClusterPlan['config'] {
  if (!prng.chance(1, 4)) return {};
  if (prng.chance(1, 2)) return { autoCompaction: { retentionUs: between(prng, 2, 15) * usPerSecond } };
  const intervalUs = between(prng, 200, 5_000) * usPerMs;
  return { autoCompaction: { revisions: between(prng, 5, 200), intervalUs } };
}

/** Small bounds make watches fall behind and catch up from history; often enough they are told of progress. */
function drawStreams(prng: Prng): ClusterPlan['config'] {
  return {
    streamBytesMax: prng.chance(1, 3) ? between(prng, 200, 4_000) : defaultMemberConfig.streamBytesMax,
    watchFragmentBytes: prng.chance(1, 3) ? between(prng, 50, 1_000) : defaultMemberConfig.watchFragmentBytes,
    watchProgressIntervalUs: between(prng, 200, 10_000) * usPerMs,
  };
}

/**
 * What members are told that clocks may drift by: two that drift apart as far as any fault of this run makes them. A lease
 * or a leader's word that lasted by a worse clock than that would be nobody's fault.
 */
function drawClocks(prng: Prng, drawn: ClusterPlan, faults: readonly Fault[]): ClusterPlan['config'] {
  let driftPpm = quietDriftPpmMax;
  for (const fault of faults) {
    if (fault.kind === 'clockDrift') driftPpm = Math.max(driftPpm, Math.abs(fault.driftPpm));
  }
  const raft = drawn.config.raft ?? defaultRaftOptions;
  return {
    clockDriftPpmMax: Math.ceil((2 * driftPpm * million) / (million - driftPpm)),
    raft: { ...raft, leaseReads: prng.chance(1, 3) ? { clockDriftPpmMax: driftPpm } : undefined },
  };
}

function drawRaftOptions(prng: Prng): RaftOptions {
  const electionTimeoutUs = between(prng, 300, 1_000) * usPerMs;
  return {
    ...defaultRaftOptions,
    electionTimeoutUs,
    heartbeatIntervalUs: Math.floor(electionTimeoutUs / between(prng, 4, 10)),
    appendBytesMax: prng.chance(1, 4) ? between(prng, 100, 2_000) : defaultRaftOptions.appendBytesMax,
    inflightAppendsMax: prng.chance(1, 4) ? between(prng, 1, 4) : defaultRaftOptions.inflightAppendsMax,
    // Small caches make followers' catch-up read the log's files, small files make it roll and be cut.
    cacheBytesMax: prng.chance(1, 3) ? between(prng, 0, 4) * bytesPerKib : defaultRaftOptions.cacheBytesMax,
    segmentBytesMax: prng.chance(2, 3)
      ? between(prng, 1, 32) * bytesPerKib
      : defaultRaftOptions.segmentBytesMax,
    pendingReadsMax: prng.chance(1, 8) ? between(prng, 1, 4) : defaultRaftOptions.pendingReadsMax,
  };
}

function drawWorkload(prng: Prng): WorkloadPlan {
  const thinkUsMin = between(prng, 1, 50) * usPerMs;
  /** Some operations dominate, some do not occur. */
  const weight = (most: number): number => (prng.chance(1, 4) ? 0 : prng.below(most + 1));
  return {
    clients: between(prng, 1, 6),
    keys: prng.chance(1, 2) ? between(prng, 1, 5) : between(prng, 6, 60),
    thinkUsMin,
    thinkUsMax: thinkUsMin + between(prng, 50, 600) * usPerMs,
    callTimeoutUs: between(prng, 2, 10) * usPerSecond,
    clientLifeUsMax: prng.fork('lives').chance(1, 4) ? 20 * usPerSecond : undefined,
    mix: {
      // Never nothing at all: a run without writes proves nothing.
      put: 2 + prng.below(8),
      get: 1 + prng.below(8),
      serializableGet: weight(4),
      delete: weight(4),
      compareAndSwap: weight(6),
      txn: weight(6),
      range: weight(4),
      historicRange: weight(3),
      compact: weight(2),
      ...drawServices(prng.fork('services')),
      ...(prng.fork('namespaces').chance(1, 4) ? { namespace: 1 } : {}),
    },
  };
}

/** Some seeds have all of them, some one, and some none: keys and values alone, as ever. */
function drawServices(prng: Prng): WorkloadPlan['mix'] {
  if (prng.chance(1, 3)) return {};
  const weight = (most: number): number => (prng.chance(1, 3) ? 0 : 1 + prng.below(most));
  return { lease: weight(2), watch: weight(3), lock: weight(2) };
}

function drawFaults(prng: Prng, cluster: ClusterPlan, workload: WorkloadPlan): readonly Fault[] {
  const { members, spares = 0 } = cluster;
  const nodes: readonly NodeId[] = Array.from({ length: members + spares }, (_, position) =>
    nodeId(position + 1),
  );
  const clients = Array.from({ length: workload.clients }, (_, client) => client);
  const faults = [...drawFaultsOfKinds(prng, { nodes, clients, durationUs })];
  if (spares > 0) faults.push(...drawMembershipFaults(prng.fork('membership'), nodes, durationUs));
  return faults.sort((left, right) => left.atUs - right.atUs);
}
