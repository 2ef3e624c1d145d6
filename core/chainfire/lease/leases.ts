import { type StateForm } from '../../base/capture.ts';
import { type CapturablePrng, passPrng } from '../../base/prng.ts';
import { refused } from '../../base/refusal.ts';
import { type RaftRefusal, type RaftView } from '../../raft/types.ts';
import { type AlarmState } from '../alarm/alarm-state.ts';
import { type Answers } from '../answers.ts';
import { alarmTypes } from '../api/cluster.ts';
import { type LeaseGrantRequest } from '../api/lease.ts';
import { type StateMachine } from '../apply.ts';
import { type MemberConfig, type MemberRefusal, type MemberResponse } from '../member-protocol.ts';
import { type Mvcc } from '../mvcc/mvcc.ts';
import { type Numbering } from '../numbering.ts';
import { etcdRefusal } from '../refusals.ts';
import { Expiry } from './expiry.ts';
import { completeGrant, ttlSecondsMin } from './grant.ts';
import { type LeaseDeadlines } from './lease-deadlines.ts';
import { type LeaseTable } from './lease-table.ts';
import { Renewals } from './renewals.ts';

/** What leases need of the member that they belong to. */
export interface LeasesPort {
  /** Gives an encoded command to Raft, which puts it into its log or passes it on. @returns why it did not */
  propose(bytes: Uint8Array): RaftRefusal | undefined;
  reply(requestId: number, response: MemberResponse): void;
}

/** What a member does for leases beside applying the log: it renews them for clients, and as a leader finds them overdue. */
export class Leases {
  readonly #leasesMax: number;
  readonly #ttlSecondsMin: number;
  #prng: CapturablePrng;
  readonly #raftView: RaftView;
  readonly #table: LeaseTable;
  readonly #deadlines: LeaseDeadlines;
  readonly #mvcc: Mvcc;
  readonly #alarms: AlarmState;
  readonly #state: StateMachine;
  readonly #answers: Answers;
  readonly #reply: LeasesPort['reply'];
  readonly #renewals: Renewals;
  readonly #expiry: Expiry;

  constructor(given: {
    readonly config: Pick<MemberConfig, 'leasesMax' | 'raft'>;
    readonly prng: CapturablePrng;
    readonly raft: RaftView;
    readonly leases: LeaseTable;
    readonly deadlines: LeaseDeadlines;
    readonly mvcc: Mvcc;
    readonly alarms: AlarmState;
    readonly state: StateMachine;
    readonly answers: Answers;
    readonly numbering: Numbering;
    readonly port: LeasesPort;
  }) {
    const { config, raft, deadlines, mvcc, numbering } = given;
    const { propose, reply } = given.port;
    this.#leasesMax = config.leasesMax;
    this.#ttlSecondsMin = ttlSecondsMin(config.raft.electionTimeoutUs);
    this.#prng = given.prng;
    this.#raftView = raft;
    this.#table = given.leases;
    this.#deadlines = deadlines;
    this.#mvcc = mvcc;
    this.#alarms = given.alarms;
    this.#state = given.state;
    this.#answers = given.answers;
    this.#reply = reply;
    const retryUs = config.raft.electionTimeoutUs;
    const encode = numbering.encode.bind(numbering);
    this.#renewals = new Renewals(retryUs, { encode, propose });
    const countKeys = ({ id }: { readonly id: bigint }, max: number): number =>
      mvcc.attachedKeys(id, max).length;
    this.#expiry = new Expiry({ raft, deadlines, retryUs, port: { encode, propose, countKeys } });
  }

  /** Requests that wait for their renewal. */
  get size(): number {
    return this.#renewals.size;
  }

  /** When `settle` has something to do even if nothing arrives. */
  get dueUs(): number {
    const expiryUs = this.#mayEnd ? this.#expiry.dueUs(this.#state.term) : Infinity;
    return Math.min(this.#renewals.dueUs, expiryUs);
  }

  /** The grant as it goes into the log. */
  completeGrant(request: LeaseGrantRequest): LeaseGrantRequest | MemberRefusal {
    const { size } = this.#table;
    if (size >= this.#leasesMax) {
      return refused('TOO_MANY_LEASES', `there are ${size} leases; at most ${this.#leasesMax} are allowed`);
    }
    return completeGrant(request, {
      table: this.#table,
      ttlSecondsMin: this.#ttlSecondsMin,
      prng: this.#prng,
    });
  }

  keepAlive(requestId: number, id: bigint, deadlineUs: number): void {
    this.#renewals.add({ requestId, id, deadlineUs });
  }

  cancel(requestId: number): void {
    this.#renewals.cancel(requestId);
  }

  leaderFound(): void {
    this.#renewals.leaderFound();
  }

  /** A command of this member's present life was applied. @returns whether it was of leases alone */
  applied(seq: number): boolean {
    if (this.#expiry.applied(seq)) return true;
    const renewed = this.#renewals.takeApplied(seq);
    if (renewed === undefined) return false;
    const header = this.#answers.header(this.#mvcc.revision);
    for (const { requestId, id } of renewed) {
      const ttlSeconds = this.#table.get(id)?.ttlSeconds ?? 0;
      this.#reply(requestId, { kind: 'leaseKeepAlive', response: { header, id, ttlSeconds } });
    }
    return true;
  }

  /** The table has moved: what was granted or renewed begins its time to live now. */
  tableMoved(nowUs: number): void {
    this.#deadlines.restart(nowUs);
  }

  settle(nowUs: number): void {
    this.#renewals.settle(nowUs);
    if (!this.#mayEnd) return;
    this.#expiry.settle(nowUs, this.#state);
  }

  /** Answers those that have waited too long. */
  expire(nowUs: number): void {
    const notDone = this.#raftView.leader === 0 ? 'NO_LEADER' : 'TIMEOUT';
    for (const { requestId, mayBeDone } of this.#renewals.expired(nowUs)) {
      this.#reply(requestId, etcdRefusal(mayBeDone ? 'TIMEOUT' : notDone));
    }
  }

  /** With the table: leases that are no more are in the deadlines still. */
  passState(form: StateForm): void {
    this.#prng = passPrng(form, 'prng', this.#prng);
    const leases = form.fields('table', (fields) => this.#table.passLeases(fields));
    form.fields('deadlines', (fields) => {
      this.#deadlines.passState(fields, leases);
    });
    form.part('renewals', this.#renewals);
    form.part('expiry', this.#expiry);
  }

  /** While members are known to differ no key is deleted: what is overdue ends when the alarm is disarmed. */
  get #mayEnd(): boolean {
    return this.#alarms.isEmpty || !this.#alarms.isRaised(alarmTypes.corrupt);
  }

  /** Not for every step, see `Renewals`. */
  earliestDeadlineUs(): number {
    return this.#renewals.earliestDeadlineUs();
  }
}
