import { unreachable } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';
import { type NodeId } from '../base/ids.ts';
import { type Quota } from './alarm/quota.ts';
import { alarmActions } from './api/cluster.ts';
import { type Answers } from './answers.ts';
import { type MemberAuth } from './auth/member-auth.ts';
import { writesNothing } from './command.ts';
import { type LeaderMoves } from './leader-moves.ts';
import { type Leases } from './lease/leases.ts';
import { type MemberConfig, type MemberRequest, type MemberResponse } from './member-protocol.ts';
import { consistencyOf, type Queries } from './queries.ts';
import { etcdRefusal } from './refusals.ts';
import { validate } from './validation.ts';
import { type Writes } from './writes.ts';

interface RequestsParts {
  readonly config: MemberConfig;
  readonly answers: Pick<Answers, 'read'>;
  readonly auth: Pick<MemberAuth, 'admit'>;
  readonly writes: Writes;
  readonly queries: Queries;
  readonly leases: Leases;
  readonly leaderMoves: LeaderMoves;
  readonly quota: Quota;
  readonly reply: (requestId: number, response: MemberResponse) => void;
  /** Asks Raft to hand the leadership over. */
  readonly transfer: (to: NodeId) => void;
}

/**
 * The way in for requests: checks them, bounds how many wait, gives each to whatever it waits for, and the time by which it
 * must be done with. Who waits is `writes`' and the others' to keep; only when the earliest of them is due is kept here.
 */
export class Requests {
  readonly #parts: RequestsParts;
  /** No request has waited too long before this time; at times it is too early, never too late. */
  #dueUs = Infinity;

  constructor(parts: RequestsParts) {
    this.#parts = parts;
  }

  /** At most `pendingRequestsMax`. */
  get pending(): number {
    const { writes, queries, leases, leaderMoves, quota } = this.#parts;
    return writes.size + queries.size + leases.size + leaderMoves.size + quota.size;
  }

  get dueUs(): number {
    return this.#dueUs;
  }

  requested(requestId: number, asked: MemberRequest, nowUs: number): void {
    const { config, answers, auth, reply } = this.#parts;
    const refusal = validate(asked, config);
    if (refusal !== undefined) return reply(requestId, refusal);
    const request = auth.admit(asked, nowUs);
    if (request.kind === 'refused') return reply(requestId, request);
    if (request.kind === 'status') return reply(requestId, answers.read(request, nowUs));
    if (this.pending >= config.pendingRequestsMax) return reply(requestId, etcdRefusal('TOO_MANY_REQUESTS'));
    this.#hand(requestId, request, nowUs);
  }

  cancel(requestId: number): void {
    const { writes, queries, leases, leaderMoves, quota } = this.#parts;
    quota.cancel(requestId);
    leaderMoves.cancel(requestId);
    writes.cancel(requestId);
    queries.cancel(requestId);
    leases.cancel(requestId);
  }

  /** Tells whoever has waited too long. */
  expire(nowUs: number): void {
    if (this.#dueUs > nowUs) return;
    const { writes, queries, leases, leaderMoves, quota } = this.#parts;
    const waiting = [writes, queries, leases, leaderMoves, quota];
    for (const part of waiting) part.expire(nowUs);
    this.#dueUs = Math.min(...waiting.map((part) => part.earliestDeadlineUs()));
  }

  passState(form: StateForm): void {
    this.#dueUs = form.number('dueUs', this.#dueUs);
  }

  #hand(requestId: number, request: Exclude<MemberRequest, { kind: 'status' }>, nowUs: number): void {
    const { queries, writes, leases } = this.#parts;
    const deadlineUs = nowUs + this.#parts.config.requestTimeoutUs;
    this.#dueUs = Math.min(this.#dueUs, deadlineUs);
    if (this.#parts.quota.takes(requestId, request, deadlineUs)) return;
    switch (request.kind) {
      case 'put':
      case 'deleteRange':
      case 'compact':
      case 'leaseRevoke':
      case 'authChange':
      case 'namespacePut':
      case 'namespaceRemove':
      case 'memberAdd':
      case 'memberRemove':
      case 'memberUpdate':
      case 'memberPromote':
        return writes.add(requestId, request, deadlineUs);
      case 'alarm':
        if (request.request.action === alarmActions.get) break;
        return writes.add(requestId, request, deadlineUs);
      case 'moveLeader':
        return this.#moveLeader(requestId, request.request.targetId, deadlineUs);
      case 'txn':
        if (!writesNothing(request.request)) return writes.add(requestId, request, deadlineUs);
        break;
      case 'leaseGrant': {
        const granted = leases.completeGrant(request.request);
        if ('kind' in granted) return this.#parts.reply(requestId, granted);
        return writes.add(requestId, { ...request, request: granted }, deadlineUs);
      }
      case 'leaseKeepAlive':
        return leases.keepAlive(requestId, request.request.id, deadlineUs);
      case 'range':
      case 'memberList':
      case 'hash':
      case 'hashKv':
      case 'leaseTimeToLive':
      case 'leaseLeases':
      case 'namespaceList':
      case 'authQuery':
        break;
      default:
        unreachable(request);
    }
    queries.add(requestId, request, { consistency: consistencyOf(request), deadlineUs, nowUs });
  }

  #moveLeader(requestId: number, targetId: bigint, deadlineUs: number): void {
    const to = this.#parts.leaderMoves.add(requestId, targetId, deadlineUs);
    if (to !== undefined) this.#parts.transfer(to);
  }
}
