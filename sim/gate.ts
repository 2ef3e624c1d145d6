import { assert } from '../core/base/assert.ts';
import { Violation } from './types.ts';

/** What a gated effect needs to be held by. */
export interface Gated {
  /** 0: not gated. */
  readonly afterSyncSeq: number;
}

/** Holds effects back until the sync that they wait for has been reported; lets them out in the order of their steps. */
export class OutputGate<Effect extends Gated> {
  #syncedSeq = 0;
  #held: Effect[] = [];

  get held(): number {
    return this.#held.length;
  }

  /** Takes the effect in; true when it may leave at once. */
  passes(effect: Effect): boolean {
    if (effect.afterSyncSeq <= this.#syncedSeq) return true;
    this.#held.push(effect);
    return false;
  }

  /** @returns what may leave now that everything at or below `syncSeq` is durable */
  synced(syncSeq: number): readonly Effect[] {
    assert(syncSeq > this.#syncedSeq, 'sync numbers rise');
    this.#syncedSeq = syncSeq;
    const free: Effect[] = [];
    const held: Effect[] = [];
    for (const effect of this.#held) (effect.afterSyncSeq <= syncSeq ? free : held).push(effect);
    this.#held = held;
    return free;
  }
}

/**
 * The disk's own word on every effect that leaves: what it depends on must be on the platter, not merely reported so. It
 * knows nothing of the gate, so that a gate, a batching rule or a machine that is wrong about durability is found out.
 */
export class DurabilityAudit {
  readonly #durableAppends: () => number;
  /** Sync numbers that are not yet known durable, with how many appends the disk had taken then; oldest first. */
  #pending: { readonly syncSeq: number; readonly appends: number }[] = [];
  #persistedSeq = 0;

  /** @param durableAppends how many of the disk's appends, counted from the first, no crash can take back */
  constructor(durableAppends: () => number) {
    this.#durableAppends = durableAppends;
  }

  /** The appends of this sync number have been made; `appends` is the disk's count behind them. */
  persisted(syncSeq: number, appends: number): void {
    if (syncSeq <= this.#persistedSeq) {
      throw new Violation('sync-order', `sync ${syncSeq} was persisted after ${this.#persistedSeq}`);
    }
    this.#persistedSeq = syncSeq;
    this.#pending.push({ syncSeq, appends });
  }

  /** @throws Violation when what the effect depends on could still be lost */
  leaves(effect: Gated & { readonly kind: string }): void {
    if (effect.afterSyncSeq === 0) return;
    if (effect.afterSyncSeq > this.#persistedSeq) {
      const detail = `a ${effect.kind} left that waits for sync ${effect.afterSyncSeq}, but nothing above ${this.#persistedSeq} was persisted`;
      throw new Violation('gated-effect', detail);
    }
    this.#forgetDurable();
    const first = this.#pending[0];
    if (first === undefined || first.syncSeq > effect.afterSyncSeq) return;
    const detail = `a ${effect.kind} left that waits for sync ${effect.afterSyncSeq}, while sync ${first.syncSeq} could still be lost`;
    throw new Violation('gated-effect', detail);
  }

  #forgetDurable(): void {
    const durable = this.#durableAppends();
    let count = 0;
    for (const { appends } of this.#pending) {
      if (appends > durable) break;
      count += 1;
    }
    if (count > 0) this.#pending.splice(0, count);
  }
}
