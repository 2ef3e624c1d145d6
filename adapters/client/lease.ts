import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { type ClientDriver, monotonicUs } from './driver.ts';
import { type Caller, type Deadline } from './calls.ts';
import { Deferred } from './deferred.ts';
import { ChainfireError } from './errors.ts';

/** Grants a lease and keeps it alive until it is revoked, released or lost. */
export async function grantLease(
  caller: Caller,
  options: { readonly ttlSeconds: number; readonly id: bigint } & Deadline,
): Promise<Lease> {
  const grantedUs = monotonicUs();
  const request = { ttlSeconds: options.ttlSeconds, id: options.id };
  const granted = await caller.ask({ kind: 'leaseGrant', request }, options);
  return new Lease(caller, { leaseId: granted.id, ttlSeconds: granted.ttlSeconds, grantedUs });
}

/** Keeps a lease alive that somebody has granted, from its first renewal on. @throws ChainfireError LEASE_NOT_FOUND */
export async function keepLease(caller: Caller, options: { readonly id: bigint } & Deadline): Promise<Lease> {
  const grantedUs = monotonicUs();
  const renewed = await caller.ask({ kind: 'leaseKeepAlive', request: { id: options.id } }, options);
  if (renewed.ttlSeconds <= 0) {
    throw new ChainfireError('refused', 'LEASE_NOT_FOUND', 'etcdserver: requested lease not found');
  }
  return new Lease(caller, { leaseId: options.id, ttlSeconds: renewed.ttlSeconds, grantedUs });
}

export interface LeaseState {
  /** Whole seconds that are left of it; −1: there is no such lease. */
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  /** Keys that go with it, when they were asked for. */
  readonly keys: readonly Uint8Array[];
}

/**
 * A lease that is kept alive. Its keys are deleted once it ends: when it is revoked, or when it was not renewed for its time
 * to live.
 *
 * `lost` and `signal` tell that it can no longer be relied on: a member said that it is gone, or nobody has
 * acknowledged a renewal for as long as it lives. A process that stands still (paused, swapped out) learns of it when it
 * goes on, not before: what must hold even then needs a fencing token.
 */
export class Lease {
  readonly id: bigint;
  /** Resolves when it is lost; never after `revoke` or `release`. */
  readonly lost: Promise<ChainfireError>;
  /** Aborted when it is lost, with the same error as its reason. */
  readonly signal: AbortSignal;
  readonly #caller: Caller;
  readonly #release: () => void;
  #ttlSeconds: number;
  #sentUs: number;

  constructor(
    caller: Caller,
    granted: { readonly leaseId: bigint; readonly ttlSeconds: number; readonly grantedUs: number },
  ) {
    const lost = new Deferred<ChainfireError>();
    const aborter = new AbortController();
    this.id = granted.leaseId;
    this.lost = lost.promise;
    this.signal = aborter.signal;
    this.#caller = caller;
    this.#ttlSeconds = granted.ttlSeconds;
    this.#sentUs = granted.grantedUs;
    const client: ClientDriver = caller.client;
    this.#release = client.keepLease(granted, {
      renewed: (ttlSeconds, sentUs) => {
        this.#ttlSeconds = ttlSeconds;
        this.#sentUs = sentUs;
      },
      lost: (reason) => {
        this.#ttlSeconds = 0;
        const error = new ChainfireError('failed', 'LEASE_LOST', `lease ${this.hexId} is lost: ${reason}`);
        lost.resolve(error);
        aborter.abort(error);
      },
    });
  }

  get hexId(): string {
    return this.id.toString(16);
  }

  /** What the member granted; it may be more than was asked for. */
  get ttlSeconds(): number {
    return this.#ttlSeconds;
  }

  /** For so long it can be relied on from now, if nothing more is heard; 0: no longer. */
  get remainingMs(): number {
    const untilUs = this.#sentUs + this.#ttlSeconds * usPerSecond;
    return Math.max(0, Math.floor((untilUs - monotonicUs()) / usPerMs));
  }

  /** Ends it and deletes its keys, at one revision. One that is gone already is no error. */
  async revoke(deadline: Deadline = {}): Promise<void> {
    this.#release();
    this.#ttlSeconds = 0;
    try {
      await this.#caller.ask({ kind: 'leaseRevoke', request: { id: this.id } }, deadline);
    } catch (error) {
      if (!(error instanceof ChainfireError) || error.code !== 'LEASE_NOT_FOUND') throw error;
    }
  }

  /** Keeps it alive no longer: it ends when its time to live has passed, or somebody else keeps it. */
  release(): void {
    this.#release();
  }

  state(options: Deadline & { readonly keys?: boolean } = {}): Promise<LeaseState> {
    return leaseState(this.#caller, this.id, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.revoke();
  }
}

export async function leaseState(
  caller: Caller,
  id: bigint,
  options: Deadline & { readonly keys?: boolean },
): Promise<LeaseState> {
  const request = { id, keys: options.keys === true };
  const { ttlSeconds, grantedTtlSeconds, keys } = await caller.ask(
    { kind: 'leaseTimeToLive', request },
    options,
  );
  return { ttlSeconds, grantedTtlSeconds, keys: keys.map(bytesFromLatin1) };
}
