import { type NodeId } from '../../core/base/ids.ts';
import { type RaftMessage } from '../../core/raft/types.ts';
import { type StepObservation } from '../types.ts';

export interface Released {
  readonly to: NodeId;
  readonly message: RaftMessage;
}

/**
 * Follows what one incarnation of a member has let out to its peers: a message leaves at once, or with the `synced` event
 * that opens its gate. What waited for a sync that never came was never said, and binds nobody.
 */
export class ReleasedMessages {
  #synced = 0;
  #held: { readonly afterSyncSeq: number; readonly released: Released }[] = [];

  /** The messages that this step, or the sync that it reports, has let out. */
  observe(step: StepObservation): readonly Released[] {
    const released: Released[] = [];
    if (step.event.kind === 'synced') {
      this.#synced = step.event.syncSeq;
      const held = this.#held;
      if (held.length > 0) {
        this.#held = held.filter((waiting) => waiting.afterSyncSeq > this.#synced);
        for (const waiting of held) if (waiting.afterSyncSeq <= this.#synced) released.push(waiting.released);
      }
    }
    for (const effect of step.effects) {
      if (effect.kind !== 'send') continue;
      for (const { message } of effect.messages) {
        if (effect.afterSyncSeq <= this.#synced) released.push({ to: effect.to, message });
        else this.#held.push({ afterSyncSeq: effect.afterSyncSeq, released: { to: effect.to, message } });
      }
    }
    return released;
  }
}
