import { type StateForm } from '../../base/capture.ts';
import { type NodeId } from '../../base/ids.ts';
import { usPerMs } from '../../base/units.ts';
import { membersOf } from '../../raft/configuration.ts';
import { type RaftRefusal, type RaftView, type Term } from '../../raft/types.ts';
import { type StateMachine } from '../apply.ts';
import { type CommandBody, emptyBody } from '../command.ts';
import { type MemberConfig } from '../member-protocol.ts';
import { type Numbering } from '../numbering.ts';
import { type CheckJob } from './check-job.ts';
import { type CheckState } from './check-state.ts';

/** Between two turns of a checksum: whatever else there is to do goes first. */
const pauseUs = 5 * usPerMs;
/** Intervals that a leader waits for members that are there and have not reported: a large store takes its time. */
const postponementsMax = 8;

/** The last thing that this member has asked of the log, and would otherwise ask again. */
interface Asked {
  readonly term: Term;
  /** Of the comparison that there was then: a later one answers it. */
  readonly checkIndex: number;
}

/**
 * This member's part in comparing the members: as a leader it asks for a comparison at every interval, for itself once when it
 * has started and caught up, where it is told to; and whenever the log asks, it takes the checksum of its own store, slice by
 * slice, and reports it through the log.
 */
export class CorruptionChecks {
  readonly #id: NodeId;
  /** 0: a leader asks for none by itself. */
  readonly #intervalUs: number;
  readonly #retryUs: number;
  readonly #raft: RaftView;
  readonly #state: StateMachine;
  readonly #checks: CheckState;
  readonly #job: CheckJob;
  readonly #numbering: Numbering;
  readonly #port: { propose(bytes: Uint8Array): RaftRefusal | undefined };
  /** The comparison that was seen last: every member counts the interval from it, whoever leads. */
  #seenIndex: number;
  #nextUs: number;
  #postponements = 0;
  #asked: Asked | undefined;
  /** This life has begun, and no comparison yet. */
  #initialDue: boolean;
  #initialAgainUs = 0;
  #nextTurnUs = 0;
  /** What is to be reported, until the log has it. */
  #found: { readonly index: number; readonly hash: number } | undefined;
  #reportAgainUs = 0;

  constructor(given: {
    readonly config: Pick<
      MemberConfig,
      'id' | 'corruptionCheckIntervalUs' | 'initialCorruptionCheck' | 'requestTimeoutUs'
    >;
    readonly raft: RaftView;
    readonly state: StateMachine;
    readonly checks: CheckState;
    readonly checkJob: CheckJob;
    readonly numbering: Numbering;
    readonly port: { propose(bytes: Uint8Array): RaftRefusal | undefined };
    readonly nowUs: number;
  }) {
    const { id, corruptionCheckIntervalUs, initialCorruptionCheck, requestTimeoutUs } = given.config;
    this.#id = id;
    this.#intervalUs = corruptionCheckIntervalUs;
    this.#retryUs = requestTimeoutUs;
    this.#raft = given.raft;
    this.#state = given.state;
    this.#checks = given.checks;
    this.#job = given.checkJob;
    this.#numbering = given.numbering;
    this.#port = given.port;
    this.#seenIndex = given.checks.index;
    this.#nextUs = given.nowUs + this.#intervalUs;
    this.#initialDue = initialCorruptionCheck;
  }

