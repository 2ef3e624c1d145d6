import { type NodeId } from '../../core/base/ids.ts';
import { type Address, formatAddress } from '../config/address.ts';
import { PeerRefusal } from './protocol.ts';

/** Where a node is to be found. */
export interface PeerPlace {
  readonly id: NodeId;
  readonly name: string;
  readonly addresses: readonly Address[];
}

/** Nodes beside the members that may call at once: each costs a connection either way. */
const strangersMax = 32;

/**
 * Who the nodes of the cluster are, and where: the members as the cluster has agreed upon them, those that this node was
 * told of when it started, and those that call.
 *
 * A node that calls and is no member here may be one all the same, since this node may be behind; or it was removed and is
 * still to be told. Where it is to be found only itself can say. They are bounded; members are as many as the cluster has.
 */
export class AddressBook {
  readonly #own: NodeId;
  readonly #contacts: ReadonlyMap<NodeId, PeerPlace>;
  #members: ReadonlyMap<NodeId, PeerPlace> = new Map();
  /** Where those who call say that they are; the one that called last comes last. Members among them. */
  readonly #callers = new Map<NodeId, Address | undefined>();

  constructor(own: NodeId, contacts: readonly PeerPlace[]) {
    this.#own = own;
    this.#contacts = byId(contacts);
  }

  /** The other members, by id. */
  get members(): readonly NodeId[] {
    return [...this.#members.keys()];
  }

  /** The cluster has agreed upon its members, or upon where they are. */
  agreed(members: readonly PeerPlace[]): void {
    this.#members = byId(members.filter(({ id }) => id !== this.#own));
  }

  /**
   * A node calls, and says where it is.
   *
   * @throws PeerRefusal when there are too many that are no members
   */
  called(id: NodeId, address: Address | undefined): void {
    const known = this.#callers.get(id);
    if (!this.#isMember(id) && !this.#callers.has(id)) {
      const strangers = [...this.#callers.keys()].filter((caller) => !this.#isMember(caller));
      if (strangers.length >= strangersMax) {
        throw new PeerRefusal(
          'BUSY',
          `${strangersMax} nodes call that are no members, node ${id} is one more`,
        );
      }
    }
    this.#callers.delete(id);
    this.#callers.set(id, address ?? known);
  }

  /** A node that is no member is not spoken with any more. */
  forget(id: NodeId): void {
    if (!this.#isMember(id)) this.#callers.delete(id);
  }

  knows(id: NodeId): boolean {
    return id !== this.#own && (this.#isMember(id) || this.#callers.has(id));
  }

  nameOf(id: NodeId): string | undefined {
    const name = this.#members.get(id)?.name ?? this.#contacts.get(id)?.name;
    return name === '' ? undefined : name;
  }

  /** Where it may be, the likeliest first: what is agreed upon, what it says itself, what this node was told at its start. */
  addressesOf(id: NodeId): readonly Address[] {
    const called = this.#callers.get(id);
    const all = [
      ...(this.#members.get(id)?.addresses ?? []),
      ...(called === undefined ? [] : [called]),
      ...(this.#contacts.get(id)?.addresses ?? []),
    ];
    const seen = new Set<string>();
    return all.filter((address) => {
      const text = formatAddress(address);
      if (seen.has(text)) return false;
      seen.add(text);
      return true;
    });
  }

  #isMember(id: NodeId): boolean {
    return this.#members.has(id) || this.#contacts.has(id);
  }
}

function byId(places: readonly PeerPlace[]): ReadonlyMap<NodeId, PeerPlace> {
  return new Map(places.map((place) => [place.id, place]));
}
