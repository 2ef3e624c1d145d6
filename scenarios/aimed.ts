import { type NodeId, nodeId } from '../core/base/ids.ts';
import { between } from '../core/base/prng.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { seededPrng } from '../sim/prng.ts';
import { type Fault } from '../sim/fault.ts';
import { type Scenario, type ScenarioSource, type WorkloadPlan } from '../sim/types.ts';

/**
 * Scenarios aimed at one kind of bug each, for mutants that the swarm seldom meets. Everything in them is legitimate: the
 * system as it is passes them, and `photon sim mutants` checks that it does.
 */
const electionTimeoutUs = 300 * usPerMs;
const durationUs = 60 * usPerSecond;

const writes: WorkloadPlan = {
  clients: 6,
  keys: 3,
  thinkUsMin: 1_000,
  thinkUsMax: 20_000,
  callTimeoutUs: 2 * usPerSecond,
  mix: {
    put: 10,
    get: 3,
    serializableGet: 0,
    // Half of the calls end with nobody knowing; only what touches one key each is then still decidable.
    delete: 0,
    compareAndSwap: 2,
    txn: 0,
    range: 0,
    historicRange: 0,
    compact: 0,
  },
};

function aimed(
  about: string,
  name: string,
  draw: (seed: number) => Pick<Scenario, 'cluster' | 'workload' | 'faults'>,
): ScenarioSource {
  return { name, about, plan: (seed) => ({ name, about, ...draw(seed), checks: 'all', durationUs }) };
}

/**
 * Figure 8 of the Raft paper, acted out as far as a schedule can: the network lets one member alone win the elections of a
 * while. (a) The first leads and is cut off with entries that nobody else
 * has. (b) The last wins the next term and is cut off before its own entry gets anywhere. (c) The first is back, wins, and
 * spreads its old entries one by one; (d) it loses its power under way, and the last wins and overwrites them.
 */
const figure8 = aimed(
  'Leaders change while they spread entries of earlier terms, one by one.',
  'figure-8',
  (seed) => {
    const prng = seededPrng(`figure-8 ${seed}`);
    const faults: Fault[] = [
      { kind: 'slowNetwork', atUs: usPerSecond, forUs: durationUs, factor: between(prng, 10, 40) },
    ];
    const ms = (from: number, to: number): number => between(prng, from, to) * usPerMs;
    for (let atUs = usPerSecond; atUs < durationUs - 10 * usPerSecond;) {
      const turn = prng.below(5);
      const [first, second, third, fourth, last] = [0, 1, 2, 3, 4].map((step) =>
        nodeId(((turn + step) % 5) + 1),
      ) as [NodeId, NodeId, NodeId, NodeId, NodeId];
      const nodes = [first, second, third, fourth, last];
      const leads = ms(1_500, 2_500);
      faults.push(...onlyThrough(first, nodes, atUs, leads));
      atUs += leads;
      const apart = ms(1_800, 3_000);
      faults.push(
        isolated(first, nodes, atUs, apart),
        ...onlyThrough(last, [second, third, fourth, last], atUs, apart),
      );
      faults.push({
        kind: 'oneWay',
        atUs,
        forUs: apart,
        from: [last],
        to: [second, third, fourth],
        moment: 'elected',
      });
      atUs += apart;
      const back = ms(1_000, 2_500);
      faults.push(
        isolated(last, nodes, atUs, back),
        ...onlyThrough(first, [first, second, third, fourth], atUs, back),
      );
      atUs += back;
      faults.push({ kind: 'crash', atUs, node: first, downUs: 2 * usPerSecond });
      faults.push(...onlyThrough(last, [second, third, fourth, last], atUs, 2 * usPerSecond));
      atUs += 3 * usPerSecond;
    }
    const raft = {
      ...defaultRaftOptions,
      electionTimeoutUs,
      heartbeatIntervalUs: 100 * usPerMs,
      appendBytesMax: 1,
      inflightAppendsMax: 1,
    };
    // Many clients leave many entries behind with a leader that is cut off, and so a long way to spread them.
    const workload = { ...writes, clients: 24, keys: 12, callTimeoutUs: usPerSecond };
    return { cluster: { members: 5, config: { raft }, throughCodec: false }, workload, faults };
  },
);

/** Of these members, only `centre` can speak with the others. */
function onlyThrough(centre: NodeId, members: readonly NodeId[], atUs: number, forUs: number): Fault[] {
  const others = members.filter((member) => member !== centre);
  return others.map((member) => isolated(member, others, atUs, forUs));
}

function isolated(node: NodeId, members: readonly NodeId[], atUs: number, forUs: number): Fault {
  return {
    kind: 'partition',
    atUs,
    forUs,
    side: [node],
    otherSide: members.filter((member) => member !== node),
  };
}

