import { noBytes } from '../../../base/bytes.ts';
import { type Machine } from '../../../base/machine.ts';
import { type MemberRequest } from '../../member-protocol.ts';
import { type QueueEffect, type RecipeEvent } from './protocol.ts';
import { type HeldKey, leaveRequest, QueueRecipe } from './queue.ts';

/**
 * Takes a lock: `name/` and the lease id in hex is the key of whoever wants it, the oldest key holds it. etcd's `lock` and
 * this one exclude each other.
 *
 * What the lock guards must check the fencing token (`revision` in `acquired`): a holder whose lease has ended without its
 * noticing (its process stood still) goes on believing in it.
 */
export class LockRecipe implements Machine<RecipeEvent, QueueEffect> {
  readonly #queue: QueueRecipe;

  /** @param options.name bytes as a latin1 string */
  constructor(options: { readonly name: string; readonly leaseId: bigint }) {
    this.#queue = new QueueRecipe({ ...options, value: noBytes });
  }

  get deadlineUs(): number {
    return this.#queue.deadlineUs;
  }

  step(event: RecipeEvent, nowUs: number): readonly QueueEffect[] {
    return this.#queue.step(event, nowUs);
  }
}

/** Gives the lock back, unless it has been lost and is another's. May be made twice. */
export function unlockRequest(held: HeldKey): MemberRequest {
  return leaveRequest(held);
}
