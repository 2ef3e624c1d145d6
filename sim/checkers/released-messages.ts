import { type NodeId } from '../../core/base/ids.ts';
import { type MemberEffect } from '../../core/chainfire/member-protocol.ts';
import { type RaftMessage } from '../../core/raft/types.ts';

export interface Released {
  readonly to: NodeId;
  readonly message: RaftMessage;
}

interface HeldMessage extends Released {
  readonly afterSyncSeq: number;
}

/**
 * Follows what one incarnation of a member has let out to its peers: a message leaves at once, or when the sync that it waits
 * for is reported, even if the member does not outlive the step in which it is told so. What waited for a sync that never
 * came was never said, and binds nobody.
 */
export class ReleasedMessages {
  #synced = 0;
  #held: HeldMessage[] = [];

  /** The messages that the sync has let out. */
  synced(syncSeq: number): readonly Released[] {
    this.#synced = syncSeq;
    const held = this.#held;
    if (held.length === 0) return held;
    this.#held = held.filter(({ afterSyncSeq }) => afterSyncSeq > syncSeq);
    return held.filter(({ afterSyncSeq }) => afterSyncSeq <= syncSeq);
  }

  /** The messages that this step has let out at once. */
  stepped(effects: readonly MemberEffect[]): readonly Released[] {
    const released: Released[] = [];
    for (const effect of effects) {
      if (effect.kind !== 'send') continue;
      for (const { message } of effect.messages) {
        if (effect.afterSyncSeq <= this.#synced) released.push({ to: effect.to, message });
        else this.#held.push({ afterSyncSeq: effect.afterSyncSeq, to: effect.to, message });
      }
    }
    return released;
  }
}
