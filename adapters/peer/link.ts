import { connect, type Socket } from 'node:net';

import { type NodeId } from '../../core/base/ids.ts';
import { WireError } from '../../core/wire/reader.ts';
import { type Address } from '../config/address.ts';
import { FrameSocket } from './frame-socket.ts';
import { Accepted, frameKinds, Hello, helloOf, type PeerIdentity, Refused } from './protocol.ts';
import { SilenceWatch } from './silence-watch.ts';

export interface LinkCodec<Message> {
  /** One piece, or several that follow each other: what is long already need not be copied. */
  encode(messages: readonly Message[]): Uint8Array | readonly Uint8Array[];
  /** About how many bytes it takes on the wire; for the bound of the queue. */
  sizeOf(message: Message): number;
}

/** Opens a socket to a peer; TLS comes in here. @param name whom to expect there, where that is known */
export type Dial = (address: Address, name?: string) => Socket;
export const dialTcp: Dial = ({ host, port }) => connect({ host, port, noDelay: true });

export interface LinkOptions<Message> {
  readonly own: PeerIdentity;
  readonly to: NodeId;
  /** Where the peer may be, asked before every attempt: they may change, and each is tried in turn. */
  readonly addresses: () => readonly Address[];
  /** Its name, where it is known; asked before every attempt. */
  readonly name: () => string | undefined;
  readonly dial: Dial;
  readonly codec: LinkCodec<Message>;
  /** Messages waiting to be written; beyond it they are dropped. */
  readonly queueBytesMax: number;
  /** A batch is closed at this size, so that one encoding never holds the event loop for long. */
  readonly batchBytesMax: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** A peer that has not answered for this long is asked, and given up when it does not answer for as long again. */
  readonly keepaliveMs: number;
  readonly onConnected: (to: NodeId) => void;
  /** At the first failure after a connection, and when the reason changes: not at every attempt. */
  readonly onDisconnected: (to: NodeId, reason: string) => void;
}

export interface LinkCounters {
  sentMessages: number;
  sentBytes: number;
  droppedMessages: number;
}

type LinkState = 'connecting' | 'open' | 'waiting' | 'closed';

const nothing = new Uint8Array(0);

/**
 * The way to one peer: a connection that is opened again whenever it breaks.
 *
 * One write is under way at a time; what is sent meanwhile goes out together in the next one, so that a slow peer gets
 * larger batches rather than more of them. While the peer cannot be reached messages are dropped at once: when it is back
 * they would only be stale.
 */
export class PeerLink<Message> {
  readonly counters: LinkCounters = { sentMessages: 0, sentBytes: 0, droppedMessages: 0 };
  readonly #options: LinkOptions<Message>;
  #state: LinkState = 'waiting';
  #socket: FrameSocket | undefined;
  #silence: SilenceWatch | undefined;
  #queue: Message[] = [];
  #queuedBytes = 0;
  #writing = false;
  #retry: NodeJS.Timeout | undefined;
  #backoffMs: number;
  #lastReason = '';
  /** Which of its addresses is tried next. */
  #turn = 0;
  /** Where it was called last. */
  #address: Address | undefined;

  constructor(options: LinkOptions<Message>) {
    this.#options = options;
    this.#backoffMs = options.reconnectMinMs;
    this.#connect();
  }

  get connected(): boolean {
    return this.#state === 'open';
  }

  /** Where the peer was called last; while connected, where it is. */
  get address(): Address | undefined {
    return this.#address;
  }

