import { nodeId } from '../../core/base/ids.ts';
import { type SendEffect } from '../../core/base/effects.ts';
import { type MemberResponse } from '../../core/chainfire/member-protocol.ts';
import { type GroupMessage } from '../../core/raft/types.ts';
import { type Address } from '../../sim/network/conditions.ts';
import { type Endpoint, type Packet, type StepNumber } from './types.ts';

/** What a packet carries, as the simulator's network names it. */
export type PacketLoad =
  | SendEffect<GroupMessage>
  | { readonly kind: 'reply'; readonly response: MemberResponse }
  | { readonly kind: string };

/** A packet as far as it has come. */
export class PacketRecord implements Packet {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly sentUs: number;
  readonly sentBy: StepNumber | undefined;
  arrivedUs: number | undefined = undefined;
  takenBy: StepNumber | undefined = undefined;
  readonly #load: PacketLoad;

  constructor(given: {
    readonly from: Endpoint;
    readonly to: Endpoint;
    readonly sentUs: number;
    readonly sentBy: StepNumber | undefined;
    readonly load: PacketLoad;
  }) {
    this.from = given.from;
    this.to = given.to;
    this.sentUs = given.sentUs;
    this.sentBy = given.sentBy;
    this.#load = given.load;
  }

  get what(): string {
    return nameOf(this.#load);
  }

  /** A faulty network has doubled it: the other one, which is still on its way. */
  twin(): PacketRecord {
    return new PacketRecord({ ...this, load: this.#load });
  }

  /** Whole: an encoder does not see what is made on demand. */
  toJSON(): Packet {
    const { from, to, sentUs, arrivedUs, sentBy, takenBy, what } = this;
    return { from, to, sentUs, arrivedUs, sentBy, takenBy, what };
  }
}

/** Each address's endpoint, one object for all packets. */
export class Endpoints {
  readonly #known = new Map<Address, Endpoint>();

  at(address: Address): Endpoint {
    let endpoint = this.#known.get(address);
    if (endpoint === undefined) {
      endpoint =
        address > 0 ? { kind: 'node', node: nodeId(address) } : { kind: 'client', client: -1 - address };
      this.#known.set(address, endpoint);
    }
    return endpoint;
  }
}

/** `appendRequest`, `put`, `put answered`: each kind once, in the order in which they stand. */
function nameOf(load: PacketLoad): string {
  if ('messages' in load) {
    return [...new Set(load.messages.map(({ message }) => message.kind))].join(' ');
  }
  if (!('response' in load)) return load.kind;
  const { response } = load;
  return response.kind === 'refused' ? `refused ${response.code}` : `${response.kind} answered`;
}
