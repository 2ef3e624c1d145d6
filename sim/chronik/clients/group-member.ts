import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { latin1FromBytes, bytesFromLatin1 } from '../../../core/base/bytes.ts';
import { between, type Prng } from '../../../core/base/prng.ts';
import { usPerMs } from '../../../core/base/units.ts';
import { type ApiName, type RequestOf, type ResponseOf } from '../../../core/wire/kafka/apis.ts';
import { kafkaErrors as errors } from '../../../core/wire/kafka/error-codes.ts';
import { type Partially } from '../../../core/wire/kafka/schema.ts';
import { type ChronikHistory, type GroupCommit } from '../history.ts';
import { type GroupPlan, type TopicPlan } from '../plan.ts';
import { type CallEnd, type KafkaLink } from './link.ts';

const backoffUs = 100 * usPerMs;
const callTimeoutUs = 3_000 * usPerMs;
/** How long others wait for a member, and a while for what is on its way. */
const rebalanceTimeoutMs = 6_000;
const joinTimeoutUs = (rebalanceTimeoutMs + 4_000) * usPerMs;
/** Offsets that nobody comes to otherwise: where one is told, a commit of a generation that was over has counted. */
const lateOffsetsFrom = 1_000_000;
const protocolType = 'consumer';
const protocol = 'range';

type Phase = 'away' | 'finding' | 'joining' | 'syncing' | 'fetching' | 'stable';

/**
 * A member of a consumer group: finds the coordinator, joins, shares out if it leads, asks how far the group has come with what
 * it was given, and goes on from there, one commit after the other. Now and then it leaves, or is killed and comes back knowing
 * nothing. It consumes no records: offsets are only counted on, so that they never fall unless a commit was lost.
 */
export class SimulatedGroupMember {
  readonly #link: KafkaLink;
  readonly #plan: GroupPlan;
  readonly #topic: TopicPlan;
  readonly #prng: Prng;
  readonly #history: ChronikHistory;
  readonly #instanceId: string | undefined;
  #coordinator: NodeId | undefined;
  #memberId = '';
  #generation = -1;
  /** The one before, in which it had something; −1: none. */
  #formerGeneration = -1;
  #phase: Phase = 'away';
  /** What it holds, and how far it has come with each. */
  #positions = new Map<number, number>();
  #lateCommits = 0;
  /** Counts its lives and attempts: an answer to an earlier one means nothing any more. */
  #life = 0;
  #stopped = false;
  /** Since it was told to stop it has committed. */
  #settled = false;

  constructor(options: {
    readonly link: KafkaLink;
    readonly plan: GroupPlan;
    readonly topics: readonly TopicPlan[];
    readonly instanceId: string | undefined;
    readonly prng: Prng;
    readonly history: ChronikHistory;
  }) {
    const [topic] = options.topics;
    if (topic === undefined) throw new RangeError('a group reads a topic');
    this.#link = options.link;
    this.#plan = options.plan;
    this.#topic = topic;
    this.#instanceId = options.instanceId;
    this.#prng = options.prng;
    this.#history = options.history;
  }

  start(): void {
    this.#find();
    this.#misfortune();
  }

  /** It stays, commits once more what it holds, and then only says that it is there. */
  stop(): void {
    this.#stopped = true;
    this.#settled = false;
    if (this.#phase === 'away') this.#find();
  }

  /** What is missing until it has settled; undefined when nothing is. */
  get lacks(): string | undefined {
    if (this.#phase !== 'stable') return `is ${this.#phase}`;
    return this.#settled || this.#positions.size === 0 ? undefined : 'has not committed since';
  }

  get generation(): number {
    return this.#generation;
  }

  /** It is killed, or leaves in order; and comes back later. */
  #misfortune(): void {
    const { world } = this.#link;
    world.after(between(this.#prng, 1, this.#plan.lifeUsMax), () => {
      if (this.#stopped) return;
      if (this.#coordinator !== undefined && this.#phase === 'stable' && this.#prng.chance(1, 2)) {
        const members = [{ memberId: this.#memberId, groupInstanceId: this.#instanceId }];
        this.#call(
          this.#coordinator,
          'leaveGroup',
          { groupId: this.#plan.groupId, members },
          () => undefined,
        );
      }
      this.#away();
      this.#memberId = '';
      world.after(between(this.#prng, 1, this.#plan.awayUsMax), () => {
        if (this.#phase === 'away') this.#find();
        this.#misfortune();
      });
    });
  }

  #away(): void {
    this.#life += 1;
    this.#phase = 'away';
    this.#positions = new Map();
  }

  /** Something was not as it should be: from the beginning, with the id that it has. */
  #again(errorCode?: number): void {
    this.#away();
    if (errorCode === errors.UNKNOWN_MEMBER_ID || errorCode === errors.FENCED_INSTANCE_ID)
      this.#memberId = '';
    const life = this.#life;
    this.#link.world.after(backoffUs, () => {
      if (this.#life === life) this.#find();
    });
  }

  #find(): void {
    this.#phase = 'finding';
    const asked = { key: this.#plan.groupId, keyType: 0 };
    this.#call(this.#link.anyNode(), 'findCoordinator', asked, (body) => {
      if (body.errorCode !== errors.NONE) return this.#again();
      this.#coordinator = nodeId(body.nodeId);
      return this.#join();
    });
  }

