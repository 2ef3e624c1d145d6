import { assert } from '../../base/assert.ts';
import { usPerSecond } from '../../base/units.ts';
import { type MemberResponse } from '../member-protocol.ts';
import { verdictOf } from './calls.ts';
import { type Endpoints } from './endpoints.ts';
import { type ClientConfig, type ClientEffect } from './protocol.ts';

interface Lease {
  readonly leaseId: bigint;
  ttlSeconds: number;
  /** When the last acknowledged request was sent: the lease lives until `sentUs` + its time to live at least. */
  sentUs: number;
  attempt: Attempt | undefined;
  /** When the next keepalive is due, while none is under way. */
  nextUs: number;
  /** Since the last acknowledgement. */
  failures: number;
  lastReason: string;
}

interface Attempt {
  readonly attemptId: number;
  readonly endpoint: number;
  readonly sentUs: number;
  readonly timeoutUs: number;
}

/** So many keepalives fit into a time to live. */
const keepAlivesPerTtl = 3;
/** The shortest wait for an answer: below it every answer would come too late. */
const attemptTimeoutUsMin = 100_000;

/**
 * Leases that are kept alive.
 *
 * A third of the time to live after one acknowledged keepalive was sent the next is; one that fails is tried again at once
 * with another endpoint, then with growing pauses. A lease is lost when a member says that it is gone, or when its time to
 * live has passed since the last acknowledged request was sent.
 *
 * Why that is safe: a member counts the time to live from when it applied the renewal, which is later than the sending, and
 * lets a lease last longer by the clock drift that it allows for (`clockDriftPpmMax`). So nobody else can have been
 * given what the lease guarded before this client calls it lost, as long as this client's monotonic clock runs slower than
 * a member's by no more than that bound. A client that was not running cannot notice: what must hold even then is for
 * fencing tokens.
 */
export class KeptLeases {
  readonly #config: ClientConfig;
  readonly #endpoints: Endpoints;
  /** In the order in which they were handed over. At most `leasesMax`. */
  readonly #leases = new Map<bigint, Lease>();
  readonly #leaseOfAttempt = new Map<number, Lease>();
  #nowUs = 0;
  /** Nothing is due before; at times too early, never too late. */
  #wakeUs = Infinity;
  #effects: ClientEffect[] = [];

  constructor(config: ClientConfig, endpoints: Endpoints) {
    this.#config = config;
    this.#endpoints = endpoints;
  }

  get deadlineUs(): number {
    return this.#wakeUs;
  }

  /** To be called before any of the others in a step: effects are pushed to `effects`. */
  begin(nowUs: number, effects: ClientEffect[]): void {
    this.#nowUs = nowUs;
    this.#effects = effects;
  }