  /** When `settle` has something to do even if nothing arrives. */
  get dueUs(): number {
    const turnUs = this.#job.isUnderWay ? this.#nextTurnUs : Infinity;
    return Math.min(turnUs, this.#reportUs, this.#initialUs, this.#periodicUs);
  }

  settle(nowUs: number): void {
    if (this.#seenIndex !== this.#checks.index) this.#begun(nowUs);
    if (this.#job.isUnderWay && this.#nextTurnUs <= nowUs) {
      this.#nextTurnUs = nowUs + pauseUs;
      this.#found = this.#job.advance() ?? this.#found;
    }
    if (this.#reportUs <= nowUs) this.#report(nowUs);
    if (this.#initialUs <= nowUs) {
      this.#initialAgainUs = nowUs + this.#retryUs;
      this.#ask();
    }
    if (this.#periodicUs <= nowUs) this.#askInTurn(nowUs);
  }

  passState(form: StateForm): void {
    this.#seenIndex = form.number('seenIndex', this.#seenIndex);
    this.#nextUs = form.number('nextUs', this.#nextUs);
    this.#postponements = form.number('postponements', this.#postponements);
    this.#asked = form.optional('asked', this.#asked, { term: 0, checkIndex: 0 }, (fields, asked) => ({
      term: fields.number('term', asked.term),
      checkIndex: fields.number('checkIndex', asked.checkIndex),
    }));
    this.#initialDue = form.flag('initialDue', this.#initialDue);
    this.#initialAgainUs = form.number('initialAgainUs', this.#initialAgainUs);
    this.#nextTurnUs = form.number('nextTurnUs', this.#nextTurnUs);
    this.#found = form.optional('found', this.#found, { index: 0, hash: 0 }, (fields, found) => ({
      index: fields.number('index', found.index),
      hash: fields.number('hash', found.hash),
    }));
    this.#reportAgainUs = form.number('reportAgainUs', this.#reportAgainUs);
  }

  get #reportUs(): number {
    const found = this.#found;
    if (found === undefined || this.#raft.leader === 0) return Infinity;
    const isWanted = found.index === this.#checks.index && this.#checks.reportOf(this.#id) !== found.hash;
    return isWanted ? this.#reportAgainUs : Infinity;
  }

  /** Once what is here is the present: an entry of the leader's own term was applied. */
  get #initialUs(): number {
    const hasCaughtUp = this.#raft.leader !== 0 && this.#state.term === this.#raft.term;
    return this.#initialDue && hasCaughtUp ? this.#initialAgainUs : Infinity;
  }

  get #periodicUs(): number {
    const { role, term } = this.#raft;
    if (this.#intervalUs === 0 || role !== 'leader' || this.#state.term !== term) return Infinity;
    // In its own log a leader's entry is applied in the end, or the term is over.
    const isUnderWay = this.#asked?.term === term && this.#asked.checkIndex === this.#checks.index;
    return isUnderWay ? Infinity : this.#nextUs;
  }

  /** The log has asked for a comparison. */
  #begun(nowUs: number): void {
    this.#seenIndex = this.#checks.index;
    this.#nextUs = nowUs + this.#intervalUs;
    this.#postponements = 0;
    this.#initialDue = false;
    this.#found = undefined;
    this.#reportAgainUs = nowUs;
    this.#nextTurnUs = nowUs;
  }

  #report(nowUs: number): void {
    this.#reportAgainUs = nowUs + this.#retryUs;
    if (this.#found === undefined) return;
    this.#propose({ ...emptyBody, checkReported: { ...this.#found, member: this.#id } });
  }

  #askInTurn(nowUs: number): void {
    if (this.#isAwaited && this.#postponements < postponementsMax) {
      this.#postponements += 1;
      this.#nextUs = nowUs + this.#intervalUs;
      return;
    }
    const asked = { term: this.#raft.term, checkIndex: this.#checks.index };
    if (this.#ask()) this.#asked = asked;
    else this.#nextUs = nowUs + this.#retryUs;
  }

  /** Somebody who is there has not reported yet. */
  get #isAwaited(): boolean {
    if (this.#checks.index === 0) return false;
    return membersOf(this.#state.configuration).some(
      (id) =>
        this.#checks.reportOf(id) === undefined && (id === this.#id || this.#raft.peer(id)?.active === true),
    );
  }

  /** @returns whether the log has taken it */
  #ask(): boolean {
    return this.#propose({ ...emptyBody, checkRequested: { by: this.#id } });
  }

  #propose(body: CommandBody): boolean {
    return this.#port.propose(this.#numbering.encode(body).bytes) === undefined;
  }
}