  #join(): void {
    this.#phase = 'joining';
    const asked = {
      groupId: this.#plan.groupId,
      sessionTimeoutMs: this.#plan.sessionTimeoutMs,
      rebalanceTimeoutMs,
      memberId: this.#memberId,
      groupInstanceId: this.#instanceId,
      protocolType,
      protocols: [{ name: protocol, metadata: bytesFromLatin1('all') }],
    };
    this.#ask('joinGroup', asked, (body) => {
      if (body.errorCode === errors.MEMBER_ID_REQUIRED) {
        this.#memberId = body.memberId;
        return this.#join();
      }
      if (body.errorCode !== errors.NONE) return this.#again(body.errorCode);
      this.#memberId = body.memberId;
      this.#generation = body.generationId;
      return this.#sync(body);
    });
  }

  #sync({ leader, members }: ResponseOf<'joinGroup'>): void {
    this.#phase = 'syncing';
    const shares = new Map<string, number[]>();
    if (leader === this.#memberId) {
      for (const { memberId } of members) shares.set(memberId, []);
      for (let partition = 0; partition < this.#topic.partitions && members.length > 0; partition += 1) {
        shares.get(members[partition % members.length]?.memberId ?? '')?.push(partition);
      }
    }
    const asked = {
      groupId: this.#plan.groupId,
      generationId: this.#generation,
      memberId: this.#memberId,
      groupInstanceId: this.#instanceId,
      assignments: [...shares].map(([memberId, held]) => ({
        memberId,
        assignment: bytesFromLatin1(held.join()),
      })),
    };
    this.#ask('syncGroup', asked, (body) => {
      if (body.errorCode !== errors.NONE) return this.#again(body.errorCode);
      const share = latin1FromBytes(body.assignment);
      return this.#fetch(share === '' ? [] : share.split(',').map(Number));
    });
  }

  #fetch(partitions: readonly number[]): void {
    this.#phase = 'fetching';
    const { nowUs } = this.#link.world;
    const { groupId } = this.#plan;
    const generation = this.#generation;
    const owner = this.#instanceId ?? this.#memberId;
    this.#history.shares.push({ atUs: nowUs, groupId, generation, owner, partitions });
    const topics = [{ name: this.#topic.name, partitionIndexes: partitions }];
    this.#ask('offsetFetch', { groupId, topics, requireStable: true }, (body) => {
      const found = body.topics[0]?.partitions ?? [];
      const failed = found.find(({ errorCode }) => errorCode !== errors.NONE);
      if (body.errorCode !== errors.NONE || failed !== undefined) return this.#again();
      for (const { partitionIndex, committedOffset } of found) {
        this.#positions.set(partitionIndex, committedOffset);
        this.#history.groupFetches.push({
          atUs: this.#link.world.nowUs,
          startUs: nowUs,
          groupId,
          generation,
          partition: partitionIndex,
          offset: committedOffset,
        });
      }
      this.#phase = 'stable';
      this.#commitLate(partitions);
      this.#formerGeneration = generation;
      this.#beat();
      return this.#commitLater();
    });
  }

  #beat(): void {
    const life = this.#life;
    this.#link.world.after(Math.floor((this.#plan.sessionTimeoutMs * usPerMs) / 3), () => {
      if (this.#life !== life) return;
      const asked = {
        groupId: this.#plan.groupId,
        generationId: this.#generation,
        memberId: this.#memberId,
        groupInstanceId: this.#instanceId,
      };
      this.#ask('heartbeat', asked, ({ errorCode }) => {
        if (errorCode === errors.NONE) this.#beat();
        else this.#again(errorCode);
      });
    });
  }

  #commitLater(): void {
    if (this.#positions.size === 0 || (this.#stopped && this.#settled)) return;
    const life = this.#life;
    this.#link.world.after(between(this.#prng, 1, this.#plan.thinkUsMax), () => {
      if (this.#life === life) this.#commit();
    });
  }

  #commit(): void {
    const { groupId } = this.#plan;
    const startUs = this.#link.world.nowUs;
    const commits = [...this.#positions].map(([partition, position]): GroupCommit => {
      const offset = position + 1;
      this.#positions.set(partition, offset);
      return {
        groupId,
        generation: this.#generation,
        partition,
        offset,
        startUs,
        endUs: undefined,
        error: undefined,
      };
    });
    this.#history.groupCommits.push(...commits);
    const stoppedBefore = this.#stopped;
    const asked = {
      groupId,
      generationIdOrMemberEpoch: this.#generation,
      memberId: this.#memberId,
      groupInstanceId: this.#instanceId,
      topics: [
        {
          name: this.#topic.name,
          partitions: commits.map(({ partition, offset }) => ({
            partitionIndex: partition,
            committedOffset: offset,
          })),
        },
      ],
    };
    this.#ask('offsetCommit', asked, (body) => {
      const answered = body.topics[0]?.partitions ?? [];
      for (const commit of commits) {
        commit.endUs = this.#link.world.nowUs;
        commit.error = answered.find(({ partitionIndex }) => partitionIndex === commit.partition)?.errorCode;
      }
      const failed = commits.find(({ error }) => error !== errors.NONE);
      if (failed !== undefined) return this.#again(failed.error);
      if (stoppedBefore) this.#settled = true;
      return this.#commitLater();
    });
  }

  /** A commit of the generation before, sent again when it is over: what a slow thread of the client's would do. */
  #commitLate(partitions: readonly number[]): void {
    const [partition] = partitions;
    if (partition === undefined || this.#formerGeneration < 0 || this.#coordinator === undefined) return;
    if (this.#formerGeneration >= this.#generation || !this.#prng.chance(1, 3)) return;
    this.#lateCommits += 1;
    const { groupId } = this.#plan;
    const generation = this.#formerGeneration;
    const offset = lateOffsetsFrom + this.#lateCommits;
    const startUs = this.#link.world.nowUs;
    const commit: GroupCommit = {
      groupId,
      generation,
      partition,
      offset,
      startUs,
      endUs: undefined,
      error: undefined,
    };
    this.#history.groupCommits.push(commit);
    const asked = {
      groupId,
      generationIdOrMemberEpoch: generation,
      memberId: this.#memberId,
      groupInstanceId: this.#instanceId,
      topics: [
        { name: this.#topic.name, partitions: [{ partitionIndex: partition, committedOffset: offset }] },
      ],
    };
    this.#call(this.#coordinator, 'offsetCommit', asked, (body) => {
      commit.endUs = this.#link.world.nowUs;
      commit.error = body.topics[0]?.partitions[0]?.errorCode;
    });
  }

  /** Asks the coordinator; without an answer another one is looked for. */
  #ask<A extends ApiName>(
    api: A,
    body: Partially<RequestOf<A>>,
    answered: (body: ResponseOf<A>) => void,
  ): void {
    if (this.#coordinator === undefined) this.#again();
    else this.#call(this.#coordinator, api, body, answered);
  }

  #call<A extends ApiName>(
    node: NodeId,
    api: A,
    body: Partially<RequestOf<A>>,
    answered: (body: ResponseOf<A>) => void,
  ): void {
    const life = this.#life;
    this.#link.call(node, api, body, {
      timeoutUs: api === 'joinGroup' || api === 'syncGroup' ? joinTimeoutUs : callTimeoutUs,
      ended: (end: CallEnd<A>) => {
        if (this.#life !== life) return;
        if (end.kind === 'answered') answered(end.body);
        else this.#again();
      },
    });
  }
}
