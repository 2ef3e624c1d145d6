import { type NodeId } from '../base/ids.ts';
import { isJoint, membersOf } from '../raft/configuration.ts';
import { type Configuration } from '../raft/types.ts';
import { type StorageBackend, type StoreWrite } from '../storage/backend.ts';
import { enumeration, type Infer, message, nested, repeated, uint64 } from '../wire/protobuf.ts';
import {
  type Member,
  type MemberAddRequest,
  type MemberPromoteRequest,
  type MemberRemoveRequest,
  type MemberUpdateRequest,
} from './api/cluster.ts';
import { type ResponseHeader } from './api/kv.ts';
import { type MemberChangeRefused } from './command.ts';
import { type InitialMember, type MemberRefusal, type MemberResponse } from './member-protocol.ts';
import { type MemberDirectory } from './members.ts';
import { metaTable } from './mvcc/keys.ts';
import { etcdRefusal } from './refusals.ts';

/** Who asked for a change, so that one member, and this life of it alone, answers it. */
export interface ChangeOrigin {
  readonly member: number;
  readonly boot: number;
  readonly seq: number;
}

/** A change that the log has taken and that has not ended; at most one. */
const MemberChange = message('MemberChange', {
  /** Where it stands in the log; names it. */
  index: uint64(1),
  kind: enumeration(2),
  id: uint64(3),
  member: uint64(4),
  boot: uint64(5),
  seq: uint64(6),
});
export type MemberChange = Infer<typeof MemberChange>;

export const memberChangeKinds = { add: 1, remove: 2, promote: 3 } as const;
export const memberChangeRefusals = { unhealthy: 1, learnerNotReady: 2 } as const;

const MembershipRow = message('Membership', {
  /** The highest id that was ever given to a member. */
  lastId: uint64(1),
  change: nested(2, () => MemberChange),
  aspirants: repeated(uint64(3)),
});

/** A change that has come to its end, and what to tell whoever asked for it. */
export interface EndedChange {
  readonly change: MemberChange;
  readonly response: MemberResponse;
}

/** etcd's bound: each learner costs the leader a whole log. */
const learnersMax = 1;
const membershipRow = 'membership';

/**
 * What the log has made of the wish to change the members: a part of the replicated state.
 *
 * A request is a command like every other: applied, it is refused at once by what everybody knows, or it becomes the one
 * change under way. The leader then lets Raft carry it out, or has the log say why not (`Reconfigurer`); whichever comes
 * first ends it, and answers it, on every member alike. So no crash and no change of the leader leaves it half done, and a
 * refusal means that nothing will be done.
 *
 * A voter comes in as a learner that aspires: it is answered at once, which is when its operator learns its id and starts it,
 * and it becomes a voter by itself when it has caught up. One that never starts costs the others nothing.
 */
export class Membership {
  readonly #directory: MemberDirectory;
  readonly #initialLastId: number;
  #lastId: number;
  #change: MemberChange | undefined;
  /** Learners that are to become voters, ascending. */
  #aspirants: readonly number[] = [];
  #changed = false;

  constructor(directory: MemberDirectory, initial: readonly InitialMember[], store: StorageBackend) {
    this.#directory = directory;
    this.#initialLastId = initial.reduce((last, { id }) => Math.max(last, id), 0);
    this.#lastId = this.#initialLastId;
    this.reload(store);
  }

  reload(store: StorageBackend): void {
    const bytes = store.get(metaTable, membershipRow);
    const row = bytes === undefined ? undefined : MembershipRow.decode(bytes);
    this.#lastId = row?.lastId ?? this.#initialLastId;
    this.#change = row?.change;
    this.#aspirants = row?.aspirants ?? [];
    this.#changed = false;
  }

  get change(): MemberChange | undefined {
    return this.#change;
  }

  get aspirants(): readonly number[] {
    return this.#aspirants;
  }

