import { type SendEffect, type SendSnapshotEffect } from '../../core/base/effects.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type SegmentReader } from '../../core/storage/segment-files.ts';
import { WireError } from '../../core/wire/reader.ts';
import { type ProcessMachine, type ProcessTypes } from '../process-protocol.ts';
import { type SimulatedProcess } from '../process.ts';
import { Violation } from '../types.ts';
import { type World } from '../world.ts';
import { type Network } from './network.ts';
import { SnapshotStream } from './snapshot-stream.ts';

/** How a system writes down what its machines say to each other. What cannot be read back is thrown as a `WireError`. */
export interface PeerCodec<Message, Header> {
  /** @param segments the sender's files: what a message only names is in them */
  readonly encode: (messages: readonly Message[], segments: SegmentReader) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => readonly Message[];
  readonly encodeHeader: (header: Header) => Uint8Array;
  readonly decodeHeader: (bytes: Uint8Array) => Header;
  /** About what `encode` would make of them: enough for bandwidth and bounds, at a fraction of the price. */
  readonly bytesOf: (messages: readonly Message[]) => number;
}

/** A connection to nobody is refused after so long. */
const refusedUs = 1_000;

/**
 * The network port of the simulator: what one member has to say to another, from its effect to the other's event. It promises
 * what the real one does (`adapters/peer`), and is held to it by the same suite, test/contract/node-contract.ts.
 */
export class PeerCarriage<M extends ProcessMachine<T>, T extends ProcessTypes> {
  readonly #world: World;
  readonly #network: Network;
  readonly #codec: PeerCodec<T['message'], T['header']>;
  readonly #throughCodec: boolean;
  readonly #processOf: (member: NodeId) => SimulatedProcess<M, T> | undefined;

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly codec: PeerCodec<T['message'], T['header']>;
    /** Every message goes through its encoding. */
    readonly throughCodec: boolean;
    /** Where a member lives now, if anywhere. */
    readonly processOf: (member: NodeId) => SimulatedProcess<M, T> | undefined;
  }) {
    this.#world = options.world;
    this.#network = options.network;
    this.#codec = options.codec;
    this.#throughCodec = options.throughCodec;
    this.#processOf = options.processOf;
  }

  send(from: SimulatedProcess<M, T>, effect: SendEffect<T['message']>): void {
    const to = this.#processOf(effect.to);
    if (to === undefined) return;
    const { member } = from;
    const fromBoot = from.boot;
    const toBoot = to.boot;
    const encoded = this.#throughCodec ? this.#codec.encode(effect.messages, from.segments) : undefined;
    this.#network.send({
      from: from.node,
      to: to.node,
      bytes: encoded?.length ?? this.#codec.bytesOf(effect.messages),
      carriage: 'datagram',
      carries: effect,
      arrived: () => {
        // A connection is between two processes as they were; what it carried ends with either.
        if (to.boot !== toBoot || !from.connected(fromBoot)) return;
        const messages = encoded === undefined ? effect.messages : this.#readBack(encoded);
        to.deliver({ kind: 'received', from: member, messages });
      },
    });
  }

  sendSnapshot(from: SimulatedProcess<M, T>, effect: SendSnapshotEffect<T['header']>): void {
    const header = this.#throughCodec
      ? this.#codec.decodeHeader(this.#codec.encodeHeader(effect.header))
      : effect.header;
    const view = from.store.view(effect.viewId);
    const receiver = this.#processOf(effect.to);
    if (receiver === undefined) {
      // A connection is refused later than in the step that asks for it.
      view.close();
      this.#world.after(refusedUs, () => from.deliver({ kind: 'snapshotFailed', to: effect.to }));
      return;
    }
    const ends = { effect, sender: from, receiver, header, view };
    new SnapshotStream({ world: this.#world, network: this.#network, ...ends }).begin();
  }

  /** Whatever one member writes every member reads. @throws Violation */
  #readBack(encoded: Uint8Array): readonly T['message'][] {
    try {
      return this.#codec.decode(encoded);
    } catch (failure) {
      if (!(failure instanceof WireError)) throw failure;
      throw new Violation('codec', failure.message);
    }
  }
}