  onTick(): void {
    if (this.#nowUs < this.#wakeUs) return;
    const due: Lease[] = [];
    for (const lease of this.#leases.values()) if (wakeUsOf(lease) <= this.#nowUs) due.push(lease);
    for (const lease of due) this.#wake(lease);
    this.#wakeUs = Infinity;
    for (const lease of this.#leases.values()) this.#wakeUs = Math.min(this.#wakeUs, wakeUsOf(lease));
  }

  onKept(leaseId: bigint, ttlSeconds: number, grantedUs: number): void {
    assert(ttlSeconds >= 1 && grantedUs <= this.#nowUs, 'a lease was granted before it is kept');
    assert(!this.#leases.has(leaseId), 'a lease is kept once');
    if (this.#leases.size >= this.#config.leasesMax) {
      const reason = `${this.#leases.size} leases are kept, and no more are allowed`;
      this.#effects.push({ kind: 'leaseLost', leaseId, reason });
      return;
    }
    const lease: Lease = {
      leaseId,
      ttlSeconds,
      sentUs: grantedUs,
      attempt: undefined,
      nextUs: grantedUs + keepAliveUs(ttlSeconds),
      failures: 0,
      lastReason: 'no endpoint was asked',
    };
    this.#leases.set(leaseId, lease);
    this.#wakeFor(lease);
    // The grant's answer may have been long under way.
    this.#wake(lease);
  }

  onReleased(leaseId: bigint): void {
    const lease = this.#leases.get(leaseId);
    if (lease !== undefined) this.#remove(lease);
  }

  onAnswered(attemptId: number, response: MemberResponse): void {
    const lease = this.#leaseOfAttempt.get(attemptId);
    if (lease === undefined) return;
    const { endpoint, sentUs } = this.#endAttempt(lease);
    if (response.kind === 'leaseKeepAlive') {
      this.#endpoints.answered(endpoint);
      this.#onKeptAlive(lease, response.response.ttlSeconds, sentUs);
    } else if (response.kind !== 'refused') {
      this.#afterFailure(lease, endpoint, `endpoint ${endpoint} answered something else`);
    } else if (response.code === 'LEASE_NOT_FOUND') {
      this.#lose(lease, response.message);
    } else {
      if (verdictOf(response.code) !== undefined) this.#endpoints.leave(endpoint);
      this.#afterFailure(lease, endpoint, response.message);
    }
  }

  onAttemptFailed(attemptId: number, reason: string): void {
    const lease = this.#leaseOfAttempt.get(attemptId);
    if (lease === undefined) return;
    const { endpoint } = this.#endAttempt(lease);
    this.#afterFailure(lease, endpoint, reason);
  }

  #onKeptAlive(lease: Lease, ttlSeconds: number, sentUs: number): void {
    if (ttlSeconds <= 0) {
      this.#lose(lease, 'the lease has expired or was revoked');
      return;
    }
    lease.ttlSeconds = ttlSeconds;
    lease.sentUs = sentUs;
    lease.failures = 0;
    if (this.#nowUs >= endUs(lease)) {
      this.#lose(lease, 'the answer to its keepalive took as long as it lives');
      return;
    }
    this.#effects.push({ kind: 'leaseRenewed', leaseId: lease.leaseId, ttlSeconds, sentUs });
    lease.nextUs = Math.max(this.#nowUs, sentUs + keepAliveUs(ttlSeconds));
    this.#wakeFor(lease);
  }

  #wake(lease: Lease): void {
    if (this.#nowUs >= endUs(lease)) {
      this.#lose(lease, `no keepalive was acknowledged in ${lease.ttlSeconds} s; ${lease.lastReason}`);
    } else if (lease.attempt === undefined) {
      if (this.#nowUs >= lease.nextUs) this.#attempt(lease);
    } else if (this.#nowUs >= lease.attempt.sentUs + lease.attempt.timeoutUs) {
      const { attemptId, endpoint } = this.#endAttempt(lease);
      this.#effects.push({ kind: 'abandon', attemptId });
      this.#afterFailure(lease, endpoint, `endpoint ${endpoint} did not answer in time`);
    }
  }

  #attempt(lease: Lease): void {
    const timeoutUs = Math.min(
      this.#config.attemptTimeoutUs,
      Math.max(attemptTimeoutUsMin, keepAliveUs(lease.ttlSeconds)),
      endUs(lease) - this.#nowUs,
    );
    const attemptId = this.#endpoints.nextAttemptId();
    const endpoint = this.#endpoints.current;
    lease.attempt = { attemptId, endpoint, sentUs: this.#nowUs, timeoutUs };
    this.#leaseOfAttempt.set(attemptId, lease);
    this.#effects.push({
      kind: 'attempt',
      attemptId,
      endpoint,
      request: { kind: 'leaseKeepAlive', request: { id: lease.leaseId } },
      timeoutUs,
    });
    this.#wakeFor(lease);
  }

  #endAttempt(lease: Lease): Attempt {
    const { attempt } = lease;
    assert(attempt !== undefined, 'a keepalive is under way');
    lease.attempt = undefined;
    this.#leaseOfAttempt.delete(attempt.attemptId);
    return attempt;
  }

  #afterFailure(lease: Lease, endpoint: number, reason: string): void {
    this.#endpoints.leave(endpoint);
    lease.lastReason = reason;
    lease.failures += 1;
    const pauseUs = lease.failures === 1 ? 0 : this.#endpoints.pauseUs(lease.failures - 1);
    lease.nextUs = this.#nowUs + pauseUs;
    this.#wake(lease);
    if (this.#leases.has(lease.leaseId)) this.#wakeFor(lease);
  }

  #lose(lease: Lease, reason: string): void {
    this.#remove(lease);
    this.#effects.push({ kind: 'leaseLost', leaseId: lease.leaseId, reason });
  }

  #remove(lease: Lease): void {
    if (lease.attempt !== undefined) {
      const { attemptId } = this.#endAttempt(lease);
      this.#effects.push({ kind: 'abandon', attemptId });
    }
    this.#leases.delete(lease.leaseId);
    // A machine that has nothing to do asks for no tick.
    if (this.#leases.size === 0) this.#wakeUs = Infinity;
  }

  #wakeFor(lease: Lease): void {
    this.#wakeUs = Math.min(this.#wakeUs, wakeUsOf(lease));
  }
}

function keepAliveUs(ttlSeconds: number): number {
  return Math.floor((ttlSeconds * usPerSecond) / keepAlivesPerTtl);
}

function endUs(lease: Lease): number {
  return lease.sentUs + lease.ttlSeconds * usPerSecond;
}

function wakeUsOf(lease: Lease): number {
  const { attempt } = lease;
  const dueUs = attempt === undefined ? lease.nextUs : attempt.sentUs + attempt.timeoutUs;
  return Math.min(endUs(lease), dueUs);
}
