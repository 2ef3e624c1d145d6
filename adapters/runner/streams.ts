import { assert, unreachable } from '../../core/base/assert.ts';
import { type EndStreamEffect, type NotifyEffect } from '../../core/base/effects.ts';
import { type StreamEvent, type StreamTypes } from './protocol.ts';
import { type RunnerError } from './runner-error.ts';

/** The client's side of a stream: whoever serves the socket. None of it may throw. */
export interface StreamListener<Types extends StreamTypes> {
  /**
   * Called in the machine's own turn, so that an item goes to the transport without waiting. What it counts for is
   * handed to `drained` once the transport has taken it.
   */
  item(item: Types['item'], bytes: number): void;
  /** The machine's end of the stream, the last thing that is said. Undefined: a good end. */
  ended(refusal: Types['refusal'] | undefined): void;
  /** The runner stops: the last thing that is said. */
  failed(reason: RunnerError): void;
}

/** What the client's side does with its stream. Behind the end of the stream nothing of it has an effect. */
export interface StreamHandle<Request> {
  /**
   * Resolves when the machine has been stepped with it, or when the stream has ended. To wait for it before the next is
   * read is the back-pressure, and the bound: the runner keeps whatever it is given.
   */
  send(request: Request): Promise<void>;
  /** The transport has taken this much of what `item` counted. */
  drained(bytes: number): void;
  /** The client is gone. Nothing is said to the listener any more. */
  close(): void;
}

interface OpenStream<Types extends StreamTypes> {
  /** Undefined once the client is gone. */
  listener: StreamListener<Types> | undefined;
  /** The machine has been told of it. */
  known: boolean;
  /** Not yet reported to the machine; while there are any, one event waits for its step. */
  drainedBytes: number;
  /** Of the requests that wait for their step, in their order. */
  readonly stepped: (() => void)[];
}

export function isStreamEvent<Types extends StreamTypes>(event: {
  readonly kind: string;
}): event is StreamEvent<Types> {
  switch (event.kind) {
    case 'streamOpened':
    case 'streamReceived':
    case 'streamDrained':
    case 'streamClosed':
      return true;
    default:
      return false;
  }
}

/**
 * Streams between clients and a machine, by number.
 *
 * A stream ends once: by `endStream`, by `streamClosed`, or because the runner stops. What the other side still says then
 * crosses the end and is dropped.
 */
export class Streams<Types extends StreamTypes> {
  readonly #byId = new Map<number, OpenStream<Types>>();
  readonly #enqueue: (event: StreamEvent<Types>) => void;
  #lastId = 0;

  /** @param enqueue puts an event behind what waits for its step */
  constructor(enqueue: (event: StreamEvent<Types>) => void) {
    this.#enqueue = enqueue;
  }

  /** Streams of which the machine knows, or will: those whose client has left are in it until the machine is told. */
  get size(): number {
    return this.#byId.size;
  }

  open(opening: Types['opening'], listener: StreamListener<Types>): StreamHandle<Types['request']> {
    this.#lastId += 1;
    const streamId = this.#lastId;
    const stream: OpenStream<Types> = { listener, known: false, drainedBytes: 0, stepped: [] };
    this.#byId.set(streamId, stream);
    this.#enqueue({ kind: 'streamOpened', streamId, stream: opening });
    return {
      send: (request) => this.#send(streamId, stream, request),
      drained: (bytes) => this.#drained(streamId, stream, bytes),
      close: () => this.#close(streamId, stream),
    };
  }

  /** The event as the machine is to be told it now; undefined when the stream has ended while the event waited. */
  admit(event: StreamEvent<Types>): StreamEvent<Types> | undefined {
    const stream = this.#byId.get(event.streamId);
    if (stream === undefined) return undefined;
    switch (event.kind) {
      case 'streamOpened':
        if (stream.listener === undefined) {
          // Gone before the machine has heard of it: it never does.
          this.#forget(event.streamId, stream);
          return undefined;
        }
        stream.known = true;
        return event;
      case 'streamReceived': {
        stream.stepped.shift()?.();
        return stream.listener === undefined ? undefined : event;
      }
      case 'streamDrained': {
        const bytes = stream.drainedBytes;
        stream.drainedBytes = 0;
        return stream.listener === undefined ? undefined : { ...event, bytes };
      }
      case 'streamClosed':
        this.#forget(event.streamId, stream);
        return event;
      default:
        return unreachable(event);
    }
  }

  /** True when somebody was there to take it. */
  notify(effect: NotifyEffect<Types['item']>): boolean {
    const stream = this.#knownStream(effect.streamId);
    if (stream.listener === undefined) return false;
    stream.listener.item(effect.item, effect.bytes);
    return true;
  }

  end(effect: EndStreamEffect<Types['refusal']>): void {
    const stream = this.#knownStream(effect.streamId);
    this.#forget(effect.streamId, stream);
    stream.listener?.ended(effect.refusal);
  }

  /** The machine is not stepped any more. */
  clear(): void {
    this.#byId.clear();
  }

  /** The end of every stream. The machine, should it still be stepped, takes it for its client's leaving. */
  failAll(reason: RunnerError): void {
    for (const [streamId, stream] of [...this.#byId]) {
      const { listener } = stream;
      this.#close(streamId, stream);
      for (const resolve of stream.stepped.splice(0)) resolve();
      listener?.failed(reason);
    }
  }

  #knownStream(streamId: number): OpenStream<Types> {
    const stream = this.#byId.get(streamId);
    assert(stream?.known === true, 'a machine speaks to streams that it knows and has not ended');
    return stream;
  }

  #send(streamId: number, stream: OpenStream<Types>, request: Types['request']): Promise<void> {
    if (!this.#isOpen(streamId, stream)) return Promise.resolve();
    return new Promise((resolve) => {
      stream.stepped.push(resolve);
      this.#enqueue({ kind: 'streamReceived', streamId, request });
    });
  }

  #drained(streamId: number, stream: OpenStream<Types>, bytes: number): void {
    if (bytes === 0 || !this.#isOpen(streamId, stream)) return;
    const waits = stream.drainedBytes > 0;
    stream.drainedBytes += bytes;
    // What is drained until its step is part of it.
    if (!waits) this.#enqueue({ kind: 'streamDrained', streamId, bytes: 0 });
  }

  #close(streamId: number, stream: OpenStream<Types>): void {
    if (!this.#isOpen(streamId, stream)) return;
    stream.listener = undefined;
    if (stream.known) this.#enqueue({ kind: 'streamClosed', streamId });
  }

  #isOpen(streamId: number, stream: OpenStream<Types>): boolean {
    return stream.listener !== undefined && this.#byId.has(streamId);
  }

  #forget(streamId: number, stream: OpenStream<Types>): void {
    this.#byId.delete(streamId);
    for (const resolve of stream.stepped.splice(0)) resolve();
  }
}
