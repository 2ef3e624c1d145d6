import { type Machine } from '../../core/base/machine.ts';
import { type QueueEffect, type RecipeEvent } from '../../core/chainfire/client/recipes/protocol.ts';
import { type HeldKey } from '../../core/chainfire/client/recipes/queue.ts';
import { type Caller } from './calls.ts';
import { ChainfireError, errorOfFailure } from './errors.ts';
import { grantLease, type Lease } from './lease.ts';
import { RecipeDriver } from './recipe.ts';

/** How to wait for a lock or a leadership. */
export interface WaitOptions {
  /** The lease that it lies on. Absent: one of its own, revoked when it is given back. */
  readonly lease?: Lease | undefined;
  /** Of the lease of its own: for so long others wait when this process is gone. Default 30 s. */
  readonly ttlSeconds?: number | undefined;
  /** Give up waiting then, with NOT_DONE. Absent: never. */
  readonly timeoutMs?: number | undefined;
  /** Give up waiting when it is aborted, with ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

export interface Place {
  readonly held: HeldKey;
  readonly lease: Lease;
  /** The lease was granted for this alone. */
  readonly ownsLease: boolean;
}

const ttlSecondsDefault = 30;

/** Waits in the queue that `recipe` builds on a lease; what was written is removed before this rejects. */
export async function takePlace(
  caller: Caller,
  recipe: (leaseId: bigint) => Machine<RecipeEvent, QueueEffect>,
  options: WaitOptions,
): Promise<Place> {
  options.signal?.throwIfAborted();
  const ownsLease = options.lease === undefined;
  const ttlSeconds = options.ttlSeconds ?? ttlSecondsDefault;
  const lease = options.lease ?? (await grantLease(caller, { ttlSeconds, id: 0n, ...timeoutOf(options) }));
  try {
    const held = await waited(caller, recipe(lease.id), lease, options);
    return { held, lease, ownsLease };
  } catch (error) {
    // What is left of it ends with its time to live in any case.
    if (ownsLease) await lease.revoke().catch(() => lease.release());
    throw error;
  }
}

function timeoutOf({ timeoutMs }: WaitOptions): { readonly timeoutMs?: number } {
  return timeoutMs === undefined ? {} : { timeoutMs };
}

function waited(
  caller: Caller,
  recipe: Machine<RecipeEvent, QueueEffect>,
  lease: Lease,
  options: WaitOptions,
): Promise<HeldKey> {
  return new Promise((resolve, reject) => {
    let why: ChainfireError | undefined;
    const giveUp = (error: ChainfireError): void => {
      why ??= error;
      driver.cancel();
    };
    const onLost = (): void => giveUp(lease.signal.reason as ChainfireError);
    const onAbort = (): void => giveUp(new ChainfireError('failed', 'ABORTED', 'waiting was aborted'));
    const onTimeout = (): void =>
      giveUp(new ChainfireError('failed', 'NOT_DONE', `it was not had in ${options.timeoutMs} ms`));
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(onTimeout, options.timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      lease.signal.removeEventListener('abort', onLost);
      options.signal?.removeEventListener('abort', onAbort);
    };
    lease.signal.addEventListener('abort', onLost);
    options.signal?.addEventListener('abort', onAbort);
    const driver = new RecipeDriver(caller.client, recipe, (effect: QueueEndEffect) => {
      settle();
      if (effect.kind === 'acquired') resolve({ key: effect.key, revision: effect.revision });
      else reject(effect.why === 'cancelled' && why !== undefined ? why : errorOfFailure(effect));
    });
    if (lease.signal.aborted) onLost();
    if (options.signal?.aborted === true) onAbort();
  });
}

type QueueEndEffect = Extract<QueueEffect, { readonly kind: 'acquired' | 'failed' }>;
