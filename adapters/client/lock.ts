import { LockRecipe } from '../../core/chainfire/client/recipes/lock.ts';
import { type Bytes, keyOf } from './bytes.ts';
import { type Caller, type Deadline } from './calls.ts';
import { HeldPlace } from './held-place.ts';
import { takePlace, type WaitOptions } from './queue.ts';

export async function takeLock(caller: Caller, name: Bytes, options: WaitOptions): Promise<Lock> {
  const place = await takePlace(caller, (leaseId) => new LockRecipe({ name: keyOf(name), leaseId }), options);
  return new Lock(caller, place);
}

/**
 * A lock that is held for as long as its key exists. `token`, the fencing token, rises from holder to holder: hand it to
 * whatever the lock guards, which must refuse a lower one than it has seen. Only that is safe against a holder that
 * stood still while its lease ended.
 */
export class Lock extends HeldPlace {
  /** Gives it back; one that is lost already is left to whoever has it. */
  async unlock(deadline: Deadline = {}): Promise<void> {
    await this.leave(deadline);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unlock();
  }
}
