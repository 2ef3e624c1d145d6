import { assert, present } from '../../base/assert.ts';
import { noBytes } from '../../base/bytes.ts';
import { metadataFor, type Member, type MemberProtocol, type MemberTraits, newMember } from './member.ts';
import { type CommittedOffset, type StoredGroup } from './offset-records.ts';

/**
 * `Empty`: no members, perhaps offsets. `PreparingRebalance`: members are to join (again). `CompletingRebalance`: all have
 * joined, the leader is to say who gets what. `Stable`: they know. `Dead`: about to be forgotten.
 */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

/** A committed offset and where its record stands. */
export interface PlacedOffset {
  readonly committed: CommittedOffset;
  /**
   * In the log of `__consumer_offsets`. Of two records for one partition the later counts, also where the earlier one belongs
   * to a transaction that ends after it: compaction keeps the later one.
   */
  readonly recordOffset: number;
}

/** Members are to join: until all have, or for so long. */
export interface JoinPhase {
  deadlineUs: number;
  /** More time that a group which was empty gives others to come [group.initial.rebalance.delay.ms]; `undefined`: it was not. */
  initial: { remainingMs: number; newMemberCame: boolean } | undefined;
}

/** One consumer group: its members, its generation, its offsets. Knows no requests and no time but deadlines. */
export class Group {
  readonly id: string;
  /** Rises with every rebalance. 0: there was none. */
  generation = 0;
  protocolType: string | undefined = undefined;
  /** The one that the present generation shares out partitions by. */
  protocol: string | undefined = undefined;
  leader: string | undefined = undefined;
  /** Wall time at which it came into its state; −1 unknown. */
  stateSinceMs = -1;
  /** Set while members are to join. */
  joinPhase: JoinPhase | undefined = undefined;
  /** By when every member of the generation must have asked for its assignment. */
  syncDeadlineUs = Infinity;
  /** What the leader gave to whom, while it is being made durable. Undefined: it has said nothing yet, or everybody knows. */
  storing: ReadonlyMap<string, Uint8Array> | undefined = undefined;
  /** Member ids that were given out to be joined with (KIP-394), and until when. */
  readonly pendingMembers = new Map<string, number>();
  readonly offsets = new Map<string, Map<number, PlacedOffset>>();
  offsetCount = 0;
  /** Records of this group that are not durable yet. */
  inFlight = 0;
  /** Of a topic's partition, how many open transactions have committed an offset (KIP-98). */
  readonly unstable = new Map<string, number>();
  /** The earliest time at which the schedule will look at the group. */
  scheduledUs = Infinity;
  #state: GroupState = 'Empty';
  readonly #members = new Map<string, Member>();
  readonly #memberOfInstance = new Map<string, string>();
  /** Of each protocol, how many members know it. */
  readonly #supporters = new Map<string, number>();
  #awaitingJoin = 0;

  constructor(id: string) {
    this.id = id;
  }

  get state(): GroupState {
    return this.#state;
  }

