import { type NodeId } from '../../core/base/ids.ts';
import { type StoreView } from '../../core/storage/backend.ts';
import { type Address } from '../config/address.ts';
import { type PeerTransport } from '../runner/ports.ts';
import { type Dial, dialTcp, type LinkCodec, type LinkCounters, PeerLink } from './link.ts';
import { OutgoingSnapshot } from './outgoing-snapshot.ts';
import { type PeerIdentity } from './protocol.ts';

export interface SocketPeerTransportOptions<Message, Header> {
  readonly own: PeerIdentity;
  /** Every other member. */
  readonly peers: ReadonlyMap<NodeId, Address>;
  readonly codec: LinkCodec<Message> & { encodeHeader(header: Header): Uint8Array };
  readonly onConnected: (to: NodeId) => void;
  readonly onDisconnected: (to: NodeId, reason: string) => void;
  /** Plain TCP by default. */
  readonly dial?: Dial;
}

/** For each peer: about what an inflight window of a Raft group may hold, twice. */
const queueBytesMax = 33_554_432;
const batchBytesMax = 1_048_576;
/** A peer that restarts must be heard again within an election time-out. */
const reconnectMinMs = 50;
const reconnectMaxMs = 1_000;
const keepaliveMs = 3_000;
const snapshotStallMs = 10_000;

/** The way to every other node of the cluster: a connection to each for messages, and one more for each snapshot. */
export class SocketPeerTransport<Message, Header> implements PeerTransport<Message, Header> {
  readonly #options: SocketPeerTransportOptions<Message, Header>;
  readonly #dial: Dial;
  readonly #links = new Map<NodeId, PeerLink<Message>>();
  readonly #snapshots = new Set<OutgoingSnapshot>();

  constructor(options: SocketPeerTransportOptions<Message, Header>) {
    this.#options = options;
    this.#dial = options.dial ?? dialTcp;
    const { own, codec, onConnected, onDisconnected } = options;
    const same = {
      ...{ own, codec, onConnected, onDisconnected, dial: this.#dial },
      ...{ queueBytesMax, batchBytesMax, reconnectMinMs, reconnectMaxMs, keepaliveMs },
    };
    for (const [to, address] of options.peers) this.#links.set(to, new PeerLink({ ...same, to, address }));
  }

  send(to: NodeId, messages: readonly Message[]): void {
    this.#links.get(to)?.send(messages);
  }

  async sendSnapshot(to: NodeId, header: Header, view: StoreView, tables: readonly string[]): Promise<void> {
    const { own, codec, peers } = this.#options;
    const address = peers.get(to);
    if (address === undefined) throw new Error(`node ${to} has no address`);
    const snapshot = new OutgoingSnapshot(this.#dial(address), { own, to }, snapshotStallMs);
    this.#snapshots.add(snapshot);
    try {
      await snapshot.stream(codec.encodeHeader(header), view, tables);
    } finally {
      this.#snapshots.delete(snapshot);
    }
  }

  connected(to: NodeId): boolean {
    return this.#links.get(to)?.connected ?? false;
  }

  counters(): ReadonlyMap<NodeId, Readonly<LinkCounters>> {
    return new Map([...this.#links].map(([to, link]) => [to, link.counters]));
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    // A peer that does not read would keep a stopped process waiting.
    for (const snapshot of this.#snapshots) snapshot.cancel();
  }
}
