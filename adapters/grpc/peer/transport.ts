import { type NodeId } from '../../../core/base/ids.ts';
import { type StoreView } from '../../../core/storage/backend.ts';
import { type Address } from '../../config/address.ts';
import { type PeerTransport } from '../../runner/ports.ts';
import { type PeerCall, PeerClient } from './call.ts';
import { type LinkCodec, type LinkCounters, PeerLink } from './link.ts';
import { handshakeMetadata, type PeerIdentity, snapshotPath } from './protocol.ts';
import { streamSnapshot } from './snapshot-sender.ts';

export interface GrpcPeerTransportOptions<Message, Header> {
  readonly own: PeerIdentity;
  /** Every other member. */
  readonly peers: ReadonlyMap<NodeId, Address>;
  readonly codec: LinkCodec<Message> & { encodeHeader(header: Header): Uint8Array };
  readonly onConnected: (to: NodeId) => void;
  readonly onDisconnected: (to: NodeId, reason: string) => void;
}

/** For each peer: about what an inflight window of a Raft group may hold, twice. */
const queueBytesMax = 33_554_432;
const batchBytesMax = 1_048_576;
const reconnectMinMs = 50;
const reconnectMaxMs = 1_000;

/** Peers hold one batch of ours at most, and one message beyond it that closed the batch: an entry of 1.5 MiB or an append. */
export const peerReceiveBytesMax = 67_108_864;

/** The way to every other node of the cluster. */
export class GrpcPeerTransport<Message, Header> implements PeerTransport<Message, Header> {
  readonly #options: GrpcPeerTransportOptions<Message, Header>;
  readonly #links = new Map<NodeId, PeerLink<Message>>();
  /** Of snapshots that are being sent. */
  readonly #calls = new Set<PeerCall>();

  constructor(options: GrpcPeerTransportOptions<Message, Header>) {
    this.#options = options;
    for (const [to, address] of options.peers) {
      const { own, codec, onConnected, onDisconnected } = options;
      this.#links.set(
        to,
        new PeerLink({
          own,
          to,
          address,
          codec,
          queueBytesMax,
          batchBytesMax,
          reconnectMinMs,
          reconnectMaxMs,
          onConnected,
          onDisconnected,
        }),
      );
    }
  }

  send(to: NodeId, messages: readonly Message[]): void {
    this.#links.get(to)?.send(messages);
  }

  async sendSnapshot(to: NodeId, header: Header, view: StoreView, tables: readonly string[]): Promise<void> {
    const address = this.#options.peers.get(to);
    if (address === undefined) throw new Error(`node ${to} has no address`);
    // A connection of its own: bulk must not stand in front of heartbeats.
    const client = new PeerClient(address);
    const call = client.open(snapshotPath, handshakeMetadata(this.#options.own, to));
    this.#calls.add(call);
    try {
      await streamSnapshot(call, this.#options.codec.encodeHeader(header), view, tables);
    } finally {
      this.#calls.delete(call);
      call.cancel();
      client.close();
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
    // A peer that does not read would keep a stopped process waiting for its keepalive.
    for (const call of this.#calls) call.cancel();
  }
}
