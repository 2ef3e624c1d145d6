import { type ActEffect, type ReplyEffect, type SendEffect } from '../../core/base/effects.ts';

/** Files to be removed once everything that was appended before is durable. */
export interface GatedRemoval {
  readonly kind: 'gatedRemoval';
  readonly files: readonly string[];
  readonly afterSyncSeq: number;
}

export type GatedEffect<Response, Message, Act> =
  SendEffect<Message> | ReplyEffect<Response> | ActEffect<Act> | GatedRemoval;

/**
 * Effects that wait for a sync, in the order in which they were asked for. Bounded by what the machine lets be under way
 * at once: its pending requests, its messages in flight and its acts.
 */
export class SyncGate<Response, Message, Act = never> {
  #held: GatedEffect<Response, Message, Act>[] = [];

  get length(): number {
    return this.#held.length;
  }

  hold(effect: GatedEffect<Response, Message, Act>): void {
    this.#held.push(effect);
  }

  /** Lets out, in order, what waited for `syncedSeq` or less. */
  release(syncedSeq: number): readonly GatedEffect<Response, Message, Act>[] {
    const held = this.#held;
    let free = 0;
    while (free < held.length && isFree(held[free], syncedSeq)) free += 1;
    if (free === held.length) {
      this.#held = [];
      return held;
    }
    // Sync numbers nearly always rise along the queue: then what is free is a prefix. If not, both parts keep their order.
    const released = held.slice(0, free);
    const waiting: GatedEffect<Response, Message, Act>[] = [];
    for (const effect of held.slice(free)) (isFree(effect, syncedSeq) ? released : waiting).push(effect);
    this.#held = waiting;
    return released;
  }
}

function isFree(effect: { readonly afterSyncSeq: number } | undefined, syncedSeq: number): boolean {
  return effect !== undefined && effect.afterSyncSeq <= syncedSeq;
}
