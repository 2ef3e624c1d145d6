import { type StateForm } from '../base/capture.ts';
import { type NodeId } from '../base/ids.ts';
import { majorityOf } from '../raft/quorum.ts';
import { type Configuration, type RaftView } from '../raft/types.ts';
import { type StateMachine } from './apply.ts';
import { type Membership, type MemberChange, memberChangeKinds, memberChangeRefusals } from './membership.ts';

/** What a leader does about a change of the members: has Raft carry it out, or has the log say why not. */
export type ReconfigurationStep =
  | { readonly kind: 'propose'; readonly configuration: Configuration }
  | { readonly kind: 'refuse'; readonly change: MemberChange; readonly refusal: number };

/** A learner is in sync when it holds so much of what the leader holds: etcd's figure, in tenths. */
const readyTenths = 9;

/**
 * The leader's part in changes of the members: it alone knows who is there and who has caught up. It looks when a change
 * comes up and then at intervals, until the log has brought it to its end; a new leader begins where the old one was.
 *
 * A decision is taken on what everything committed has made of the members, so that a change which has ended is never begun
 * again. That nothing else is under way, and that the term has its first commit, is Raft's to insist on: what it refuses now
 * is asked again later.
 */
export class Reconfigurer {
  readonly #state: Pick<StateMachine, 'index'>;
  readonly #membership: Membership;
  readonly #raft: RaftView;
  readonly #retryUs: number;
  /** Log position of the change that was looked at last; 0: only of learners that aspire. */
  #lookedAt = 0;
  #againUs = 0;
  /** The refusal that this leader has put into the log already. */
  #refused = { index: 0, term: 0 };

  constructor(given: {
    readonly state: Pick<StateMachine, 'index'>;
    readonly membership: Membership;
    readonly raft: RaftView;
    readonly retryUs: number;
  }) {
    this.#state = given.state;
    this.#membership = given.membership;
    this.#raft = given.raft;
    this.#retryUs = given.retryUs;
  }

  /** When it is to look. */
  get dueUs(): number {
    const { change, aspirants } = this.#membership;
    if (this.#raft.role !== 'leader' || (change === undefined && aspirants.length === 0)) return Infinity;
    return change !== undefined && change.index !== this.#lookedAt ? 0 : this.#againUs;
  }

  /** Looks, and says what is to be done now. */
  look(nowUs: number): ReconfigurationStep | undefined {
    const { change } = this.#membership;
    this.#lookedAt = change?.index ?? 0;
    this.#againUs = nowUs + this.#retryUs;
    if (this.#state.index < this.#raft.commitIndex) return undefined;
    return change === undefined ? this.#promoteAspirant() : this.#carryOut(change);
  }

  /** The log has taken the refusal. */
  refusalTaken(change: MemberChange): void {
    this.#refused = { index: change.index, term: this.#raft.term };
  }

  passState(form: StateForm): void {
    this.#lookedAt = form.number('lookedAt', this.#lookedAt);
    this.#againUs = form.number('againUs', this.#againUs);
    this.#refused = form.object('refused', this.#refused, (fields, refused) => ({
      index: fields.number('index', refused.index),
      term: fields.number('term', refused.term),
    }));
  }

  #carryOut(change: MemberChange): ReconfigurationStep | undefined {
    const id = change.id as NodeId;
    const refusal = this.#refusalOf(change, id);
    // Who is away, a new leader does not know yet.
    if (!this.#raft.hasListened && (refusal !== undefined || !this.#isSurelyHere(change, id)))
      return undefined;
    if (refusal === undefined) return { kind: 'propose', configuration: this.#target(change.kind, id) };
    // What has begun is carried through.
    if (!this.#raft.configurationSettled) return undefined;
    const { index, term } = this.#refused;
    if (index === change.index && term === this.#raft.term) return undefined;
    return { kind: 'refuse', change, refusal };
  }

  #promoteAspirant(): ReconfigurationStep | undefined {
    const ready = this.#membership.aspirants.find((id) => this.#isReady(id as NodeId));
    if (ready === undefined) return undefined;
    return { kind: 'propose', configuration: this.#target(memberChangeKinds.promote, ready as NodeId) };
  }

  #refusalOf({ kind }: MemberChange, id: NodeId): number | undefined {
    const { voters } = this.#raft.configuration;
    const active = voters.filter((voter) => this.#isActive(voter));
    switch (kind) {
      case memberChangeKinds.add:
        return active.length < voters.length ? memberChangeRefusals.unhealthy : undefined;
      case memberChangeKinds.remove: {
        // Whoever is away is not missed; whoever is here must leave a quorum behind.
        if (!active.includes(id)) return undefined;
        const isSafe = active.length - 1 >= majorityOf(voters.length - 1);
        return isSafe ? undefined : memberChangeRefusals.unhealthy;
      }
      default:
        return this.#isReady(id) ? undefined : memberChangeRefusals.learnerNotReady;
    }
  }

  /** Whoever is removed as one who is away must be away. */
  #isSurelyHere({ kind }: MemberChange, id: NodeId): boolean {
    return kind !== memberChangeKinds.remove || this.#isActive(id);
  }

  #isActive(id: NodeId): boolean {
    return id === this.#raft.id || this.#raft.peer(id)?.active === true;
  }

  #isReady(id: NodeId): boolean {
    const peer = this.#raft.peer(id);
    if (peer === undefined || !peer.active || !peer.replicating) return false;
    return peer.matchIndex * 10 >= this.#raft.syncedIndex * readyTenths;
  }

  /** The configuration in force with one member come, gone or promoted. */
  #target(kind: number, id: NodeId): Configuration {
    const { voters, learners } = this.#raft.configuration;
    const others = { voters: without(voters, id), outgoing: [], learners: without(learners, id) };
    switch (kind) {
      case memberChangeKinds.add:
        return { ...others, learners: [...others.learners, id].sort(ascending) };
      case memberChangeKinds.remove:
        return others;
      default:
        return { ...others, voters: [...others.voters, id].sort(ascending) };
    }
  }
}

function without(ids: readonly NodeId[], id: NodeId): readonly NodeId[] {
  return ids.filter((other) => other !== id);
}

function ascending(left: number, right: number): number {
  return left - right;
}
