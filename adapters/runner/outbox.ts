import { type NodeId } from '../../core/base/ids.ts';
import { type PeerTransport } from './ports.ts';

/** What the steps of one turn have to say, by peer: each peer gets it in one piece. */
export class Outbox<Message> {
  readonly #byPeer = new Map<NodeId, readonly Message[]>();

  add(to: NodeId, messages: readonly Message[]): void {
    const waiting = this.#byPeer.get(to);
    this.#byPeer.set(to, waiting === undefined ? messages : waiting.concat(messages));
  }

  /** @returns how many messages were handed over */
  flush(transport: Pick<PeerTransport<Message, never>, 'send'>): number {
    if (this.#byPeer.size === 0) return 0;
    let count = 0;
    for (const [to, messages] of this.#byPeer) {
      count += messages.length;
      transport.send(to, messages);
    }
    this.#byPeer.clear();
    return count;
  }
}
