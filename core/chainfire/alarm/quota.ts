import { type StateForm } from '../../base/capture.ts';
import { type RaftRefusal, type RaftView } from '../../raft/types.ts';
import { alarmTypes } from '../api/cluster.ts';
import { type PutRequest, type RequestOp, type TxnRequest } from '../api/kv.ts';
import { emptyBody } from '../command.ts';
import { type MemberConfig, type MemberRequest, type MemberResponse } from '../member-protocol.ts';
import { type Mvcc } from '../mvcc/mvcc.ts';
import { type Numbering } from '../numbering.ts';
import { type AlarmState, refusalOfAlarm } from './alarm-state.ts';

/** What a record counts for beside its key and value: its revision, and its row in the index. */
const recordOverheadBytes = 256;
const leaseBytes = 64;

/** A request that will be refused, once everybody knows why. */
interface Refusal {
  readonly requestId: number;
  readonly deadlineUs: number;
}

/**
 * This member's watch over its own store: when its rows come to the quota, or when a request would bring them there, it raises
 * NOSPACE in its own name. From then on every member refuses what takes space, until the alarm is disarmed; where there is
 * still too much then, it is raised again.
 *
 * A request that does not fit is never proposed, and is answered when the alarm stands, so that whoever is refused finds it
 * raised. What is under way when the quota is reached may still come in: that much the store may exceed it.
 */
export class Quota {
  readonly #id: bigint;
  /** 0: there is none. */
  readonly #bytesMax: number;
  readonly #retryUs: number;
  readonly #mvcc: Pick<Mvcc, 'storedBytes'>;
  readonly #alarms: AlarmState;
  readonly #raft: RaftView;
  readonly #numbering: Numbering;
  readonly #port: {
    propose(bytes: Uint8Array): RaftRefusal | undefined;
    reply(requestId: number, response: MemberResponse): void;
  };
  /** In order of arrival, which is that of the deadlines; bounded by its owner. */
  #waiting: Refusal[] = [];
  /** When to raise it again, unless it stands by then: the first may have been lost. */
  #againUs = 0;

  constructor(given: {
    readonly config: Pick<MemberConfig, 'id' | 'quotaBackendBytes' | 'raft'>;
    readonly mvcc: Pick<Mvcc, 'storedBytes'>;
    readonly alarms: AlarmState;
    readonly raft: RaftView;
    readonly numbering: Numbering;
    readonly port: {
      propose(bytes: Uint8Array): RaftRefusal | undefined;
      reply(requestId: number, response: MemberResponse): void;
    };
  }) {
    this.#id = BigInt(given.config.id);
    this.#bytesMax = given.config.quotaBackendBytes;
    this.#retryUs = given.config.raft.electionTimeoutUs;
    this.#mvcc = given.mvcc;
    this.#alarms = given.alarms;
    this.#raft = given.raft;
    this.#numbering = given.numbering;
    this.#port = given.port;
  }

  /** Requests that wait for the alarm to stand. */
  get size(): number {
    return this.#waiting.length;
  }

  /** When `settle` has something to do even if nothing arrives. */
  get dueUs(): number {
    if (!this.#isWanted) return Infinity;
    if (this.#isRaised) return this.#waiting.length > 0 ? 0 : Infinity;
    return this.#raft.leader === 0 ? Infinity : this.#againUs;
  }

  /** Takes a request that does not fit, to refuse it. @returns false where it may be proposed */
  takes(requestId: number, request: MemberRequest, deadlineUs: number): boolean {
    if (this.#bytesMax === 0) return false;
    const bytes = bytesTaken(request);
    if (bytes === 0 || this.#mvcc.storedBytes + bytes <= this.#bytesMax) return false;
    this.#waiting.push({ requestId, deadlineUs });
    return true;
  }

  cancel(requestId: number): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => waiting.requestId !== requestId);
  }

  /** Raises the alarm where it is due, and answers who waited for it. */
  settle(nowUs: number): void {
    if (this.dueUs > nowUs) return;
    if (this.#isRaised) return this.#refuse(this.#waiting.length);
    this.#againUs = nowUs + this.#retryUs;
    const alarmRaised = { memberId: this.#id, alarm: alarmTypes.nospace };
    this.#port.propose(this.#numbering.encode({ ...emptyBody, alarmRaised }).bytes);
  }

  /** Answers those that have waited too long: there is no space, whether or not anybody could be told. */
  expire(nowUs: number): void {
    const late = this.#waiting.findIndex(({ deadlineUs }) => deadlineUs > nowUs);
    this.#refuse(late === -1 ? this.#waiting.length : late);
  }

  earliestDeadlineUs(): number {
    return this.#waiting[0]?.deadlineUs ?? Infinity;
  }

  passState(form: StateForm): void {
    this.#waiting = form.list('waiting', this.#waiting, { requestId: 0, deadlineUs: 0 }, (row, refusal) => ({
      requestId: row.number('requestId', refusal.requestId),
      deadlineUs: row.number('deadlineUs', refusal.deadlineUs),
    }));
    this.#againUs = form.number('againUs', this.#againUs);
  }

  get #isRaised(): boolean {
    return this.#alarms.isRaisedFor(this.#id, alarmTypes.nospace);
  }

  get #isWanted(): boolean {
    if (this.#waiting.length > 0) return true;
    return this.#bytesMax > 0 && this.#mvcc.storedBytes >= this.#bytesMax;
  }

  #refuse(count: number): void {
    if (count === 0) return;
    for (const { requestId } of this.#waiting.splice(0, count)) {
      this.#port.reply(requestId, refusalOfAlarm(alarmTypes.nospace));
    }
  }
}

/** About how much larger a request makes the store; 0 for what makes it no larger. */
function bytesTaken(request: MemberRequest): number {
  switch (request.kind) {
    case 'put':
      return bytesOfPut(request.request);
    case 'txn':
      return bytesOfTxn(request.request);
    case 'leaseGrant':
      return leaseBytes;
    default:
      return 0;
  }
}

/** A record lies in the present and in the history. */
function bytesOfPut({ key, value }: PutRequest): number {
  return 2 * (key.length + value.length) + recordOverheadBytes;
}

/** Of the branch that takes more: which one it will be, nobody knows yet. */
function bytesOfTxn({ success, failure }: TxnRequest): number {
  return Math.max(bytesOfBranch(success), bytesOfBranch(failure));
}

function bytesOfBranch(operations: readonly RequestOp[]): number {
  let bytes = 0;
  for (const { requestPut, requestTxn } of operations) {
    if (requestPut !== undefined) bytes += bytesOfPut(requestPut);
    if (requestTxn !== undefined) bytes += bytesOfTxn(requestTxn);
  }
  return bytes;
}
