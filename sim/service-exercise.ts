import { type NodeId } from '../core/base/ids.ts';
import { type ChainfireMember } from '../core/chainfire/member.ts';
import { type Fault } from './fault.ts';
import { type Checker, type LockHold, type Operation, type RunEnd, type StepObservation } from './types.ts';

type Pause = Extract<Fault, { kind: 'pause' }>;

/**
 * What a run did with leases, watches, locks and leaders' own reads. Watches like a checker and never complains. Where it
 * cannot tell, it counts too little: these figures are for floors.
 */
export class ServiceMeter implements Checker {
  readonly name = 'service-exercise';
  /** Reads that a leader answered in the step in which they came: on its lease, since a round takes longer. */
  leaseReads = 0;
  /** Times that another member was elected while leases were alive. */
  electionsWithLeases = 0;
  keepAlives = 0;
  leasesExpired = 0;
  watchEvents = 0;
  watchesCompacted = 0;
  watchesResumed = 0;
  locksHeld = 0;
  locksContended = 0;
  readonly #pauses: readonly Pause[];
  readonly #deposed = new Set<Pause>();
  /** The latest leader and its term. */
  #leader: NodeId | undefined;
  #term = 0;
  readonly #steppedUs = new Map<NodeId, number>();
  readonly #leases = new Map<NodeId, ReadonlySet<bigint>>();
  readonly #ended = new Set<bigint>();
  #watchesCreated = 0;

  constructor(faults: readonly Fault[]) {
    this.#pauses = faults.filter((fault): fault is Pause => fault.kind === 'pause');
  }

  /** Pauses of the leader that were long enough for another to be elected meanwhile. */
  get pausedLeaders(): number {
    return this.#deposed.size;
  }

  onStep(step: StepObservation): void {
    this.#noteElection(step);
    this.#steppedUs.set(step.node, step.nowUs);
    this.#noteLeases(step.node, step.member);
    if (step.event.kind === 'streamReceived' && step.event.request.create !== undefined)
      this.#watchesCreated += 1;
    if (isLeaseRead(step)) this.leaseReads += 1;
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.#leases.delete(node);
    this.#noteLeases(node, member);
  }

  onEnd(end: RunEnd): void {
    const revoked = new Set<bigint>();
    for (const { request, outcome } of end.history) {
      if (request.kind === 'leaseRevoke') revoked.add(request.request.id);
      if (outcome.kind !== 'answered' || outcome.response.kind !== 'leaseKeepAlive') continue;
      if (outcome.response.response.ttlSeconds > 0) this.keepAlives += 1;
    }
    for (const id of this.#ended) if (!revoked.has(id)) this.leasesExpired += 1;
    for (const watch of end.watches) {
      for (const { batch } of watch.deliveries) this.watchEvents += batch.events.length;
      if (watch.end?.kind === 'compacted') this.watchesCompacted += 1;
    }
    this.watchesResumed = Math.max(0, this.#watchesCreated - end.watches.length);
    this.locksHeld = end.holds.length;
    this.locksContended = countContended(end.holds, end.history);
  }

  #noteElection(step: StepObservation): void {
    const { role, term } = step.member.view.raft;
    if (role !== 'leader' || term <= this.#term) return;
    if (this.#leader !== undefined && this.#leader !== step.node) {
      if (step.member.view.leaseCount > 0) this.electionsWithLeases += 1;
      for (const pause of this.#pauses) {
        const inForce = pause.atUs <= step.nowUs && step.nowUs < pause.atUs + pause.forUs;
        // A leader that was replaced and went on all the while was not paused.
        const stood = (this.#steppedUs.get(pause.node) ?? 0) <= pause.atUs;
        if (inForce && stood && pause.node === this.#leader) this.#deposed.add(pause);
      }
    }
    this.#leader = step.node;
    this.#term = term;
  }

  /** Looks only when their number has changed. */
  #noteLeases(node: NodeId, member: ChainfireMember): void {
    const known = this.#leases.get(node);
    if ((known?.size ?? 0) === member.view.leaseCount) return;
    const present = new Set(member.view.leases().map(({ id }) => id));
    for (const id of known ?? []) if (!present.has(id)) this.#ended.add(id);
    this.#leases.set(node, present);
  }
}

function isLeaseRead(step: StepObservation): boolean {
  const { event, member, effects } = step;
  if (event.kind !== 'requested' || event.request.kind !== 'range') return false;
  const { raft } = member.view;
  if (raft.role !== 'leader' || raft.configuration.voters.length === 1) return false;
  const { request, consistency } = event.request;
  if (request.serializable || consistency !== undefined) return false;
  return effects.some(
    (effect) =>
      effect.kind === 'reply' && effect.requestId === event.requestId && effect.response.kind === 'range',
  );
}

/** Locks that somebody stood in line for: the key was there before the lock's former holder gave it up. */
function countContended(holds: readonly LockHold[], history: readonly Operation[]): number {
  const queuedUs = new Map<number, number>();
  for (const { outcome, endUs } of history) {
    if (outcome.kind !== 'answered' || outcome.response.kind !== 'txn' || endUs === undefined) continue;
    queuedUs.set(outcome.response.response.header?.revision ?? 0, endUs);
  }
  let contended = 0;
  for (const hold of holds) {
    const queued = queuedUs.get(hold.fencingToken) ?? Infinity;
    const waited = holds.some(
      (other) => other.name === hold.name && other.fromUs < queued && queued < (other.toUs ?? Infinity),
    );
    if (waited) contended += 1;
  }
  return contended;
}
