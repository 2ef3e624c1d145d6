import { assert } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';
import { type GroupId, type NodeId } from '../base/ids.ts';
import { type GroupMessage, type RaftMessage, type RaftNodeEffect } from './types.ts';

interface OpenSend {
  readonly kind: 'send';
  readonly to: NodeId;
  readonly afterSyncSeq: number;
  readonly messages: GroupMessage[];
}

/** What the groups of a node bring forth in one step; messages to one peer under one condition become one `send`. */
export class Outbox {
  /** Highest sync number that was reported. A message that waits for no more than that is not gated. */
  syncedSeq = 0;
  #sends: OpenSend[] = [];
  #effects: RaftNodeEffect[] = [];

  /** @param afterSyncSeq what must be durable before the message may leave; 0: nothing */
  send(group: GroupId, to: NodeId, message: RaftMessage, afterSyncSeq = 0): void {
    const gate = afterSyncSeq > this.syncedSeq ? afterSyncSeq : 0;
    let send = this.#sends.find((open) => open.to === to && open.afterSyncSeq === gate);
    if (send === undefined) {
      send = { kind: 'send', to, messages: [], afterSyncSeq: gate };
      this.#sends.push(send);
    }
    send.messages.push({ group, message });
  }

  emit(effect: RaftNodeEffect): void {
    this.#effects.push(effect);
  }

  /** Everything since the last call, sends first, each in the order of their making. */
  take(): RaftNodeEffect[] {
    const effects: RaftNodeEffect[] = this.#sends;
    for (const effect of this.#effects) effects.push(effect);
    this.#sends = [];
    this.#effects = [];
    return effects;
  }

  passState(form: StateForm): void {
    assert(this.#sends.length === 0 && this.#effects.length === 0, 'a node is captured between two steps');
    this.syncedSeq = form.number('syncedSeq', this.syncedSeq);
  }
}
