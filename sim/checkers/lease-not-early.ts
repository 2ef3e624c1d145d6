import { usPerSecond } from '../../core/base/units.ts';
import { type Checker, type Operation, type RunEnd, Violation } from '../types.ts';
import { describeOperation } from './describe-operation.ts';
import { type Evidence } from './evidence.ts';
import { endedLease } from './lease-ends.ts';
import { isInRange } from './kv-state.ts';
import { isUnknown, possibleLeaves, surelyWrote } from './outcomes.ts';

/** When a lease, or the keys on it, went without anybody's having asked for it. */
interface Going {
  readonly id: bigint;
  readonly atUs: number;
  readonly what: string;
}

interface Acknowledged {
  readonly operation: Operation;
  readonly startUs: number;
  readonly endUs: number;
  readonly ttlSeconds: number;
}

/**
 * A lease, and the keys on it, go no earlier than its time to live after the client *sent* the grant or the last keepalive
 * that was acknowledged, unless somebody sent a revocation: across crashes, elections, snapshots, and drift of clocks up to
 * what members were told to allow for.
 *
 * Not verified: how late they go (the liveness phase waits for the end of every lease); an end and a new grant of the same id
 * that no member paused between.
 */
export class LeaseNotEarly implements Checker {
  readonly name = 'lease-not-early';
  readonly #evidence: Pick<Evidence, 'truth' | 'leases'>;

  constructor(evidence: Pick<Evidence, 'truth' | 'leases'>) {
    this.#evidence = evidence;
  }

  onEnd(end: RunEnd): void {
    const acknowledged = acknowledgements(end.history);
    const revocations = end.history.filter(
      ({ request, outcome }) => request.kind === 'leaseRevoke' && outcome.kind !== 'failed',
    );
    for (const going of [...this.#lives(), ...this.#keys(end.history)]) {
      const revoked = revocations.some(
        ({ request, startUs, outcome }) =>
          request.kind === 'leaseRevoke' &&
          request.request.id === going.id &&
          startUs <= going.atUs &&
          outcome.kind !== 'refused',
      );
      if (!revoked) this.#require(going, acknowledged.get(going.id) ?? []);
    }
  }

  #require(going: Going, acknowledged: readonly Acknowledged[]): void {
    for (const { operation, startUs, ttlSeconds } of acknowledged) {
      const untilUs = startUs + ttlSeconds * usPerSecond;
      // What began behind the end is of another life.
      if (startUs > going.atUs || untilUs <= going.atUs) continue;
      throw new Violation(
        this.name,
        `${going.what} went at ${going.atUs} µs, ${untilUs - going.atUs} µs before the ${ttlSeconds} s had passed that ` +
          `${describeOperation(operation)} had been promised`,
      );
    }
  }

  *#lives(): Iterable<Going> {
    const { lives } = this.#evidence.leases;
    for (const { id, goneUs } of lives) {
      if (goneUs === undefined) continue;
      // An acknowledgement may be of the life after.
      if (lives.some((later) => later.id === id && later.bornUs >= goneUs)) continue;
      yield { id, atUs: goneUs, what: `lease ${id.toString(16)}` };
    }
  }

  /** Deletions of a lease's keys that nobody had asked for. */
  *#keys(history: readonly Operation[]): Iterable<Going> {
    const { truth, leases } = this.#evidence;
    if (!truth.isComplete) return;
    const claimed = new Set(history.map((operation) => surelyWrote(operation)));
    const deletes = history
      .filter(isUnknown)
      .flatMap((operation) =>
        possibleLeaves(operation.request).flatMap((leaf) => (leaf.kind === 'delete' ? [leaf.request] : [])),
      );
    for (const change of truth.changes) {
      const id = endedLease(change, truth);
      const isDeleted = (key: string): boolean =>
        deletes.some((request) => isInRange(key, request.key, request.rangeEnd));
      if (id === undefined || claimed.has(change.revision) || change.rows.every((row) => isDeleted(row.key)))
        continue;
      if (leases.lives.some((later) => later.id === id && later.bornUs >= change.atUs)) continue;
      yield { id, atUs: change.atUs, what: `the keys of lease ${id.toString(16)}` };
    }
  }
}

/** Grants and keepalives that were answered with a time to live, by lease. */
function acknowledgements(history: readonly Operation[]): ReadonlyMap<bigint, readonly Acknowledged[]> {
  const byLease = new Map<bigint, Acknowledged[]>();
  for (const operation of history) {
    const { outcome, startUs, endUs } = operation;
    if (outcome.kind !== 'answered' || endUs === undefined) continue;
    const { response } = outcome;
    if (response.kind !== 'leaseGrant' && response.kind !== 'leaseKeepAlive') continue;
    const { id, ttlSeconds } = response.response;
    if (ttlSeconds <= 0) continue;
    const acknowledged = byLease.get(id);
    const one = { operation, startUs, endUs, ttlSeconds };
    if (acknowledged === undefined) byLease.set(id, [one]);
    else acknowledged.push(one);
  }
  return byLease;
}
