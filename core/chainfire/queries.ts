import { type StateForm } from '../base/capture.ts';
import { bytesPerMib } from '../base/units.ts';
import { type RaftView } from '../raft/types.ts';
import { type Answers } from './answers.ts';
import { type StateMachine } from './apply.ts';
import { bytesRead } from './bytes-read.ts';
import { isSerializable } from './command.ts';
import { HashJobs } from './hash-jobs.ts';
import { type MemberRequest, type MemberResponse } from './member-protocol.ts';
import { type Mvcc } from './mvcc/mvcc.ts';
import { checkRevision } from './mvcc/range.ts';
import { type PendingRead, Reads } from './reads.ts';
import { etcdRefusal } from './refusals.ts';

/**
 * How new the state must be that answers a request: as new as anything that was acknowledged before it came; at least what was
 * known here to be committed when it came; or whatever is here.
 */
export type Consistency = 'linearizable' | 'serializable' | 'local';

/** What a request that only reads asks for. */
export function consistencyOf(request: MemberRequest): Consistency {
  switch (request.kind) {
    case 'range':
      // This member has shown the page before.
      if (request.page?.at !== undefined) return 'local';
      if (request.consistency !== undefined) return request.consistency;
      return request.request.serializable ? 'serializable' : 'linearizable';
    case 'txn':
      if (request.consistency !== undefined) return request.consistency;
      return isSerializable(request.request) ? 'serializable' : 'linearizable';
    case 'memberList':
      return request.request.linearizable ? 'linearizable' : 'serializable';
    case 'hash':
    case 'hashKv':
      return 'serializable';
    default:
      return 'linearizable';
  }
}

/** What reads answered in one step may look at; the last one may go beyond it. */
const answerBytesPerStep = bytesPerMib;

/** Requests that are answered from this member's state, once that is new enough. Bounded by its owner. */
export class Queries {
  readonly #mvcc: Mvcc;
  readonly #state: StateMachine;
  readonly #raftView: RaftView;
  readonly #answers: Answers;
  readonly #hashJobs: HashJobs;
  readonly #reads: Reads;
  readonly #reply: (requestId: number, response: MemberResponse) => void;

  /** @param given.retryUs how long a question for the leader's commit index may stay without an answer */
  constructor(given: {
    readonly mvcc: Mvcc;
    readonly state: StateMachine;
    readonly raft: RaftView;
    readonly answers: Answers;
    readonly retryUs: number;
    readonly reply: (requestId: number, response: MemberResponse) => void;
  }) {
    this.#mvcc = given.mvcc;
    this.#state = given.state;
    this.#raftView = given.raft;
    this.#answers = given.answers;
    this.#hashJobs = new HashJobs(given.mvcc, given.answers);
    this.#reads = new Reads(given.retryUs);
    this.#reply = given.reply;
  }

  get size(): number {
    return this.#reads.size + this.#hashJobs.size;
  }

  /** There is something to do now, whatever the time. */
  get hasWork(): boolean {
    return !this.#hashJobs.isEmpty || this.#reads.hasReady(this.#state.index);
  }

  /** When `ask` has something to do even if nothing arrives. */
  get askUs(): number {
    return this.#reads.askUs;
  }

  add(
    requestId: number,
    request: MemberRequest,
    options: { readonly consistency: Consistency; readonly deadlineUs: number; readonly nowUs: number },
  ): void {
    const { consistency, deadlineUs, nowUs } = options;
    const read: PendingRead = { requestId, request, deadlineUs };
    const { commitIndex } = this.#raftView;
    if (consistency === 'linearizable') this.#reads.addLinearizable(read);
    else if (consistency === 'serializable' && commitIndex > this.#state.index) {
      this.#reads.addAtIndex(read, commitIndex);
    } else this.#answer(read, nowUs);
  }

  cancel(requestId: number): void {
    this.#reads.cancel(requestId);
    this.#hashJobs.cancel(requestId);
  }

  leaderFound(): void {
    this.#reads.leaderFound();
  }

  /** The next question for the leader's commit index, when one is due; the caller puts it to Raft. */
  ask(nowUs: number): number | undefined {
    return this.#reads.ask(nowUs);
  }

  confirmed(context: number, index: number): void {
    this.#reads.confirmed(context, index);
  }

  refused(context: number, nowUs: number): void {
    this.#reads.refused(context, nowUs);
  }

  /** One turn of answering: reads of a whole key space may be ready by the dozen, all confirmed by one word of the leader. */
  answerTurn(nowUs: number): void {
    for (let bytes = 0; bytes < answerBytesPerStep;) {
      const read = this.#reads.takeReady(this.#state.index);
      if (read === undefined) return;
      bytes += this.#answer(read, nowUs);
    }
  }

  /** One turn of checksums. */
  hashTurn(): void {
    const hashed = this.#hashJobs.advance();
    if (hashed !== undefined) this.#reply(hashed.requestId, hashed.response);
  }

  /** Answers those that have waited too long. */
  expire(nowUs: number): void {
    const refusal = this.#raftView.leader === 0 ? 'NO_LEADER' : 'TIMEOUT';
    for (const { requestId } of this.#reads.expired(nowUs)) this.#reply(requestId, etcdRefusal(refusal));
  }

  /** Not for every step, see `Reads`. */
  earliestDeadlineUs(): number {
    return this.#reads.earliestDeadlineUs();
  }

  passState(form: StateForm): void {
    form.part('reads', this.#reads);
    form.part('hashJobs', this.#hashJobs);
  }

  /** @returns about how many bytes were looked at */
  #answer(read: PendingRead, nowUs: number): number {
    const { requestId, request } = read;
    const refusal = this.#answers.refuse(request);
    if (refusal !== undefined) {
      this.#reply(requestId, refusal);
      return 0;
    }
    if (request.kind === 'hash' || request.kind === 'hashKv') {
      this.#startHash(requestId, request);
      return 0;
    }
    const response = this.#answers.read(request, nowUs);
    this.#reply(requestId, response);
    return bytesRead(request, response);
  }

  #startHash(requestId: number, request: Extract<MemberRequest, { kind: 'hash' | 'hashKv' }>): void {
    if (this.#hashJobs.isFull) return this.#reply(requestId, etcdRefusal('TOO_MANY_REQUESTS'));
    if (request.kind === 'hash') return this.#hashJobs.addHash(requestId);
    const refusal = checkRevision(this.#mvcc, request.request.revision);
    if (refusal !== undefined) return this.#reply(requestId, etcdRefusal(refusal));
    this.#hashJobs.addHashKv(requestId, request.request.revision);
  }
}
