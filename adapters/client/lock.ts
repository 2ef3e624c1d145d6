import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { LockRecipe, unlockRequest } from '../../core/chainfire/client/recipes/lock.ts';
import { type Bytes, keyOf } from './bytes.ts';
import { type Caller, type Deadline } from './calls.ts';
import { type Lease } from './lease.ts';
import { type Place, takePlace, type WaitOptions } from './queue.ts';

export async function takeLock(caller: Caller, name: Bytes, options: WaitOptions): Promise<Lock> {
  const place = await takePlace(caller, (leaseId) => new LockRecipe({ name: keyOf(name), leaseId }), options);
  return new Lock(caller, place);
}

/**
 * A lock that is held for as long as its key exists. `token`, the fencing token, rises from holder to holder: hand it to
 * whatever the lock guards, which must refuse a lower one than it has seen. Only that is safe against a holder that
 * stood still while its lease ended.
 */
export class Lock {
  readonly token: number;
  readonly lease: Lease;
  readonly #caller: Caller;
  readonly #place: Place;

  constructor(caller: Caller, place: Place) {
    this.#caller = caller;
    this.#place = place;
    this.token = place.held.revision;
    this.lease = place.lease;
  }

  get keyBytes(): Uint8Array {
    return bytesFromLatin1(this.#place.held.key);
  }

  /** Aborted when the lease is lost: stop what the lock guards. */
  get signal(): AbortSignal {
    return this.lease.signal;
  }

  /** Gives it back; one that is lost already is left to whoever has it. */
  async unlock(deadline: Deadline = {}): Promise<void> {
    await leave(this.#caller, this.#place, deadline);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unlock();
  }
}

/** Removes the key, with its lease where that serves nothing else. */
export async function leave(caller: Caller, place: Place, deadline: Deadline): Promise<void> {
  if (place.ownsLease) await place.lease.revoke(deadline);
  else await caller.ask(unlockRequest(place.held), deadline);
}
