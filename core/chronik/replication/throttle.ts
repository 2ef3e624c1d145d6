import { assert } from '../../base/assert.ts';
import { usPerSecond } from '../../base/units.ts';
import { type Partition } from './partition.ts';

/**
 * Bytes a second, over time: what has gone is paid for at the rate, and nothing more goes before it is. So one answer may go at
 * once, however large it is, and the next one waits for it.
 */
class Throttle {
  #bytesPerSecond = Infinity;
  /** By then everything that has gone is paid for. */
  #paidUs = 0;

  set bytesPerSecond(bytesPerSecond: number) {
    assert(bytesPerSecond > 0, 'a throttle lets something through');
    // A debt that was made at another rate is not owed at this one.
    if (bytesPerSecond !== this.#bytesPerSecond) this.#paidUs = 0;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** From then on more may go. */
  get openUs(): number {
    return this.#paidUs;
  }

  charge(bytes: number, nowUs: number): void {
    const costUs = Math.ceil((bytes * usPerSecond) / this.#bytesPerSecond);
    this.#paidUs = Math.max(this.#paidUs, nowUs) + costUs;
  }
}

/**
 * Throttled replication (KIP-73), so that a reassignment leaves room for clients: a broker gives to throttled replicas, and
 * fetches for throttled replicas of its own, only so many bytes a second. A replica that is in sync is never held back: what
 * producers wait for depends on it.
 */
export class ReplicationThrottle {
  readonly #leading = new Throttle();
  readonly #following = new Throttle();

  /** `Infinity`: as much as there is. */
  rates(given: { readonly leaderBytesPerSecond: number; readonly followerBytesPerSecond: number }): void {
    this.#leading.bytesPerSecond = given.leaderBytesPerSecond;
    this.#following.bytesPerSecond = given.followerBytesPerSecond;
  }

  /** From when on this follower may be answered with records; 0: it is not throttled. */
  answerUs({ assignment }: Partition, to: number): number {
    const { isThrottledAsLeader, isr } = assignment;
    return isThrottledAsLeader && !isr.some((id) => id === to) ? this.#leading.openUs : 0;
  }

  answered(partition: Partition, to: number, bytes: number, nowUs: number): void {
    const { isThrottledAsLeader, isr } = partition.assignment;
    if (bytes === 0 || !isThrottledAsLeader || isr.some((id) => id === to)) return;
    this.#leading.charge(bytes, nowUs);
  }

  /** From when on this broker may fetch for its replica; 0: it is not throttled. */
  fetchUs({ assignment }: Partition, own: number): number {
    const { isThrottledAsFollower, isr } = assignment;
    return isThrottledAsFollower && !isr.some((id) => id === own) ? this.#following.openUs : 0;
  }

  fetched(partition: Partition, own: number, bytes: number, nowUs: number): void {
    const { isThrottledAsFollower, isr } = partition.assignment;
    if (bytes === 0 || !isThrottledAsFollower || isr.some((id) => id === own)) return;
    this.#following.charge(bytes, nowUs);
  }
}
