import { type NodeId, nodeId } from '../core/base/ids.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions } from '../core/raft/types.ts';
import { seededPrng } from '../sim/prng.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource, type WorkloadPlan } from '../sim/types.ts';

const members = 3;
const spares = 2;
const machines = Array.from({ length: members + spares }, (_, at) => nodeId(at + 1));
const roundUs = 1_500 * usPerMs;
const rounds = 24;

/** Few operations: what is looked for are changes of the members. */
const workload: WorkloadPlan = {
  clients: 2,
  keys: 2,
  thinkUsMin: 20 * usPerMs,
  thinkUsMax: 200 * usPerMs,
  callTimeoutUs: 2 * usPerSecond,
  mix: { put: 5, get: 1 },
};

/** One change upon the other, with members cut off at any moment of it: for mutants of the membership, quick to run. */
const changingMembers: ScenarioSource = {
  name: 'changing-members',
  about: 'One change of the members upon the other, while leaders are cut off in the middle of them.',
  plan: (seed) => {
    const prng = seededPrng(`changing-members ${seed}`);
    return {
      name: changingMembers.name,
      about: changingMembers.about,
      cluster: { members, spares, config: { requestTimeoutUs: usPerSecond }, throughCodec: false },
      workload,
      faults: Array.from({ length: rounds }, (_, round) => [
        change(prng, (round + 1) * roundUs),
        trouble(prng, (round + 1) * roundUs),
      ]).flat(),
      checks: 'all',
      durationUs: (rounds + 3) * roundUs,
    };
  },
};

function change(prng: Prng, atUs: number): Fault {
  const node = oneOf(prng, machines);
  const changes: readonly Fault[] = [
    { kind: 'grow', atUs, as: 'voter' },
    { kind: 'grow', atUs, as: prng.chance(1, 2) ? 'learner' : 'voter' },
    { kind: 'replace', atUs, node },
    { kind: 'shrink', atUs, node },
    { kind: 'promote', atUs },
    { kind: 'wipe', atUs, node },
  ];
  return oneOf(prng, changes);
}

function trouble(prng: Prng, changeUs: number): Fault {
  const atUs = changeUs + between(prng, 1, 400) * usPerMs;
  const forUs = between(prng, 100, 1_500) * usPerMs;
  const node = oneOf(prng, machines);
  const rest = machines.filter((other) => other !== node);
  const half = machines.filter(() => prng.chance(1, 2));
  const others = machines.filter((other) => !half.includes(other));
  const troubles: readonly Fault[] = [
    { kind: 'partition', atUs, forUs, side: [node], otherSide: rest },
    { kind: 'oneWay', atUs, forUs, from: [node], to: rest },
    { kind: 'pause', atUs, node, forUs },
    { kind: 'crash', atUs, node, downUs: forUs },
    half.length > 0 && others.length > 0
      ? { kind: 'partition', atUs, forUs, side: half, otherSide: others }
      : { kind: 'lossy', atUs, forUs, lossPpm: 300_000, duplicatePpm: 0, reorderPpm: 200_000 },
  ];
  return oneOf(prng, troubles);
}

function oneOf<T>(prng: Prng, items: readonly T[]): T {
  return items[prng.below(items.length)] as T;
}

const halvesRounds = 8;
const halvesRoundUs = 6 * usPerSecond;
/** A leader that was asked to take over leads by then, most of the time. */
const settleUs = usPerSecond;

/**
 * One of four is taken out while the other two hear the leader and are not heard: they hold the joint configuration, nobody
 * learns that they do, and once the leader has given up they want another. They are a majority of the three that are to be,
 * and half of the four that are.
 *
 * There must be an even number of voters before the change. Where there is an odd one, every majority of one voter more or
 * less includes a majority of the old ones, and nothing tells an election by the new voters from one by both.
 */
const halvesOfFour: ScenarioSource = {
  name: 'halves-of-four',
  about: 'Half of four voters, a majority of the three to be, is left alone with the joint configuration.',
  plan: (seed) => {
    const prng = seededPrng(`halves-of-four ${seed}`);
    const raft = {
      ...defaultRaftOptions,
      electionTimeoutUs: 300 * usPerMs,
      heartbeatIntervalUs: 60 * usPerMs,
    };
    return {
      name: halvesOfFour.name,
      about: halvesOfFour.about,
      cluster: { members: 4, config: { raft, requestTimeoutUs: usPerSecond }, throughCodec: false },
      workload,
      faults: Array.from({ length: halvesRounds }, (_, round) =>
        halvesFaults(prng, (round + 1) * halvesRoundUs),
      ).flat(),
      checks: 'all',
      durationUs: (halvesRounds + 2) * halvesRoundUs,
      floors: { answered: 200, elections: 4, fired: { moveLeader: 1, replace: 2, oneWay: 4 } },
    };
  },
};

/** The change takes a few syncs one after the other: on slow disks, its middle is long enough to be met. */
function halvesFaults(prng: Prng, atUs: number): readonly Fault[] {
  const turn = prng.below(4);
  const [leader, leaver, ...pair] = [0, 1, 2, 3].map((step) => nodeId(((turn + step) % 4) + 1)) as [
    NodeId,
    NodeId,
    NodeId,
    NodeId,
  ];
  const changeUs = atUs + settleUs;
  const cutUs = changeUs + between(prng, 10, 200) * usPerMs;
  return [
    { kind: 'moveLeader', atUs, node: leader },
    ...pair.map((node): Fault => ({
      kind: 'slowDisk',
      atUs: changeUs,
      forUs: usPerSecond,
      node,
      factor: 40,
    })),
    { kind: 'replace', atUs: changeUs, node: leaver },
    { kind: 'oneWay', atUs: cutUs, forUs: 2 * usPerSecond, from: pair, to: [leader, leaver] },
  ];
}

export const aimedMembershipScenarios: readonly ScenarioSource[] = [changingMembers, halvesOfFour];
