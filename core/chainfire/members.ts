import { type NodeId } from '../base/ids.ts';
import { membersOf } from '../raft/configuration.ts';
import { type Configuration } from '../raft/types.ts';
import { type StorageBackend, type StoreWrite } from '../storage/backend.ts';
import { type Member } from './api/cluster.ts';
import { MemberAttributes } from './command.ts';
import { type InitialMember } from './member-protocol.ts';
import { metaTable } from './mvcc/keys.ts';

const rowPrefix = 'member/';
const rowEnd = 'member0';
const idDigits = 16;

/** What the members agree on before the log says anything else. */
export function initialConfigurationOf(members: readonly InitialMember[]): Configuration {
  const voters = members.map(({ id }) => id).sort((left, right) => left - right);
  return { voters, outgoing: [], learners: [] };
}

/** Names and addresses of members, as each has published its own through the log. */
export class MemberDirectory {
  readonly #initial: ReadonlyMap<NodeId, InitialMember>;
  readonly #published = new Map<NodeId, MemberAttributes>();
  /** Rows that have changed and are not yet written. */
  #writes: StoreWrite[] = [];

  constructor(initial: readonly InitialMember[], store: StorageBackend) {
    this.#initial = new Map(initial.map((member) => [member.id, member]));
    this.reload(store);
  }

  reload(store: StorageBackend): void {
    this.#published.clear();
    this.#writes = [];
    for (const [, bytes] of store.range(metaTable, { from: rowPrefix, to: rowEnd })) {
      const attributes = MemberAttributes.decode(bytes);
      this.#published.set(attributes.id as NodeId, attributes);
    }
  }

  takeWrites(): readonly StoreWrite[] {
    const writes = this.#writes;
    if (writes.length > 0) this.#writes = [];
    return writes;
  }

  /** What a member says of itself. Where its peers find it is agreed upon, and not for it to say. */
  publish(attributes: MemberAttributes): void {
    const known = this.attributes(attributes.id as NodeId);
    const peerUrls = known.peerUrls.length > 0 ? known.peerUrls : attributes.peerUrls;
    this.enter({ ...attributes, peerUrls });
  }

  enter(attributes: MemberAttributes): void {
    this.#published.set(attributes.id as NodeId, attributes);
    this.#writes.push({
      table: metaTable,
      key: rowKey(attributes.id),
      value: MemberAttributes.encode(attributes),
    });
  }

  leave(id: NodeId): void {
    this.#published.delete(id);
    this.#writes.push({ table: metaTable, key: rowKey(id), value: undefined });
  }

  /** All that is known of a member. */
  attributes(id: NodeId): MemberAttributes {
    const initial = this.#initial.get(id);
    return (
      this.#published.get(id) ?? {
        id,
        name: initial?.name ?? '',
        peerUrls: initial?.peerUrls ?? [],
        clientUrls: [],
      }
    );
  }

  /** True when everybody knows this of the member, which is its own to say. */
  hasPublished(attributes: MemberAttributes): boolean {
    const known = this.#published.get(attributes.id as NodeId);
    return known?.name === attributes.name && sameTexts(known.clientUrls, attributes.clientUrls);
  }

  initial(id: NodeId): InitialMember | undefined {
    return this.#initial.get(id);
  }

  /** The members of a configuration, by id. */
  list(configuration: Configuration): readonly Member[] {
    return membersOf(configuration).map((id) => {
      const { name, peerUrls, clientUrls } = this.attributes(id);
      const isVoter = configuration.voters.includes(id) || configuration.outgoing.includes(id);
      return {
        id: BigInt(id),
        name,
        peerUrls,
        clientUrls,
        isLearner: !isVoter,
      };
    });
  }
}

function rowKey(id: number): string {
  return rowPrefix + id.toString(16).padStart(idDigits, '0');
}

function sameTexts(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, at) => text === right[at]);
}
