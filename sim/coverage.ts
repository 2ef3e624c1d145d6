import {
  type MemberEffect,
  type MemberEvent,
  type MemberRequest,
} from '../core/chainfire/member-protocol.ts';
import { type ChainfireMember } from '../core/chainfire/member.ts';
import { type RaftMessage, type Role } from '../core/raft/types.ts';

/** What a member can be in, beside its role. */
export type CoveredState =
  /** Its log is known to be damaged. */
  | 'repairing'
  /** Two majorities are needed. */
  | 'joint'
  | 'learner'
  /** It leads, and has not yet committed anything of its term. */
  | 'newLeader'
  /** Entries are committed and on its disk, and wait for the store or for the next turn. */
  | 'applyBehind'
  /** The log begins behind a snapshot or a cut. */
  | 'logCut'
  | 'compacted'
  | 'leased'
  /** Some watch has not been told of all that has happened. */
  | 'watchBehind';

type Names<Name extends string> = Readonly<Record<Name, true>>;

const roles: Names<Role> = { follower: true, preCandidate: true, candidate: true, leader: true };

const states: Names<CoveredState> = {
  repairing: true,
  joint: true,
  learner: true,
  newLeader: true,
  applyBehind: true,
  logCut: true,
  compacted: true,
  leased: true,
  watchBehind: true,
};

const events: Names<MemberEvent['kind']> = {
  tick: true,
  wallClock: true,
  received: true,
  synced: true,
  stored: true,
  requested: true,
  cancelled: true,
  streamOpened: true,
  streamReceived: true,
  streamDrained: true,
  streamClosed: true,
  snapshotReceived: true,
  snapshotSent: true,
  snapshotFailed: true,
};

const messages: Names<RaftMessage['kind']> = {
  voteRequest: true,
  voteResponse: true,
  appendRequest: true,
  appendResponse: true,
  heartbeatRequest: true,
  heartbeatResponse: true,
  timeoutNow: true,
  proposalForwarded: true,
  proposalsRefused: true,
  readIndexRequest: true,
  readIndexResponse: true,
  membershipQuery: true,
  removalNotice: true,
};

const requests: Names<MemberRequest['kind']> = {
  range: true,
  put: true,
  deleteRange: true,
  txn: true,
  compact: true,
  memberList: true,
  memberAdd: true,
  memberRemove: true,
  memberUpdate: true,
  memberPromote: true,
  moveLeader: true,
  status: true,
  hash: true,
  hashKv: true,
  leaseGrant: true,
  leaseRevoke: true,
  leaseKeepAlive: true,
  leaseTimeToLive: true,
  leaseLeases: true,
  authChange: true,
  authQuery: true,
  alarm: true,
  namespacePut: true,
  namespaceRemove: true,
  namespaceList: true,
};

const effects: Names<MemberEffect['kind']> = {
  persist: true,
  send: true,
  reply: true,
  removeSegments: true,
  sendSnapshot: true,
  notify: true,
  endStream: true,
  stop: true,
};

/** All that a run could reach, by what it is; refusals have their codes for names, and are not listed. */
export const coverable = {
  roles: Object.keys(roles),
  states: Object.keys(states),
  events: Object.keys(events),
  messages: Object.keys(messages),
  requests: Object.keys(requests),
  effects: Object.keys(effects),
} as const satisfies Readonly<Record<string, readonly string[]>>;

/**
 * What members came to in a run: their roles and states, the kinds of what they were given and of what they gave, the codes of
 * what they refused. Sets of names, added to at each step: it is always on, and must cost next to nothing.
 */
export class Coverage {
  readonly #names = new Set<string>();
  /** Kept apart: a role is looked at in every step. */
  #roles = 0;

  /** In order. */
  get names(): readonly string[] {
    const reached = coverable.roles.filter((_, bit) => (this.#roles & (1 << bit)) !== 0);
    return [...this.#names, ...reached].sort((left, right) => (left < right ? -1 : 1));
  }

  step(event: MemberEvent, given: readonly MemberEffect[], member: ChainfireMember): void {
    const names = this.#names;
    names.add(event.kind);
    if (event.kind === 'received') {
      for (const { message } of event.messages) names.add(message.kind);
    } else if (event.kind === 'requested') {
      names.add(event.request.kind);
    }
    for (const effect of given) {
      names.add(effect.kind);
      if (effect.kind === 'reply' && effect.response.kind === 'refused') names.add(effect.response.code);
      else if (effect.kind === 'endStream' && effect.refusal !== undefined) names.add(effect.refusal.code);
    }
    this.#look(event, member);
  }

  #look(event: MemberEvent, { view }: ChainfireMember): void {
    const { raft } = view;
    this.#roles |= roleBits[raft.role];
    // States last: what is not seen at one step is at the next of its kind.
    if (event.kind === 'tick') this.#lookLong(view);
    if (raft.repairing) this.#names.add('repairing');
  }

  #lookLong({ raft, appliedIndex, compactRevision, leaseCount, watches }: ChainfireMember['view']): void {
    const names = this.#names;
    const { outgoing, learners } = raft.configuration;
    if (outgoing.length > 0) names.add('joint');
    if (learners.length > 0) names.add('learner');
    if (raft.role === 'leader' && raft.termAt(raft.commitIndex) !== raft.term) names.add('newLeader');
    if (appliedIndex < Math.min(raft.commitIndex, raft.syncedIndex)) names.add('applyBehind');
    if (raft.firstIndex > 1) names.add('logCut');
    if (compactRevision > 0) names.add('compacted');
    if (leaseCount > 0) names.add('leased');
    if (watches.behind > 0) names.add('watchBehind');
  }
}

const roleBits: Readonly<Record<Role, number>> = { follower: 1, preCandidate: 2, candidate: 4, leader: 8 };
