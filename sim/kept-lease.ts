import { usPerSecond } from '../core/base/units.ts';
import { LeaseGrantRequest } from '../core/chainfire/api/lease.ts';
import { type ClientDesk, type LeaseListener } from './workload-desk.ts';

/** A lease that a simulated user was granted, kept alive by the client machine until it is released or lost. */
export class KeptLease implements LeaseListener {
  readonly leaseId: bigint;
  readonly #desk: ClientDesk;
  readonly #onLost: () => void;
  /** By what was acknowledged it lives until then at least. */
  #reliableUs: number;
  #kept = true;

  /** Asks for a lease; id 0n: the member chooses one. Nothing is told of a grant whose outcome is not known. */
  static grant(
    desk: ClientDesk,
    wanted: { readonly id: bigint; readonly ttlSeconds: number; readonly onLost: () => void },
    granted: (lease: KeptLease | undefined) => void,
  ): void {
    const grantedUs = desk.nowUs;
    const request = LeaseGrantRequest.create({ id: wanted.id, ttlSeconds: wanted.ttlSeconds });
    desk.call({ kind: 'leaseGrant', request }, (outcome) => {
      if (outcome.kind !== 'answered' || outcome.response.kind !== 'leaseGrant') {
        granted(undefined);
        return;
      }
      const { id, ttlSeconds } = outcome.response.response;
      granted(new KeptLease(desk, { leaseId: id, ttlSeconds, grantedUs }, wanted.onLost));
    });
  }

  private constructor(
    desk: ClientDesk,
    lease: { readonly leaseId: bigint; readonly ttlSeconds: number; readonly grantedUs: number },
    onLost: () => void,
  ) {
    this.leaseId = lease.leaseId;
    this.#desk = desk;
    this.#onLost = onLost;
    this.#reliableUs = lease.grantedUs + lease.ttlSeconds * usPerSecond;
    desk.keepLease(lease, this);
  }

  /** The time up to which its owner can rely on it, by what it knows now. */
  get reliableUs(): number {
    return this.#reliableUs;
  }

  /** False once it was released or lost. */
  get kept(): boolean {
    return this.#kept;
  }

  release(): void {
    this.#kept = false;
    this.#desk.releaseLease(this.leaseId);
  }

  /** Released and given back, tried until it is known to be gone or time has run out. */
  revoke(ended: () => void): void {
    this.release();
    this.#desk.call({ kind: 'leaseRevoke', request: { id: this.leaseId } }, ended);
  }

  renewed(ttlSeconds: number, sentUs: number): void {
    this.#reliableUs = Math.max(this.#reliableUs, sentUs + ttlSeconds * usPerSecond);
  }

  lost(): void {
    this.#kept = false;
    this.#onLost();
  }
}
