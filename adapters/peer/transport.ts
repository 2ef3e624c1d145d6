import { type NodeId } from '../../core/base/ids.ts';
import { type StoreView } from '../../core/storage/backend.ts';
import { type Address } from '../config/address.ts';
import { type PeerTransport } from '../runner/ports.ts';
import { type Dial, dialTcp, type LinkCodec, type LinkCounters, PeerLink } from './link.ts';
import { OutgoingSnapshot } from './outgoing-snapshot.ts';
import { type PeerIdentity } from './protocol.ts';

export interface SocketPeerTransportOptions<Message, Header> {
  readonly own: PeerIdentity;
  /** Where a node may be, the likeliest first; asked before every call. Empty: nobody knows. */
  readonly addressesOf: (id: NodeId) => readonly Address[];
  /** Whom to expect there, where that is known. */
  readonly nameOf?: (id: NodeId) => string | undefined;
  readonly codec: LinkCodec<Message> & { encodeHeader(header: Header): Uint8Array };
  readonly onConnected: (to: NodeId) => void;
  readonly onDisconnected: (to: NodeId, reason: string) => void;
  /** Nothing was said for a while to a node that is no member: the way to it is given up. */
  readonly onGivenUp?: (to: NodeId) => void;
  /** Plain TCP by default. */
  readonly dial?: Dial;
  /** How long such a way is kept. */
  readonly passingMs?: number;
}

/** For each peer: about what an inflight window of a Raft group may hold, twice. */
const queueBytesMax = 33_554_432;
const batchBytesMax = 1_048_576;
/** A peer that restarts must be heard again within an election time-out. */
const reconnectMinMs = 50;
const reconnectMaxMs = 1_000;
const keepaliveMs = 3_000;
const snapshotStallMs = 10_000;
/** A member that was removed is told for a few election time-outs; one that is not known yet answers within one. */
const defaultPassingMs = 30_000;
/** Ways to nodes that are no members; beyond it what is said to further ones is dropped. */
const passingLinksMax = 32;

interface Way<Message> {
  readonly link: PeerLink<Message>;
  /** When something was last said to one that is no member; undefined for members, to whom a way is always kept open. */
  passingSinceMs: number | undefined;
}

/**
 * The way to every other node of the cluster: a connection to each for messages, and one more for each snapshot.
 *
 * Members are called as long as they are members. To another node a way is opened when there is something to say to it:
 * one that was removed and is to hear of it, one that is already a member and of which this node has not heard, one that
 * this node was told to ask.
 */
export class SocketPeerTransport<Message, Header> implements PeerTransport<Message, Header> {
  readonly #options: SocketPeerTransportOptions<Message, Header>;
  readonly #dial: Dial;
  readonly #passingMs: number;
  readonly #ways = new Map<NodeId, Way<Message>>();
  readonly #snapshots = new Set<OutgoingSnapshot>();
  readonly #sweep: NodeJS.Timeout;
  #passing = 0;
  #closed = false;

  constructor(options: SocketPeerTransportOptions<Message, Header>) {
    this.#options = options;
    this.#dial = options.dial ?? dialTcp;
    this.#passingMs = options.passingMs ?? defaultPassingMs;
    this.#sweep = setInterval(() => this.#giveUp(), this.#passingMs / 2);
    this.#sweep.unref();
  }

  /** Who the other members are now. */
  setMembers(members: readonly NodeId[]): void {
    if (this.#closed) return;
    for (const id of members) {
      const way = this.#ways.get(id) ?? this.#open(id);
      if (way.passingSinceMs !== undefined) this.#passing -= 1;
      way.passingSinceMs = undefined;
    }
    for (const [id, way] of this.#ways) {
      if (way.passingSinceMs !== undefined || members.includes(id)) continue;
      way.passingSinceMs = performance.now();
      this.#passing += 1;
    }
  }

  send(to: NodeId, messages: readonly Message[]): void {
    const way = this.#ways.get(to) ?? this.#openPassing(to);
    if (way === undefined) return;
    if (way.passingSinceMs !== undefined) way.passingSinceMs = performance.now();
    way.link.send(messages);
  }

  async sendSnapshot(to: NodeId, header: Header, view: StoreView, tables: readonly string[]): Promise<void> {
    const { own, codec, addressesOf, nameOf } = this.#options;
    const link = this.#ways.get(to)?.link;
    const address = (link?.connected === true ? link.address : undefined) ?? addressesOf(to)[0];
    if (address === undefined) throw new Error(`node ${to} has no address`);
    const snapshot = new OutgoingSnapshot(this.#dial(address, nameOf?.(to)), { own, to }, snapshotStallMs);
    this.#snapshots.add(snapshot);
    try {
      await snapshot.stream(codec.encodeHeader(header), view, tables);
    } finally {
      this.#snapshots.delete(snapshot);
    }
  }

  /**
   * A node has called: so it is there, and can be called. Without this, one that has just come back could lead before
   * everybody has a way to it, and what they hand to it would be lost.
   */
  called(from: NodeId): void {
    this.#ways.get(from)?.link.hurry();
  }

  connected(to: NodeId): boolean {
    return this.#ways.get(to)?.link.connected ?? false;
  }

  counters(): ReadonlyMap<NodeId, Readonly<LinkCounters>> {
    return new Map([...this.#ways].map(([to, { link }]) => [to, link.counters]));
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const { link } of this.#ways.values()) link.close();
    this.#ways.clear();
    // A peer that does not read would keep a stopped process waiting.
    for (const snapshot of this.#snapshots) snapshot.cancel();
  }

  #openPassing(to: NodeId): Way<Message> | undefined {
    if (this.#closed || this.#passing >= passingLinksMax) return undefined;
    if (this.#options.addressesOf(to).length === 0) return undefined;
    const way = this.#open(to);
    way.passingSinceMs = performance.now();
    this.#passing += 1;
    return way;
  }

  #open(to: NodeId): Way<Message> {
    const { own, codec, onConnected, onDisconnected, addressesOf, nameOf } = this.#options;
    const link = new PeerLink({
      ...{ own, to, codec, onConnected, onDisconnected, dial: this.#dial },
      ...{ queueBytesMax, batchBytesMax, reconnectMinMs, reconnectMaxMs, keepaliveMs },
      addresses: () => addressesOf(to),
      name: () => nameOf?.(to),
    });
    const way: Way<Message> = { link, passingSinceMs: undefined };
    this.#ways.set(to, way);
    return way;
  }

  #giveUp(): void {
    const beforeMs = performance.now() - this.#passingMs;
    for (const [id, { link, passingSinceMs }] of this.#ways) {
      if (passingSinceMs === undefined || passingSinceMs > beforeMs) continue;
      link.close();
      this.#ways.delete(id);
      this.#passing -= 1;
      this.#options.onGivenUp?.(id);
    }
  }
}