  /** The state as bytes, for checksums: the same on all members at the same applied index. */
  encode(): Uint8Array {
    return MembershipRow.encode({ lastId: this.#lastId, change: this.#change, aspirants: this.#aspirants });
  }

  takeWrites(): readonly StoreWrite[] {
    if (!this.#changed) return [];
    this.#changed = false;
    return [{ table: metaTable, key: membershipRow, value: this.encode() }];
  }

  /** Was a member, or was to become one, and never will be again: ids are never given twice. */
  isRemoved(id: NodeId, configuration: Configuration): boolean {
    return id <= this.#lastId && this.#change?.id !== id && !membersOf(configuration).includes(id);
  }

  /** @returns a refusal; undefined when the change is under way */
  add(request: MemberAddRequest, at: Asked): MemberRefusal | undefined {
    if (this.#change !== undefined) return etcdRefusal('MEMBER_CHANGE_IN_PROGRESS');
    if (this.#hasPeerUrl(request.peerUrls, at.configuration)) return etcdRefusal('PEER_URL_EXISTS');
    if (request.isLearner) {
      const learners = at.configuration.learners.filter((id) => !this.#aspirants.includes(id));
      if (learners.length >= learnersMax) return etcdRefusal('TOO_MANY_LEARNERS');
    } else if (!this.#mayAddVoter(at.configuration)) {
      return etcdRefusal('NOT_ENOUGH_STARTED_MEMBERS');
    }
    this.#lastId += 1;
    const id = this.#lastId;
    this.#directory.enter({ id, name: '', peerUrls: request.peerUrls, clientUrls: [] });
    if (!request.isLearner) this.#aspirants = [...this.#aspirants, id];
    this.#begin('add', id, at);
    return undefined;
  }

  /** @returns a refusal; undefined when the change is under way */
  remove(request: MemberRemoveRequest, at: Asked): MemberRefusal | undefined {
    if (this.#change !== undefined) return etcdRefusal('MEMBER_CHANGE_IN_PROGRESS');
    const id = memberOf(at.configuration, request.id);
    if (id === undefined) return etcdRefusal('MEMBER_NOT_FOUND');
    if (at.configuration.voters.includes(id) && !this.#staysStarted(at.configuration, id)) {
      return etcdRefusal('NOT_ENOUGH_STARTED_MEMBERS');
    }
    this.#begin('remove', id, at);
    return undefined;
  }

  /** @returns a refusal; undefined when the change is under way */
  promote(request: MemberPromoteRequest, at: Asked): MemberRefusal | undefined {
    if (this.#change !== undefined) return etcdRefusal('MEMBER_CHANGE_IN_PROGRESS');
    const id = memberOf(at.configuration, request.id);
    if (id === undefined) return etcdRefusal('MEMBER_NOT_FOUND');
    if (!at.configuration.learners.includes(id)) return etcdRefusal('MEMBER_NOT_LEARNER');
    this.#begin('promote', id, at);
    return undefined;
  }

  /** Changes addresses only, and so is done at once. */
  update(request: MemberUpdateRequest, at: Asked): MemberResponse {
    const id = memberOf(at.configuration, request.id);
    if (id === undefined) return etcdRefusal('MEMBER_NOT_FOUND');
    const others = membersOf(at.configuration).filter((other) => other !== id);
    if (this.#hasPeerUrl(request.peerUrls, { voters: others, outgoing: [], learners: [] })) {
      return etcdRefusal('PEER_URL_EXISTS');
    }
    const known = this.#directory.attributes(id);
    this.#directory.enter({ ...known, peerUrls: request.peerUrls });
    const members = this.#directory.list(at.configuration);
    return { kind: 'memberUpdate', response: { header: headerOf(at.revision), members } };
  }

  /** The leader has found that the change cannot be carried out; its word holds in its own term only. */
  refused(command: MemberChangeRefused, at: Standing & { readonly term: number }): EndedChange | undefined {
    const change = this.#change;
    if (change === undefined || change.index !== command.index || command.term !== at.term) return undefined;
    if (isJoint(at.configuration)) return undefined;
    if (change.kind === memberChangeKinds.add) this.#forget(change.id);
    this.#end();
    const isUnready = command.refusal === memberChangeRefusals.learnerNotReady;
    return { change, response: etcdRefusal(isUnready ? 'LEARNER_NOT_READY' : 'UNHEALTHY') };
  }

  /** The configuration of an applied entry is in force for good. @returns the change that it carried out */
  configured(at: Standing): EndedChange | undefined {
    const { configuration } = at;
    if (isJoint(configuration)) return undefined;
    const voting = this.#aspirants.filter((id) => configuration.voters.includes(id as NodeId));
    if (voting.length > 0) this.#setAspirants((id) => !voting.includes(id));
    const change = this.#change;
    if (change === undefined || !isDone(change, configuration)) return undefined;
    if (change.kind === memberChangeKinds.remove) this.#forget(change.id);
    this.#end();
    return { change, response: this.#answer(change, at) };
  }

  #answer(change: MemberChange, { configuration, revision }: Standing): MemberResponse {
    const header = headerOf(revision);
    const members = this.#directory.list(configuration);
    switch (change.kind) {
      case memberChangeKinds.add: {
        const member = members.find(({ id }) => id === BigInt(change.id));
        return { kind: 'memberAdd', response: { header, member, members } };
      }
      case memberChangeKinds.remove:
        return { kind: 'memberRemove', response: { header, members } };
      default:
        return { kind: 'memberPromote', response: { header, members } };
    }
  }

  #begin(kind: keyof typeof memberChangeKinds, id: number, { index, origin }: Asked): void {
    this.#change = { index, kind: memberChangeKinds[kind], id, ...origin };
    this.#changed = true;
  }

  #end(): void {
    this.#change = undefined;
    this.#changed = true;
  }

  #forget(id: number): void {
    this.#directory.leave(id as NodeId);
    this.#setAspirants((aspirant) => aspirant !== id);
  }

  #setAspirants(stays: (id: number) => boolean): void {
    this.#aspirants = this.#aspirants.filter(stays);
    this.#changed = true;
  }

  #hasPeerUrl(urls: readonly string[], among: Configuration): boolean {
    return this.#directory.list(among).some(({ peerUrls }) => peerUrls.some((url) => urls.includes(url)));
  }

  /** Of those that vote or are to vote, so many have started that the newcomer could be missing (etcd's strict check). */
  #mayAddVoter(configuration: Configuration): boolean {
    const voting = this.#voting(configuration);
    const started = voting.filter(isStarted).length;
    if (started === 1 && voting.length === 1) return true;
    return started >= quorumOf(voting.length + 1);
  }

  /** Those that stay can decide without one another's help from members that have never started. */
  #staysStarted(configuration: Configuration, leaving: NodeId): boolean {
    const voting = this.#voting(configuration).filter(({ id }) => id !== BigInt(leaving));
    return voting.length > 0 && voting.filter(isStarted).length >= quorumOf(voting.length);
  }

  #voting(configuration: Configuration): readonly Member[] {
    return this.#directory
      .list(configuration)
      .filter(({ id, isLearner }) => !isLearner || this.#aspirants.includes(Number(id)));
  }
}

/** Where a command about members is applied. */
interface Standing {
  readonly configuration: Configuration;
  readonly revision: number;
}

interface Asked extends Standing {
  readonly index: number;
  readonly origin: ChangeOrigin;
}

function isDone({ kind, id }: MemberChange, { voters, learners }: Configuration): boolean {
  const votes = voters.includes(id as NodeId);
  switch (kind) {
    case memberChangeKinds.add:
      return votes || learners.includes(id as NodeId);
    case memberChangeKinds.remove:
      return !votes && !learners.includes(id as NodeId);
    default:
      return votes;
  }
}

/** The member of this id on the wire; undefined when there is none. */
function memberOf(configuration: Configuration, id: bigint): NodeId | undefined {
  return membersOf(configuration).find((member) => BigInt(member) === id);
}

/** A member has said its name once it has started. */
function isStarted({ name }: Member): boolean {
  return name !== '';
}

function quorumOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** What members differ in is filled in by the one that answers. */
function headerOf(revision: number): ResponseHeader {
  return { clusterId: 0n, memberId: 0n, revision, raftTerm: 0 };
}
