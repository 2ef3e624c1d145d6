import { assert, unreachable } from '../../base/assert.ts';
import { type Machine } from '../../base/machine.ts';
import { type Prng } from '../../base/prng.ts';
import { type PlasmaMutation, type PlasmaQuery, type PlasmaRequest } from '../api.ts';
import { type Authorizer } from '../authorizer.ts';
import { type Revision } from '../types.ts';
import { Desk } from './desk.ts';
import { Election, type ElectionNews } from './election.ts';
import { Leader, type LeaderEnd } from './leader.ts';
import {
  type ControlPlaneEffect,
  type ControlPlaneEvent,
  type ControlPlaneRequest,
  type KvOutcome,
} from './protocol.ts';
import { checkControlPlaneSettings, type ControlPlaneSettings } from './settings.ts';
import { Takeover, type TakeoverNews } from './takeover.ts';

/** Who leads, as far as a server knows: may be asked all the time, however large the cloud is. */
export interface ControlPlaneStanding {
  /** `following`: another leads, or nobody does. `taking over`: reads what there is. */
  readonly role: 'following' | 'campaigning' | 'taking over' | 'leading';
  /** Position of the leader among the servers, as far as this one knows. */
  readonly leader: number | undefined;
  /** Why it does not lead though it could; empty: nothing is wrong. */
  readonly trouble: string;
}

/** What a server shows of itself: for metrics, `/ready` and operators. */
export interface ControlPlaneStatus extends ControlPlaneStanding {
  /** Revision of the store at which this one became leader; 0: it is not. */
  readonly term: number;
  /** Of the last commit that this one knows of. */
  readonly revision: Revision;
  readonly vms: number;
  readonly vmsPending: number;
  /** Shared disks that are deleted, and of which something may be there still. */
  readonly disksLeaving: number;
  readonly nodesUp: number;
  readonly nodesSilent: number;
  readonly nodesLost: number;
  /** Requests that have no answer yet. */
  readonly requestsWaiting: number;
  readonly commits: number;
  readonly commitsUnknown: number;
  readonly termsWon: number;
  readonly termsLost: number;
}

/** What this one is in its term; undefined: it has none. */
type Term = { readonly term: number; attempts: number } & (
  | { readonly kind: 'taking over'; readonly takeover: Takeover }
  | { readonly kind: 'leading'; readonly leader: Leader }
);

/**
 * A server of the control plane. One of them leads: the one whose lease in the store holds the leader's key. It decides
 * everything in memory and commits it to the store, one transaction at a time, each of which checks that it still leads; the
 * others point callers to it.
 */
export class ControlPlane implements Machine<ControlPlaneEvent, ControlPlaneEffect> {
  readonly #settings: ControlPlaneSettings;
  readonly #authorizer: Authorizer;
  readonly #prng: Prng;
  readonly #desk: Desk;
  readonly #election: Election;
  #term: Term | undefined;
  #trouble = '';
  /** Requests to leave that are to be answered. Beyond the first nothing else is served. */
  #leaves: number[] = [];
  #leaving = false;
  #revision: Revision = 0;
  /** Of terms that are over. */
  #commits = 0;
  #commitsUnknown = 0;
  #termsWon = 0;
  #termsLost = 0;

  constructor(settings: ControlPlaneSettings, authorizer: Authorizer, prng: Prng, nowUs: number) {
    checkControlPlaneSettings(settings);
    this.#settings = settings;
    this.#authorizer = authorizer;
    this.#prng = prng.fork('ids');
    this.#desk = new Desk(nowUs);
    this.#election = new Election(settings, this.#desk, prng.fork('election'));
  }

  get deadlineUs(): number {
    const leaderUs = this.#term?.kind === 'leading' ? this.#term.leader.deadlineUs : Infinity;
    return Math.min(this.#election.deadlineUs, leaderUs);
  }

  get standing(): ControlPlaneStanding {
    return {
      role: this.#term?.kind ?? (this.#election.isCampaigning ? 'campaigning' : 'following'),
      leader: this.#election.leader,
      trouble: this.#trouble,
    };
  }

  get status(): ControlPlaneStatus {
    const leader = this.#leader;
    const nodes = leader === undefined ? [] : [...leader.memory.committed.nodes.values()];
    const lost = nodes.filter((node) => node.lost !== undefined).length;
    const silent = leader?.sessions.silent ?? 0;
    return {
      ...this.standing,
      term: this.#term?.term ?? 0,
      revision: leader?.commits.revision ?? this.#revision,
      vms: leader?.memory.committed.vms.size ?? 0,
      vmsPending: leader?.pendingCount ?? 0,
      disksLeaving: leader?.memory.committed.deletedDisks.size ?? 0,
      nodesUp: nodes.length - lost - silent,
      nodesSilent: silent,
      nodesLost: lost,
      requestsWaiting: this.#desk.openRequests,
      commits: this.#commits + (leader?.commits.done ?? 0),
      commitsUnknown: this.#commitsUnknown + (leader?.commits.unknown ?? 0),
      termsWon: this.#termsWon,
      termsLost: this.#termsLost,
    };
  }

  step(event: ControlPlaneEvent, nowUs: number): readonly ControlPlaneEffect[] {
    assert(nowUs >= this.#desk.nowUs, 'time is monotonic');
    this.#desk.begin(nowUs);
    this.#dispatch(event);
    const end = this.#leader?.endStep();
    if (end !== undefined) this.#endLeading(end);
    if (this.#leaves.length > 0) this.#leaveOn();
    return this.#desk.takeEffects();
  }

  get #leader(): Leader | undefined {
    return this.#term?.kind === 'leading' ? this.#term.leader : undefined;
  }

  #dispatch(event: ControlPlaneEvent): void {
    switch (event.kind) {
      case 'tick':
        this.#election.onTick();
        break;
      case 'wallClock':
        this.#desk.onWallClock(event.wallUs);
        break;
      case 'requested':
        this.#onRequested(event.requestId, event.request);
        break;
      case 'cancelled':
        this.#desk.cancelled(event.requestId);
        this.#leader?.onCancelled(event.requestId);
        break;
      case 'kvAnswered':
        this.#onAnswered(event.kvId, event.outcome);
        break;
      case 'storageAnswered':
      case 'storageFailed':
        this.#leader?.onStorage(event);
        break;
      case 'kvLeaseLost':
        this.#onElection(this.#election.onLeaseLost(event.lease, event.reason));
        break;
      default:
        unreachable(event);
    }
  }

  #onRequested(requestId: number, { caller, call }: ControlPlaneRequest): void {
    this.#desk.opened(requestId, call.service);
    if (call.service === 'server') {
      this.#onLeave(requestId);
      return;
    }
    const denied = this.#authorizer.refuses(caller, call);
    if (denied !== undefined && (call.service === 'agent' || !isMutation(call.request))) {
      this.#desk.refuse(requestId, 'PERMISSION_DENIED', denied);
      return;
    }
    const leader = this.#leaving ? undefined : this.#leader;
    if (leader === undefined) {
      this.#desk.refuse(requestId, 'NOT_LEADER', this.#whyNot(), this.#pointedTo());
    } else if (call.service === 'agent') {
      leader.onAgent(requestId, call.request);
    } else if (isMutation(call.request)) {
      leader.onMutation(requestId, caller, call.request, denied);
    } else {
      leader.onQuery(requestId, call.request);
    }
  }