/** Nobody leads for long, and whoever votes loses its power at once. */
const crashingVoters = aimed(
  'Members vote, crash in the middle of the sync, and come back at once.',
  'crashing-voters',
  (seed) => {
    const prng = seededPrng(`crashing-voters ${seed}`);
    const faults: Fault[] = [1, 2, 3].map((node): Fault => ({
      kind: 'slowDisk',
      atUs: 0,
      forUs: durationUs,
      node: nodeId(node),
      factor: between(prng, 10, 60),
    }));
    faults.push({ kind: 'slowNetwork', atUs: 0, forUs: durationUs, factor: between(prng, 1, 60) });
    for (let atUs = usPerSecond; atUs < durationUs; atUs += between(prng, 900, 1_800) * usPerMs) {
      const node = nodeId(between(prng, 1, 3));
      const others = [1, 2, 3].map(nodeId).filter((other) => other !== node);
      faults.push({ kind: 'partition', atUs, forUs: 900 * usPerMs, side: [node], otherSide: others });
      // One of those who are left, or else nobody would be there to vote. Between two leaders, only votes are written.
      const voter = others[prng.below(others.length)] ?? node;
      const downUs = between(prng, 1, 50) * usPerMs;
      const crashUs = atUs + between(prng, 50, 900) * usPerMs;
      if (prng.chance(1, 2)) faults.push({ kind: 'crash', atUs: crashUs, node: voter, downUs });
      else faults.push({ kind: 'crash', atUs: crashUs, node: voter, downUs, moment: 'syncing' });
    }
    const raft = { ...defaultRaftOptions, electionTimeoutUs, heartbeatIntervalUs: 60 * usPerMs };
    const workload = { ...writes, thinkUsMin: 100 * usPerMs, thinkUsMax: 400 * usPerMs };
    return { cluster: { members: 3, config: { raft }, throughCodec: false }, workload, faults };
  },
);

/** One member, power failing now and then. */
const loneMember = aimed('A cluster of one loses its power, again and again.', 'lone-member', (seed) => {
  const prng = seededPrng(`lone-member ${seed}`);
  const faults: Fault[] = [];
  for (let atUs = 2 * usPerSecond; atUs < durationUs; atUs += between(prng, 1, 5) * usPerSecond) {
    faults.push({ kind: 'crash', atUs, node: nodeId(1), downUs: 200 * usPerMs, moment: 'syncing' });
  }
  return { cluster: { members: 1, config: {}, throughCodec: false }, workload: writes, faults };
});

/** Cut-off leaders go on appending what never commits, while the others go on without them; then they meet again. */
const divergingLogs = aimed(
  'Logs grow apart in many terms, and long wrong ones meet short right ones.',
  'diverging-logs',
  (seed) => {
    const prng = seededPrng(`diverging-logs ${seed}`);
    const nodes = [1, 2, 3, 4, 5].map(nodeId);
    const faults: Fault[] = [];
    for (let atUs = usPerSecond; atUs < durationUs; atUs += between(prng, 300, 2_500) * usPerMs) {
      const turn = prng.below(nodes.length);
      const mixed = [...nodes.slice(turn), ...nodes.slice(0, turn)];
      const size = between(prng, 1, 2);
      const forUs = between(prng, 300, 2_500) * usPerMs;
      faults.push({
        kind: 'partition',
        atUs,
        forUs,
        side: mixed.slice(0, size),
        otherSide: mixed.slice(size),
      });
      const crashed = mixed[0] ?? nodeId(1);
      if (prng.chance(1, 4))
        faults.push({
          kind: 'crash',
          atUs: atUs + Math.floor(forUs / 2),
          node: crashed,
          downUs: between(prng, 100, 1_000) * usPerMs,
        });
    }
    const raft = {
      ...defaultRaftOptions,
      electionTimeoutUs,
      heartbeatIntervalUs: 60 * usPerMs,
      appendBytesMax: between(prng, 1, 300),
    };
    return { cluster: { members: 5, config: { raft }, throughCodec: false }, workload: writes, faults };
  },
);

/**
 * A member that leads is stopped for as long as it takes to elect another. When it goes on, what waits for it is in the
 * order in which it came: requests of readers, late answers to its last heartbeats, and only then news of its successor.
 */
const pausedLeader = aimed(
  'Leaders are paused while others replace them, and go on with what waits for them.',
  'paused-leader',
  (seed) => {
    const prng = seededPrng(`paused-leader ${seed}`);
    const nodes = [1, 2, 3].map(nodeId);
    const faults: Fault[] = [
      { kind: 'slowNetwork', atUs: 0, forUs: durationUs, factor: between(prng, 1, 20) },
    ];
    for (let atUs = usPerSecond; atUs < durationUs; atUs += between(prng, 2_500, 3_500) * usPerMs) {
      const node = nodeId(between(prng, 1, 3));
      const forUs = between(prng, 1_000, 1_800) * usPerMs;
      faults.push({ kind: 'pause', atUs, node, forUs });
      // News of the successor is lost, or held back together with what is older.
      if (prng.chance(1, 2)) {
        faults.push(isolated(node, nodes, atUs, forUs + 100 * usPerMs));
        continue;
      }
      const earlyUs = between(prng, 0, 100) * usPerMs;
      const lateUs = between(prng, 0, 30) * usPerMs;
      for (const from of nodes.filter((other) => other !== node)) {
        faults.push({ kind: 'clog', atUs: atUs - earlyUs, forUs: earlyUs + forUs - lateUs, from, to: node });
      }
    }
    const raft = { ...defaultRaftOptions, electionTimeoutUs, heartbeatIntervalUs: 60 * usPerMs };
    const workload = { ...writes, clients: 12, keys: 2, mix: { ...writes.mix, get: 20 } };
    return { cluster: { members: 3, config: { raft }, throughCodec: false }, workload, faults };
  },
);

