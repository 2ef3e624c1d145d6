import { assert } from '../core/base/assert.ts';
import { type EndStreamEffect, type NotifyEffect } from '../core/base/effects.ts';
import { type NodeId } from '../core/base/ids.ts';
import { type Prng } from '../core/base/prng.ts';
import { type WatchRequest, type WatchResponse } from '../core/chainfire/api/watch.ts';
import { type MemberRefusal } from '../core/chainfire/member-protocol.ts';
import { type Network } from './network/network.ts';
import { type MemberMachine, type ProcessOf } from './member-machine.ts';
import { StreamConnection, type StreamOptions } from './stream-connection.ts';
import { Violation } from './types.ts';
import { type World } from './world.ts';

export type StreamOpening = Pick<
  StreamOptions<MemberMachine>,
  'client' | 'node' | 'stream' | 'reader' | 'received' | 'failed'
>;

/** The client's end of a stream. */
export interface ClientStream {
  send(request: WatchRequest): void;
  close(): void;
  vanish(withHost: boolean): void;
}

/** Every stream between clients and members. */
export class ClientStreams<M extends MemberMachine> {
  readonly #world: World;
  readonly #network: Network;
  readonly #prng: Prng;
  readonly #throughCodec: boolean;
  readonly #process: (node: NodeId) => ProcessOf<M>;
  /** By id: what a member may still have something to say on. */
  readonly #open = new Map<number, StreamConnection<M>>();
  #streamId = 0;
  #items = 0;

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly prng: Prng;
    readonly throughCodec: boolean;
    readonly process: (node: NodeId) => ProcessOf<M>;
  }) {
    this.#world = options.world;
    this.#network = options.network;
    this.#prng = options.prng;
    this.#throughCodec = options.throughCodec;
    this.#process = options.process;
  }

  /** Streams that members have not been told the end of. */
  get open(): number {
    return this.#open.size;
  }

  /** Items that machines have handed over so far. */
  get items(): number {
    return this.#items;
  }

  connect(opening: StreamOpening): ClientStream {
    this.#streamId += 1;
    const streamId = this.#streamId;
    const connection = new StreamConnection<M>({
      ...opening,
      streamId,
      process: this.#process(opening.node),
      world: this.#world,
      network: this.#network,
      prng: this.#prng.fork(`stream ${streamId}`),
      throughCodec: this.#throughCodec,
      forgotten: () => this.#open.delete(streamId),
    });
    this.#open.set(streamId, connection);
    connection.open();
    return connection;
  }

  /** @throws Violation when the machine speaks on a stream that it has ended itself, or that nobody opened */
  notify(process: ProcessOf<M>, effect: NotifyEffect<WatchResponse>): void {
    this.#items += 1;
    this.#known(process, effect)?.notify(effect);
  }

  endStream(process: ProcessOf<M>, effect: EndStreamEffect<MemberRefusal>): void {
    this.#known(process, effect)?.end(effect.refusal);
  }

  /** A process has ended, and its end of every stream with it. */
  ended(process: ProcessOf<M>): void {
    for (const [streamId, connection] of this.#open) {
      if (connection.node !== process.node || connection.boot !== process.boot) continue;
      this.#open.delete(streamId);
      connection.processEnded();
    }
  }

  /** Undefined when the client is gone and the machine may not have heard of it yet. */
  #known(
    process: ProcessOf<M>,
    effect: { readonly kind: string; readonly streamId: number },
  ): StreamConnection<M> | undefined {
    const { streamId } = effect;
    if (streamId > this.#streamId) throw new Violation('stream', `nobody opened stream ${streamId}`);
    const connection = this.#open.get(streamId);
    if (connection === undefined) return undefined;
    assert(connection.node === process.node, 'a stream has one member');
    if (connection.endedByMember) {
      const what = `${effect.kind} on stream ${streamId}, which n${process.node} has ended`;
      throw new Violation('stream', what);
    }
    return connection;
  }
}
