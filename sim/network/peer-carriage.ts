import { type SendEffect, type SendSnapshotEffect } from '../../core/base/effects.ts';
import { type NodeId } from '../../core/base/ids.ts';
import {
  decodeGroupMessages,
  decodeSnapshotHeader,
  encodeGroupMessages,
  encodeSnapshotHeader,
} from '../../core/raft/message-codec.ts';
import { type GroupMessage, type SnapshotHeader } from '../../core/raft/types.ts';
import { WireError } from '../../core/wire/reader.ts';
import { type ProcessMachine, type SimulatedProcess } from '../process.ts';
import { Violation } from '../types.ts';
import { type World } from '../world.ts';
import { messageBytes } from './message-size.ts';
import { type Network } from './network.ts';
import { SnapshotStream } from './snapshot-stream.ts';

/** A connection to nobody is refused after so long. */
const refusedUs = 1_000;

/**
 * The network port of the simulator: what one member has to say to another, from its effect to the other's event. It promises
 * what the real one does (`adapters/peer`), and is held to it by the same suite, test/contract/node-contract.ts.
 */
export class PeerCarriage<M extends ProcessMachine> {
  readonly #world: World;
  readonly #network: Network;
  readonly #throughCodec: boolean;
  readonly #processOf: (member: NodeId) => SimulatedProcess<M> | undefined;

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    /** Every message goes through its encoding. */
    readonly throughCodec: boolean;
    /** Where a member lives now, if anywhere. */
    readonly processOf: (member: NodeId) => SimulatedProcess<M> | undefined;
  }) {
    this.#world = options.world;
    this.#network = options.network;
    this.#throughCodec = options.throughCodec;
    this.#processOf = options.processOf;
  }

  send(from: SimulatedProcess<M>, effect: SendEffect<GroupMessage>): void {
    const to = this.#processOf(effect.to);
    if (to === undefined) return;
    const { member } = from;
    const fromBoot = from.boot;
    const toBoot = to.boot;
    const encoded = this.#throughCodec ? encodeGroupMessages(effect.messages) : undefined;
    this.#network.send({
      from: from.node,
      to: to.node,
      bytes: encoded?.length ?? messageBytes(effect.messages),
      carriage: 'datagram',
      carries: effect,
      arrived: () => {
        // A connection is between two processes as they were; what it carried ends with either.
        if (to.boot !== toBoot || !from.connected(fromBoot)) return;
        const messages = encoded === undefined ? effect.messages : readBack(encoded);
        to.deliver({ kind: 'received', from: member, messages });
      },
    });
  }

  sendSnapshot(from: SimulatedProcess<M>, effect: SendSnapshotEffect<SnapshotHeader>): void {
    const header = this.#throughCodec
      ? decodeSnapshotHeader(encodeSnapshotHeader(effect.header))
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
}

/** Whatever one member writes every member reads. @throws Violation */
function readBack(encoded: Uint8Array): readonly GroupMessage[] {
  try {
    return decodeGroupMessages(encoded);
  } catch (failure) {
    if (!(failure instanceof WireError)) throw failure;
    throw new Violation('codec', failure.message);
  }
}