  #onLeave(requestId: number): void {
    this.#leaving = true;
    this.#leaves.push(requestId);
    this.#leader?.leave(stopping);
    this.#election.leave();
  }

  /** One step after the other: the commit under way is settled, the leader's key goes, and it is said that it is gone. */
  #leaveOn(): void {
    if (this.#leader?.isSettled === false) return;
    if (this.#term !== undefined) {
      this.#endTerm({ kind: 'deposed', reason: stopping });
      this.#election.handOver();
    }
    if (!this.#election.isOut) return;
    for (const requestId of this.#leaves) this.#desk.reply(requestId, { kind: 'left' });
    this.#leaves = [];
  }

  #onAnswered(kvId: number, outcome: KvOutcome): void {
    this.#onElection(this.#election.onAnswered(kvId, outcome));
    if (this.#term?.kind === 'leading') this.#term.leader.onAnswered(kvId, outcome);
    else if (this.#term?.kind === 'taking over')
      this.#onTakeover(this.#term.takeover.onAnswered(kvId, outcome));
  }

  #onElection(news: ElectionNews): void {
    if (news === undefined) return;
    if (news.kind === 'won') {
      this.#termsWon += 1;
      this.#takeOver(news.term, 0);
    } else {
      this.#endTerm({ kind: 'deposed', reason: news.reason });
    }
  }

  #takeOver(term: number, attempts: number): void {
    const takeover = new Takeover(this.#settings, this.#desk, term);
    this.#term = { kind: 'taking over', term, attempts, takeover };
  }

  #onTakeover(news: TakeoverNews): void {
    const term = this.#term;
    if (news === undefined || term === undefined) return;
    if (news.kind === 'read') {
      this.#trouble = '';
      const { memory, last } = news;
      const { term: number, attempts } = term;
      const leader = new Leader(this.#settings, this.#desk, this.#prng, number, memory, {
        ...last,
        attempts,
      });
      this.#term = { kind: 'leading', term: number, attempts, leader };
      return;
    }
    // Another server would find the same wrong rows; it is for people to see, and this one tries again.
    if (news.kind === 'failed') this.#trouble = news.reason;
    this.#election.resign();
    this.#endTerm({ kind: 'deposed', reason: news.reason });
  }

  #endLeading(end: LeaderEnd): void {
    const term = this.#term;
    if (term?.kind !== 'leading') return;
    if (end.kind === 'deposed') {
      this.#election.resign();
      this.#endTerm(end);
      return;
    }
    this.#leave(end);
    this.#takeOver(term.term, term.leader.commits.attempts);
  }

  #endTerm(end: LeaderEnd): void {
    this.#termsLost += 1;
    this.#leave(end);
    this.#term = undefined;
  }

  /** Drops what is in memory. */
  #leave(end: LeaderEnd): void {
    const leader = this.#leader;
    if (leader === undefined) return;
    this.#commits += leader.commits.done;
    this.#commitsUnknown += leader.commits.unknown;
    this.#revision = leader.commits.revision;
    leader.drop(end, this.#pointedTo());
  }

  #pointedTo(): number | undefined {
    const { leader } = this.#election;
    return leader === this.#settings.server ? undefined : leader;
  }

  #whyNot(): string {
    if (this.#leaving) return stopping;
    if (this.#term !== undefined) return 'this server is about to lead, and reads what there is';
    if (this.#trouble !== '') return `this server cannot lead: ${this.#trouble}`;
    const { leader } = this.#election;
    return leader === undefined ? 'no server leads now' : `server ${leader} leads`;
  }
}

const stopping = 'this server is stopping';

const queryKinds: ReadonlySet<string> = new Set<PlasmaQuery['kind']>([
  'vmGet',
  'vmList',
  'nodeList',
  'imageList',
  'sharedDiskList',
  'quotaGet',
  'operationGet',
  'events',
]);

function isMutation(request: PlasmaRequest): request is PlasmaMutation {
  return !queryKinds.has(request.kind);
}
