import { type ReplyEffect, type SendEffect } from '../../core/base/effects.ts';

/** Files to be removed once everything that was appended before is durable. */
export interface GatedRemoval {
  readonly kind: 'gatedRemoval';
  readonly files: readonly string[];
  readonly afterSyncSeq: number;
}

export type GatedEffect<Response, Message> = SendEffect<Message> | ReplyEffect<Response> | GatedRemoval;

/**
 * Effects that wait for a sync, in the order in which they were asked for. Bounded by what the machine lets be under way
 * at once: its pending requests and its messages in flight.
 */
export class SyncGate<Response, Message> {
  #held: GatedEffect<Response, Message>[] = [];

  get length(): number {
    return this.#held.length;
  }

  hold(effect: GatedEffect<Response, Message>): void {
    this.#held.push(effect);
  }

  /** Lets out, in order, what waited for `syncedSeq` or less. */
  release(syncedSeq: number): readonly GatedEffect<Response, Message>[] {
    const held = this.#held;
    let free = 0;
    while (free < held.length && isFree(held[free], syncedSeq)) free += 1;
    if (free === held.length) {
      this.#held = [];
      return held;
    }
    // Sync numbers nearly always rise along the queue: then what is free is a prefix. If not, both parts keep their order.
    const released = held.slice(0, free);
    const waiting: GatedEffect<Response, Message>[] = [];
    for (const effect of held.slice(free)) (isFree(effect, syncedSeq) ? released : waiting).push(effect);
    this.#held = waiting;
    return released;
  }
}

function isFree(effect: { readonly afterSyncSeq: number } | undefined, syncedSeq: number): boolean {
  return effect !== undefined && effect.afterSyncSeq <= syncedSeq;
}
