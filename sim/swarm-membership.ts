import { type NodeId } from '../core/base/ids.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from './fault.ts';

type Draw = (prng: Prng, atUs: number, node: NodeId) => Fault;

/** How the swarm draws a change of the members of each kind. */
const membershipDrawers: ReadonlyMap<string, Draw> = new Map<string, Draw>([
  ['replace', (_, atUs, node) => ({ kind: 'replace', atUs, node })],
  ['wipe', (_, atUs, node) => ({ kind: 'wipe', atUs, node })],
  ['grow', (prng, atUs) => ({ kind: 'grow', atUs, as: prng.chance(1, 2) ? 'voter' : 'learner' })],
  ['shrink', (_, atUs, node) => ({ kind: 'shrink', atUs, node })],
  ['promote', (_, atUs) => ({ kind: 'promote', atUs })],
  ['moveLeader', (_, atUs, node) => ({ kind: 'moveLeader', atUs, node })],
]);

/** Machines beside those of the initial members: none in every other seed, whose members stay what they are. */
export function drawSpares(prng: Prng): number {
  return prng.chance(1, 2) ? between(prng, 1, 2) : 0;
}

/**
 * Each kind is on in most of the seeds whose members change, from a stream of its own, and often: the others' trouble keeps
 * many a change from coming about, and the atlas many a disk from being lost.
 */
export function drawMembershipFaults(
  prng: Prng,
  nodes: readonly NodeId[],
  durationUs: number,
): readonly Fault[] {
  const faults: Fault[] = [];
  for (const [kind, draw] of membershipDrawers) {
    const own = prng.fork(kind);
    if (own.chance(1, 3)) continue;
    const meanUs = between(own, 3, 15) * usPerSecond;
    for (let atUs = own.below(meanUs); atUs < durationUs; atUs += 1 + own.below(2 * meanUs)) {
      const node = nodes[own.below(nodes.length)];
      if (node !== undefined) faults.push(draw(own, atUs, node));
    }
  }
  return faults;
}
