import { nodeId } from '../core/base/ids.ts';
import { seededPrng } from '../sim/prng.ts';
import { between } from '../core/base/prng.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const members = 3;
const spares = 2;
const machines = Array.from({ length: members + spares }, (_, at) => nodeId(at + 1));
/** Every change twice, and every trouble. */
const rounds = 12;
const roundUs = 8 * usPerSecond;

export const membershipUnderFire: ScenarioSource = {
  name: 'membership-under-fire',
  about:
    'Members come, go, are promoted and hand over while others crash, pause and are cut off; each change happens whole or not at all.',
  plan: (seed) => ({
    name: membershipUnderFire.name,
    about: membershipUnderFire.about,
    cluster: {
      members,
      spares,
      // Whoever joins late needs a snapshot.
      config: { trailingEntries: seed % 2 === 0 ? 50 : 5_000 },
      throughCodec: seed % 4 === 0,
    },
    workload: {
      clients: 4,
      keys: 8,
      thinkUsMin: 2_000,
      thinkUsMax: 60_000,
      callTimeoutUs: 3 * usPerSecond,
      mix: { put: 40, get: 40, delete: 5, compareAndSwap: 10, txn: 5, range: 5, compact: 1 },
    },
    faults: Array.from({ length: rounds }, (_, round) => faultsOfRound(seed, round)).flat(),
    checks: 'all',
    durationUs: (rounds + 2) * roundUs,
    floors: {
      answered: 800,
      elections: 3,
      fired: {
        grow: 1,
        moveLeader: 1,
        replace: 1,
        promote: 1,
        shrink: 1,
        crash: 1,
        pause: 1,
        partition: 1,
        oneWay: 1,
        crashAll: 1,
      },
    },
  }),
};

/** A change of the members, and while it is under way something that may meet it. */
function faultsOfRound(seed: number, round: number): readonly Fault[] {
  const prng = seededPrng(`membership-under-fire ${seed} ${round}`);
  const atUs = (round + 1) * roundUs;
  const soonUs = (): number => atUs + between(prng, 1, 1_500) * usPerMs;
  const machine = machines[prng.below(machines.length)] ?? nodeId(1);
  const other = machines[prng.below(machines.length)] ?? nodeId(1);
  const changes: readonly Fault[] = [
    { kind: 'grow', atUs, as: 'voter' },
    { kind: 'moveLeader', atUs, node: machine },
    { kind: 'replace', atUs, node: machine },
    { kind: 'grow', atUs, as: 'learner' },
    { kind: 'promote', atUs },
    { kind: 'shrink', atUs, node: machine },
  ];
  const rest = machines.filter((node) => node !== other);
  const troubles: readonly Fault[] = [
    { kind: 'crash', atUs: soonUs(), node: other, downUs: 2 * usPerSecond },
    { kind: 'pause', atUs: soonUs(), node: other, forUs: 3 * usPerSecond },
    { kind: 'partition', atUs: soonUs(), forUs: 3 * usPerSecond, side: [other], otherSide: rest },
    { kind: 'oneWay', atUs: soonUs(), forUs: 3 * usPerSecond, from: [other], to: rest },
    { kind: 'crashAll', atUs: soonUs(), downUs: usPerSecond },
  ];
  // Each seed has every trouble, but meets every change with another.
  const trouble = troubles[(seed + round * 3) % troubles.length];
  const change = changes[round % changes.length];
  return [change, trouble].filter((fault) => fault !== undefined);
}
