import { nodeId } from '../core/base/ids.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { seededPrng } from '../sim/prng.ts';
import { type Fault, type ScenarioSource, type WorkloadPlan } from '../sim/types.ts';

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

export const aimedMembershipScenarios: readonly ScenarioSource[] = [changingMembers];
