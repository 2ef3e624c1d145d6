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

  constructor(initial: readonly InitialMember[], store: StorageBackend) {
    this.#initial = new Map(initial.map((member) => [member.id, member]));
    this.reload(store);
  }

  reload(store: StorageBackend): void {
    this.#published.clear();
    for (const [, bytes] of store.range(metaTable, { from: rowPrefix, to: rowEnd })) {
      const attributes = MemberAttributes.decode(bytes);
      this.#published.set(attributes.id as NodeId, attributes);
    }
  }

  /** @returns what to write */
  publish(attributes: MemberAttributes): StoreWrite {
    this.#published.set(attributes.id as NodeId, attributes);
    const key = rowPrefix + attributes.id.toString(16).padStart(idDigits, '0');
    return { table: metaTable, key, value: MemberAttributes.encode(attributes) };
  }

  /** True when everybody knows this of the member. */
  hasPublished(attributes: MemberAttributes): boolean {
    const known = this.#published.get(attributes.id as NodeId);
    return (
      known?.name === attributes.name &&
      sameTexts(known.peerUrls, attributes.peerUrls) &&
      sameTexts(known.clientUrls, attributes.clientUrls)
    );
  }

  initial(id: NodeId): InitialMember | undefined {
    return this.#initial.get(id);
  }

  /** The members of a configuration, by id. */
  list(configuration: Configuration): readonly Member[] {
    return membersOf(configuration).map((id) => {
      const published = this.#published.get(id);
      const initial = this.#initial.get(id);
      const isVoter = configuration.voters.includes(id) || configuration.outgoing.includes(id);
      return {
        id: BigInt(id),
        name: published?.name ?? initial?.name ?? '',
        peerUrls: published?.peerUrls ?? initial?.peerUrls ?? [],
        clientUrls: published?.clientUrls ?? [],
        isLearner: !isVoter,
      };
    });
  }
}

function sameTexts(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, at) => text === right[at]);
}