  send(messages: readonly Message[]): void {
    if (this.#state === 'waiting' || this.#state === 'closed') {
      this.counters.droppedMessages += messages.length;
      return;
    }
    for (const message of messages) {
      const size = this.#options.codec.sizeOf(message);
      if (this.#queuedBytes + size > this.#options.queueBytesMax) {
        this.counters.droppedMessages += 1;
        continue;
      }
      this.#queue.push(message);
      this.#queuedBytes += size;
    }
    if (this.#state === 'open' && !this.#writing && this.#queue.length > 0) this.#write();
  }

  /** The peer is there: what waits for the next attempt waits no longer. */
  hurry(): void {
    if (this.#state !== 'waiting') return;
    clearTimeout(this.#retry);
    this.#backoffMs = this.#options.reconnectMinMs;
    this.#connect();
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#retry);
    this.#letGo();
  }

  #connect(): void {
    this.#state = 'connecting';
    const { own, to, addresses, name, dial, keepaliveMs } = this.#options;
    const known = addresses();
    const address = known[this.#turn % Math.max(1, known.length)];
    if (address === undefined) {
      this.#broken('no address of it is known');
      return;
    }
    this.#address = address;
    const socket = new FrameSocket(dial(address, name()), {
      frame: (kind, payload) => {
        this.#silence?.heard();
        if (this.#state === 'connecting') this.#onAnswer(kind, payload);
        else if (kind === frameKinds.refused) this.#broken(reasonOf(payload));
      },
      closed: (reason) => this.#broken(reason),
    });
    this.#socket = socket;
    this.#silence = new SilenceWatch(keepaliveMs, {
      due: () => {
        if (this.#state === 'open') socket.write(frameKinds.ping, nothing);
      },
      silent: () => this.#broken('the peer does not answer'),
    });
    // Goes out as soon as the socket is connected.
    socket.write(frameKinds.hello, Hello.encode(helloOf(own, to, 'exchange')));
  }

  #onAnswer(kind: number, payload: Uint8Array): void {
    const { to } = this.#options;
    if (kind === frameKinds.refused) return this.#broken(reasonOf(payload));
    if (kind !== frameKinds.accepted) return this.#broken('the answer to the handshake cannot be read');
    const { nodeId } = Accepted.decode(payload);
    if (nodeId !== to) return this.#broken(`node ${nodeId} answers where node ${to} should`);
    this.#state = 'open';
    this.#backoffMs = this.#options.reconnectMinMs;
    this.#lastReason = '';
    this.#options.onConnected(to);
    if (this.#queue.length > 0) this.#write();
  }

  #write(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    const { codec, batchBytesMax } = this.#options;
    let count = 0;
    let size = 0;
    while (count < this.#queue.length && (count === 0 || size < batchBytesMax)) {
      size += codec.sizeOf(this.#queue[count] as Message);
      count += 1;
    }
    const messages = count === this.#queue.length ? this.#queue : this.#queue.slice(0, count);
    this.#queue = count === this.#queue.length ? [] : this.#queue.slice(count);
    this.#queuedBytes -= size;
    const encoded = codec.encode(messages);
    const pieces = encoded instanceof Uint8Array ? [encoded] : encoded;
    this.#writing = true;
    socket.writePieces(frameKinds.messages, pieces, () => {
      if (this.#socket !== socket) return;
      this.#writing = false;
      this.counters.sentMessages += count;
      for (const { length } of pieces) this.counters.sentBytes += length;
      if (this.#queue.length > 0) this.#write();
    });
  }

  #broken(reason: string): void {
    if (this.#state === 'closed' || this.#state === 'waiting') return;
    this.#letGo();
    // Where it has just been it will be again; where it was not, the next address may be better.
    if (this.#state === 'connecting') this.#turn += 1;
    this.#state = 'waiting';
    if (reason !== this.#lastReason) {
      this.#lastReason = reason;
      this.#options.onDisconnected(this.#options.to, reason);
    }
    // Half of it is drawn, so that nodes that lost each other at once do not meet in step for ever.
    const waitMs = this.#backoffMs / 2 + Math.random() * (this.#backoffMs / 2);
    this.#backoffMs = Math.min(this.#backoffMs * 2, this.#options.reconnectMaxMs);
    this.#retry = setTimeout(() => this.#connect(), waitMs);
  }

  #letGo(): void {
    this.counters.droppedMessages += this.#queue.length;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#writing = false;
    this.#silence?.stop();
    this.#silence = undefined;
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}

/** What a refusal says: `WRONG_CLUSTER: node 2 refuses …`. */
export function reasonOf(payload: Uint8Array): string {
  try {
    const { code, reason } = Refused.decode(payload);
    return `${code}: ${reason}`;
  } catch (error) {
    if (error instanceof WireError) return 'a refusal that cannot be read';
    throw error;
  }
}
