import { assert, present } from '../../base/assert.ts';
import { type NodeId } from '../../base/ids.ts';
import { refused } from '../../base/refusal.ts';
import { type ReplicaAssignment } from './commands.ts';
import { type MetadataRefusal } from './outcomes.ts';
import { standingOf } from './refusals.ts';
import { type BrokerState } from './rows.ts';
import { type MetadataState } from './state.ts';

/** Replicas of each partition, the preferred leader first. */
export type Placement = readonly (readonly NodeId[])[];

/** A broker that partitions are placed on, and what it would have if they were. */
interface Candidate {
  readonly broker: BrokerState;
  readonly isActive: boolean;
  /** Among all candidates, by id. */
  readonly position: number;
  replicas: number;
  preferred: number;
}

/**
 * Spreads partitions over brokers: each is led by the active broker that is the preferred leader of fewest, and kept besides by
 * those that keep fewest, of racks that the partition is not in yet where there are such. Of equals the next one in a circle
 * that shifts with every round, so that the partitions of a broker that fails are not all led by one other.
 *
 * A fenced broker is chosen only where there are too few others: it takes its part when it comes back.
 */
export function placeReplicas(
  state: MetadataState,
  wanted: { readonly count: number; readonly factor: number },
): Placement | MetadataRefusal {
  const { count, factor } = wanted;
  const candidates = state.brokers.map((broker, position): Candidate => {
    const { replicas, preferred } = state.load(broker.id);
    return { broker, position, isActive: state.isActive(broker.id), replicas, preferred };
  });
  if (factor > candidates.length) {
    const problem = `a partition cannot have ${factor} replicas: there are ${candidates.length} brokers`;
    return refused('INVALID_REPLICATION_FACTOR', problem);
  }
  if (!candidates.some(({ isActive }) => isActive)) {
    return refused('INVALID_REPLICATION_FACTOR', 'no broker is active: each is fenced or about to stop');
  }
  const placement: NodeId[][] = [];
  for (let partition = 0; partition < count; partition += 1) {
    placement.push(placeOne(candidates, factor, Math.floor(partition / candidates.length)));
  }
  return placement;
}

function placeOne(candidates: readonly Candidate[], factor: number, round: number): NodeId[] {
  const leader = least(candidates, ({ isActive, preferred, replicas, position }) =>
    isActive ? [preferred, replicas, position] : undefined,
  );
  const chosen = [leader];
  const size = candidates.length;
  while (chosen.length < factor) {
    const next = least(candidates, (candidate) => {
      if (chosen.includes(candidate)) return undefined;
      const sharing = chosen.filter(({ broker }) => sharesRack(broker, candidate.broker)).length;
      const distance = (candidate.position - leader.position - 1 + size + round * (size - 1)) % size;
      return [candidate.isActive ? 0 : 1, sharing, candidate.replicas, distance];
    });
    chosen.push(next);
  }
  leader.preferred += 1;
  for (const candidate of chosen) candidate.replicas += 1;
  return chosen.map(({ broker }) => broker.id);
}

function sharesRack(left: BrokerState, right: BrokerState): boolean {
  return left.rack !== undefined && left.rack === right.rack;
}

/** The candidate whose rank is least, compared number by number; those without one are out of the question. */
function least(
  candidates: readonly Candidate[],
  rankOf: (candidate: Candidate) => readonly number[] | undefined,
): Candidate {
  let best: Candidate | undefined;
  let bestRank: readonly number[] = [];
  for (const candidate of candidates) {
    const rank = rankOf(candidate);
    if (rank === undefined || (best !== undefined && !isLess(rank, bestRank))) continue;
    best = candidate;
    bestRank = rank;
  }
  return present(best, 'there are as many candidates as replicas');
}

function isLess(left: readonly number[], right: readonly number[]): boolean {
  for (const [at, value] of left.entries()) {
    const other = right[at] ?? 0;
    if (value !== other) return value < other;
  }
  return false;
}

/**
 * Replicas as somebody has assigned them.
 *
 * @param first number of the first partition that is assigned; the others follow it without a gap
 * @param factor replicas that each must have; undefined: as many as the first has
 */
export function placeAssigned(
  state: MetadataState,
  assignments: readonly ReplicaAssignment[],
  { first, factor }: { readonly first: number; readonly factor: number | undefined },
): Placement | MetadataRefusal {
  assert(assignments.length > 0, 'something is assigned');
  const byPartition = new Map(assignments.map(({ partition, brokers }) => [partition, brokers]));
  if (byPartition.size < assignments.length) return invalid('a partition is assigned twice');
  const placement: (readonly NodeId[])[] = [];
  let size = factor;
  for (let partition = first; partition < first + assignments.length; partition += 1) {
    const brokers = byPartition.get(partition);
    if (brokers === undefined) {
      const range = `${first} to ${first + assignments.length - 1}`;
      return invalid(`partitions are to be assigned without a gap, ${range}: ${partition} is missing`);
    }
    const refusal = refuseReplicas(state, brokers);
    if (refusal !== undefined) return refusal;
    size ??= brokers.length;
    if (brokers.length !== size) {
      return invalid(`partition ${partition} is assigned ${brokers.length} replicas, others ${size}`);
    }
    if (!brokers.some((id) => state.isActive(id))) {
      const standings = brokers.map((id) => `${id} ${standingOf(state.broker(id))}`).join(', ');
      return invalid(`no broker of partition ${partition} is active: ${standings}`);
    }
    placement.push(brokers as readonly NodeId[]);
  }
  return placement;
}

/** @returns a refusal unless these are brokers that are registered, at least one, and each once */
export function refuseReplicas(
  state: MetadataState,
  brokers: readonly number[],
): MetadataRefusal | undefined {
  if (brokers.length === 0) return invalid('a partition has at least one replica');
  if (new Set(brokers).size < brokers.length) {
    return invalid(`a broker is named twice among the replicas ${brokers.join(', ')}`);
  }
  const unknown = brokers.find((id) => state.broker(id) === undefined);
  if (unknown === undefined) return undefined;
  const known = state.brokers.map(({ id }) => id).join(', ');
  return invalid(`broker ${unknown} is not registered; registered are ${known}`);
}

function invalid(message: string): MetadataRefusal {
  return refused('INVALID_REPLICA_ASSIGNMENT', message);
}
