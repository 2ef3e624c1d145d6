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
  /** The one that deleted the keys; undefined for the lease itself, whose end makes none. */
  readonly revision: number | undefined;
  readonly what: string;
}

interface Acknowledged {
  readonly operation: Operation;
  readonly startUs: number;
  readonly endUs: number;
  readonly ttlSeconds: number;
  /** Of the answer: the member had come so far when it found the lease there. */
  readonly revision: number;
}

/**
 * A lease, and the keys on it, go no earlier than its time to live after the client *sent* the grant or the last keepalive
 * that was acknowledged, unless somebody sent a revocation: across crashes, elections, snapshots, and drift of clocks up to
 * what members were told to allow for. An id may be granted again once its lease has ended, by a request that was sent long
 * before: that life promises nothing to the keys of the one before it.
 *
 * Not verified: how late they go (the liveness phase waits for the end of every lease); of a lease without keys, an end and a
 * new grant of the same id that no member paused between.
 */
export class LeaseNotEarly implements Checker {
  readonly name = 'lease-not-early';
  readonly #evidence: Pick<Evidence, 'truth' | 'leases'>;

  constructor(evidence: Pick<Evidence, 'truth' | 'leases'>) {
    this.#evidence = evidence;
  }

  onEnd(end: RunEnd): void {
    const acknowledged = acknowledgements(end.history);
    const grants = end.history.filter(({ request }) => request.kind === 'leaseGrant');
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
      if (revoked) continue;
      const before = acknowledged.get(going.id)?.filter((one) => !isOfLaterLife(one, going, grants));
      this.#require(going, before ?? []);
    }
  }

  #require(going: Going, acknowledged: readonly Acknowledged[]): void {
    for (const { operation, startUs, ttlSeconds } of acknowledged) {
      const untilUs = startUs + ttlSeconds * usPerSecond;
      if (untilUs <= going.atUs) continue;
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
      yield { id, atUs: goneUs, revision: undefined, what: `lease ${id.toString(16)}` };
    }
  }

  /** Deletions of a lease's keys that nobody had asked for. */
  *#keys(history: readonly Operation[]): Iterable<Going> {
    const { truth } = this.#evidence;
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
      const { atUs, revision } = change;
      yield { id, atUs, revision, what: `the keys of lease ${id.toString(16)}` };
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
    const { id, ttlSeconds, header } = response.response;
    if (ttlSeconds <= 0) continue;
    const acknowledged = byLease.get(id);
    const one = { operation, startUs, endUs, ttlSeconds, revision: header?.revision ?? 0 };
    if (acknowledged === undefined) byLease.set(id, [one]);
    else acknowledged.push(one);
  }
  return byLease;
}

/**
 * Whether an answer speaks of a life that began behind the end. That to a request sent behind the end does. Of one that was
 * under way, revisions tell: the lease was there when its keys had gone, and a grant may have brought it back in between.
 * Times do not tell, as a member that catches up applies the end and the grant in one turn.
 */
function isOfLaterLife(acknowledged: Acknowledged, going: Going, grants: readonly Operation[]): boolean {
  const { id, atUs, revision } = going;
  if (acknowledged.startUs > atUs) return true;
  if (revision === undefined || acknowledged.revision < revision) return false;
  return grants.some((grant) => {
    const { request, outcome, startUs } = grant;
    // An id that a member draws is never one that was there before.
    if (request.kind !== 'leaseGrant' || request.request.id !== id || startUs > acknowledged.endUs)
      return false;
    if (outcome.kind !== 'answered' || outcome.response.kind !== 'leaseGrant') return isUnknown(grant);
    return (outcome.response.response.header?.revision ?? 0) >= revision;
  });
}