  enter(state: GroupState, wallMs: number): void {
    assert(this.#state !== 'Dead', 'a dead group stays dead');
    assert(state !== 'Empty' || this.#members.size === 0, 'an empty group has no members');
    this.#state = state;
    this.stateSinceMs = wallMs;
  }

  get size(): number {
    return this.#members.size;
  }

  get awaitingJoin(): number {
    return this.#awaitingJoin;
  }

  /** In the order in which they joined first. */
  members(): IterableIterator<Member> {
    return this.#members.values();
  }

  member(id: string): Member | undefined {
    return this.#members.get(id);
  }

  memberOfInstance(instanceId: string): Member | undefined {
    const id = this.#memberOfInstance.get(instanceId);
    return id === undefined ? undefined : this.#members.get(id);
  }

  /** The first one leads. */
  add(id: string, traits: MemberTraits): Member {
    assert(!this.#members.has(id), 'a member joins once');
    const { instanceId } = traits;
    assert(instanceId === undefined || !this.#memberOfInstance.has(instanceId), 'an instance is one member');
    const member = newMember(id, traits);
    this.#members.set(id, member);
    if (instanceId !== undefined) this.#memberOfInstance.set(instanceId, id);
    this.#support(traits, 1);
    this.leader ??= id;
    return member;
  }

  /** Its requests must have been answered. */
  remove(member: Member): void {
    assert(
      member.joinRequestId === undefined && member.syncRequestId === undefined,
      'nobody is left waiting',
    );
    assert(this.#members.delete(member.id), 'a member leaves once');
    const { instanceId } = member.traits;
    if (instanceId !== undefined) this.#memberOfInstance.delete(instanceId);
    this.#support(member.traits, -1);
    if (this.leader === member.id) this.leader = this.#members.keys().next().value;
  }

  /**
   * A static member that comes back gets a new id and keeps all else, so that its former self is told apart (KIP-345). The
   * former one's requests must have been answered.
   */
  replace(former: Member, id: string): Member {
    const instanceId = present(former.traits.instanceId, 'only a static member is replaced');
    assert(
      former.joinRequestId === undefined && former.syncRequestId === undefined,
      'nobody is left waiting',
    );
    const member: Member = { ...former, id };
    // Members keep their order: the new self stands where the former stood.
    const others = [...this.#members.values()];
    this.#members.clear();
    for (const one of others) this.#members.set(one === former ? id : one.id, one === former ? member : one);
    this.#memberOfInstance.set(instanceId, id);
    if (this.leader === former.id) this.leader = id;
    return member;
  }

  setTraits(member: Member, traits: MemberTraits): void {
    this.#support(member.traits, -1);
    member.traits = traits;
    this.#support(traits, 1);
  }

  /** The member waits for the others. Whoever asked before in its name must have been answered. */
  awaitJoin(member: Member, requestId: number): void {
    assert(member.joinRequestId === undefined, 'a member joins with one request at a time');
    member.joinRequestId = requestId;
    this.#awaitingJoin += 1;
  }

  /** @returns the request to answer; undefined when none waits */
  takeJoin(member: Member): number | undefined {
    const requestId = member.joinRequestId;
    if (requestId === undefined) return undefined;
    member.joinRequestId = undefined;
    this.#awaitingJoin -= 1;
    return requestId;
  }

  takeSync(member: Member): number | undefined {
    const requestId = member.syncRequestId;
    member.syncRequestId = undefined;
    return requestId;
  }

  get everybodyJoined(): boolean {
    return this.#awaitingJoin === this.#members.size && this.pendingMembers.size === 0;
  }

  /** Whether a newcomer that knows these could be one of the group: somebody else's protocols must have one of them in common. */
  admits(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.#members.size === 0) return protocolType !== '' && protocols.length > 0;
    return (
      protocolType === this.protocolType &&
      protocols.some(({ name }) => this.#supporters.get(name) === this.#members.size)
    );
  }

  /** Each member votes for the first of its protocols that everybody knows; of those with most votes the first one voted for. */
  voteProtocol(): string {
    const votes = new Map<string, number>();
    for (const { traits } of this.#members.values()) {
      const choice = traits.protocols.find(({ name }) => this.#supporters.get(name) === this.#members.size);
      const { name } = present(choice, 'members have a protocol in common');
      votes.set(name, (votes.get(name) ?? 0) + 1);
    }
    let chosen = '';
    for (const [name, count] of votes) if (count > (votes.get(chosen) ?? 0)) chosen = name;
    assert(chosen !== '', 'a group with members has a protocol');
    return chosen;
  }

  /** The longest of its members'. */
  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { traits } of this.#members.values()) longest = Math.max(longest, traits.rebalanceTimeoutMs);
    return longest;
  }

  /** Of those who have joined, one leads. @returns whether there is one, or nobody to lead */
  electLeader(): boolean {
    if (this.#members.size === 0) return true;
    const leader = this.leader === undefined ? undefined : this.#members.get(this.leader);
    if (leader?.joinRequestId !== undefined) return true;
    for (const member of this.#members.values()) {
      if (member.joinRequestId === undefined) continue;
      this.leader = member.id;
      return true;
    }
    return false;
  }

  /** The next generation begins: with members, it is to be shared out; without, that is all. */
  beginGeneration(wallMs: number): void {
    this.generation += 1;
    this.joinPhase = undefined;
    if (this.#members.size === 0) {
      this.protocol = undefined;
      this.enter('Empty', wallMs);
      return;
    }
    this.protocol = this.voteProtocol();
    for (const member of this.#members.values()) member.assignment = noBytes;
    this.enter('CompletingRebalance', wallMs);
  }

  /** As it is kept, with the assignments given, or those that members have. */
  stored(assignments?: ReadonlyMap<string, Uint8Array>): StoredGroup {
    return {
      protocolType: this.protocolType ?? '',
      generation: this.generation,
      protocol: this.protocol,
      leader: this.leader,
      stateSinceMs: this.stateSinceMs,
      members: [...this.#members.values()].map((member) => ({
        id: member.id,
        instanceId: member.traits.instanceId,
        clientId: member.traits.clientId,
        clientHost: member.traits.clientHost,
        rebalanceTimeoutMs: member.traits.rebalanceTimeoutMs,
        sessionTimeoutMs: member.traits.sessionTimeoutMs,
        subscription: metadataFor(member, this.protocol),
        assignment: assignments === undefined ? member.assignment : (assignments.get(member.id) ?? noBytes),
      })),
    };
  }

  /** Becomes what was kept. */
  restore(stored: StoredGroup): void {
    assert(this.#members.size === 0, 'a group is restored once');
    this.generation = stored.generation;
    this.protocolType = stored.protocolType === '' ? undefined : stored.protocolType;
    this.protocol = stored.protocol;
    for (const one of stored.members) {
      const protocols = [{ name: stored.protocol ?? '', metadata: one.subscription }];
      const member = this.add(one.id, { ...one, protocols });
      member.assignment = one.assignment;
      member.isNew = false;
    }
    this.leader = stored.leader;
    this.enter(stored.members.length === 0 ? 'Empty' : 'Stable', stored.stateSinceMs);
  }

  offset(topic: string, partition: number): PlacedOffset | undefined {
    return this.offsets.get(topic)?.get(partition);
  }

  setOffset(topic: string, partition: number, placed: PlacedOffset): void {
    const ofTopic = this.offsets.get(topic) ?? new Map<number, PlacedOffset>();
    if (!ofTopic.has(partition)) this.offsetCount += 1;
    ofTopic.set(partition, placed);
    this.offsets.set(topic, ofTopic);
  }

  forgetOffset(topic: string, partition: number): void {
    const ofTopic = this.offsets.get(topic);
    if (ofTopic?.delete(partition) !== true) return;
    this.offsetCount -= 1;
    if (ofTopic.size === 0) this.offsets.delete(topic);
  }

  /** When it wants to be looked at: the earliest of its members' deadlines and its own. */
  earliestDeadlineUs(): number {
    let earliest = Math.min(this.joinPhase?.deadlineUs ?? Infinity, this.syncDeadlineUs);
    for (const deadlineUs of this.pendingMembers.values()) earliest = Math.min(earliest, deadlineUs);
    for (const member of this.#members.values()) earliest = Math.min(earliest, member.sessionDeadlineUs);
    return earliest;
  }

  #support({ protocols }: MemberTraits, by: 1 | -1): void {
    // A protocol that a member names twice counts once.
    for (const name of new Set(protocols.map((protocol) => protocol.name))) {
      const count = (this.#supporters.get(name) ?? 0) + by;
      if (count === 0) this.#supporters.delete(name);
      else this.#supporters.set(name, count);
    }
  }
}
