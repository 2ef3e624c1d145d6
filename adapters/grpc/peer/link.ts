import { type NodeId } from '../../../core/base/ids.ts';
import { type Infer } from '../../../core/wire/protobuf.ts';
import { WireError } from '../../../core/wire/reader.ts';
import { type Address } from '../../config/address.ts';
import { describeCallError, type PeerCall, PeerClient } from './call.ts';
import { Accepted, Batch, exchangePath, handshakeMetadata, type PeerIdentity } from './protocol.ts';

export interface LinkCodec<Message> {
  encode(messages: readonly Message[]): Uint8Array;
  /** About how many bytes it takes on the wire; for the bound of the queue. */
  sizeOf(message: Message): number;
}

export interface LinkOptions<Message> {
  readonly own: PeerIdentity;
  readonly to: NodeId;
  readonly address: Address;
  readonly codec: LinkCodec<Message>;
  /** Messages waiting to be written; beyond it they are dropped. */
  readonly queueBytesMax: number;
  /** A batch is closed at this size, so that one encoding never holds the event loop for long. */
  readonly batchBytesMax: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
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

/**
 * The way to one peer: a call that is opened again whenever it breaks.
 *
 * One write is under way at a time; what is sent meanwhile goes out together in the next one, so that a slow peer gets
 * larger batches rather than more of them. While the peer cannot be reached messages are dropped at once: when it is back
 * they would only be stale.
 */
export class PeerLink<Message> {
  readonly counters: LinkCounters = { sentMessages: 0, sentBytes: 0, droppedMessages: 0 };
  readonly #options: LinkOptions<Message>;
  readonly #client: PeerClient;
  #state: LinkState = 'waiting';
  #call: PeerCall | undefined;
  #queue: Message[] = [];
  #queuedBytes = 0;
  #writing = false;
  #retry: NodeJS.Timeout | undefined;
  #backoffMs: number;
  #lastReason = '';

  constructor(options: LinkOptions<Message>) {
    this.#options = options;
    this.#backoffMs = options.reconnectMinMs;
    this.#client = new PeerClient(options.address);
    this.#connect();
  }

  get connected(): boolean {
    return this.#state === 'open';
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
    if (this.#state === 'open' && !this.#writing) this.#write();
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#retry);
    this.#dropQueue();
    this.#call?.cancel();
    this.#call = undefined;
    this.#client.close();
  }

  #connect(): void {
    this.#state = 'connecting';
    const { own, to } = this.#options;
    const call = this.#client.open(exchangePath, handshakeMetadata(own, to));
    this.#call = call;
    call.on('data', (bytes: Uint8Array) => {
      if (this.#call !== call || this.#state !== 'connecting') return;
      const accepted = decodeAccepted(bytes);
      if (accepted === undefined) {
        this.#broken(call, 'the answer to the handshake cannot be read');
        return;
      }
      if (accepted.nodeId !== to) {
        this.#broken(call, `node ${accepted.nodeId} answers where node ${to} should`);
        return;
      }
      this.#state = 'open';
      this.#backoffMs = this.#options.reconnectMinMs;
      this.#lastReason = '';
      this.#options.onConnected(to);
      if (this.#queue.length > 0) this.#write();
    });
    call.on('error', (error: unknown) => this.#broken(call, describeCallError(error)));
    call.on('end', () => this.#broken(call, 'the peer ended the call'));
  }

  #write(): void {
    const call = this.#call;
    if (call === undefined) return;
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
    const bytes = Batch.encode({ messages: codec.encode(messages) });
    this.#writing = true;
    call.write(bytes, () => {
      if (this.#call !== call) return;
      this.#writing = false;
      this.counters.sentMessages += count;
      this.counters.sentBytes += bytes.length;
      if (this.#queue.length > 0) this.#write();
    });
  }

  #broken(call: PeerCall, reason: string): void {
    if (this.#call !== call) return;
    this.#call = undefined;
    this.#writing = false;
    this.#dropQueue();
    call.cancel();
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

  #dropQueue(): void {
    this.counters.droppedMessages += this.#queue.length;
    this.#queue = [];
    this.#queuedBytes = 0;
  }
}

/** Undefined for bytes that are no `Accepted`: whatever listens there is none of ours. */
function decodeAccepted(bytes: Uint8Array): Infer<typeof Accepted> | undefined {
  try {
    return Accepted.decode(bytes);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