/** Stores that are far behind their logs, which keep as little as they may, when the power fails. */
const slowStores = aimed(
  'Power fails while the stores are seconds behind logs that keep nothing.',
  'slow-stores',
  (seed) => {
    const prng = seededPrng(`slow-stores ${seed}`);
    const faults: Fault[] = [];
    for (let atUs = usPerSecond; atUs < durationUs; atUs += between(prng, 1, 5) * usPerSecond) {
      const node = nodeId(between(prng, 1, 3));
      const forUs = between(prng, 500, 2_000) * usPerMs;
      faults.push({ kind: 'slowDisk', atUs, forUs: forUs + 1, node, factor: between(prng, 20, 500) });
      faults.push({ kind: 'crash', atUs: atUs + forUs, node, downUs: between(prng, 10, 500) * usPerMs });
    }
    const raft = { ...defaultRaftOptions, segmentBytesMax: 1_024, cacheBytesMax: 4_096 };
    return {
      cluster: { members: 3, config: { raft, trailingEntries: 0 }, throughCodec: false },
      workload: writes,
      faults,
    };
  },
);

/** Snapshots on a slow network, overtaken by the appends of another leader that still had the entries. */
const lateSnapshots = aimed(
  'Snapshots are under way for long, while leaders change and members catch up otherwise.',
  'late-snapshots',
  (seed) => {
    const prng = seededPrng(`late-snapshots ${seed}`);
    const nodes = [1, 2, 3, 4, 5].map(nodeId);
    const faults: Fault[] = [
      { kind: 'slowNetwork', atUs: 0, forUs: durationUs, factor: between(prng, 20, 100) },
    ];
    for (let atUs = usPerSecond; atUs < durationUs; atUs += between(prng, 500, 3_000) * usPerMs) {
      const node = nodeId(between(prng, 1, 5));
      const forUs = between(prng, 300, 3_000) * usPerMs;
      if (prng.chance(1, 2)) faults.push(isolated(node, nodes, atUs, forUs));
      else faults.push({ kind: 'crash', atUs, node, downUs: forUs });
    }
    const raft = { ...defaultRaftOptions, electionTimeoutUs, heartbeatIntervalUs: 100 * usPerMs };
    const config = { raft, trailingEntries: between(prng, 0, 30) };
    const mix = { ...writes.mix, lease: 2, watch: 1 };
    const workload = { ...writes, mix, keys: 40, valueBytesMax: 2_000 };
    return { cluster: { members: 5, config, throughCodec: false }, workload, faults };
  },
);

/**
 * The leader of the moment is cut off from the others, not from its readers, as its clock goes slow and theirs go fast, all by
 * as much as is allowed: they elect its successor as early, and it counts on its lease for as long, as can be.
 */
const leaseholderCutOff = aimed(
  'Leaders that read on a lease are cut off, their clocks slow and the others’ fast.',
  'leaseholder-cut-off',
  (seed) => {
    const prng = seededPrng(`leaseholder-cut-off ${seed}`);
    const nodes = [1, 2, 3, 4, 5].map(nodeId);
    const clockDriftPpmMax = 100_000;
    const faults: Fault[] = [];
    for (let atUs = 2 * usPerSecond, turn = 0; atUs < durationUs; atUs += 3_500 * usPerMs, turn += 1) {
      const node = nodes[turn % nodes.length] ?? nodeId(1);
      for (const other of nodes) {
        const driftPpm = other === node ? -clockDriftPpmMax : clockDriftPpmMax;
        faults.push({ kind: 'clockDrift', atUs: atUs - usPerSecond, node: other, driftPpm });
      }
      faults.push(isolated(node, nodes, atUs + between(prng, 0, 200) * usPerMs, 2 * usPerSecond));
    }
    const leaseReads = { clockDriftPpmMax };
    const raft = {
      ...defaultRaftOptions,
      electionTimeoutUs: 600 * usPerMs,
      heartbeatIntervalUs: 60 * usPerMs,
      leaseReads,
    };
    // Who writes to a leader that is cut off waits, and reads no more: nearly all read.
    const workload: WorkloadPlan = {
      ...writes,
      clients: 15,
      keys: 1,
      thinkUsMin: 2_000,
      thinkUsMax: 15_000,
      callTimeoutUs: usPerSecond,
      mix: { put: 3, get: 100 },
    };
    return {
      cluster: { members: 5, config: { raft, clockDriftPpmMax }, throughCodec: false },
      workload,
      faults,
    };
  },
);

export const aimedScenarios: readonly ScenarioSource[] = [
  figure8,
  crashingVoters,
  loneMember,
  divergingLogs,
  pausedLeader,
  slowStores,
  lateSnapshots,
  leaseholderCutOff,
];
