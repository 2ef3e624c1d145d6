import { assert } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';
import { usPerSecond } from '../base/units.ts';
import { type RaftRefusal, type RaftView, type Term } from '../raft/types.ts';
import { type AlarmState } from './alarm/alarm-state.ts';
import { alarmTypes } from './api/cluster.ts';
import { type StateMachine } from './apply.ts';
import { type AutoCompactionOptions, type RetentionByTime } from './auto-compaction-options.ts';
import { type Caller } from './auth/caller.ts';
import { callerOf } from './auth/member-auth.ts';
import { processCredential } from './auth/protocol.ts';
import { type CommandBody, emptyBody } from './command.ts';
import { type Mvcc } from './mvcc/mvcc.ts';

/** What compaction by itself needs of the member that it belongs to. */
export interface AutoCompactionPort {
  /** A command under the next number of this member. */
  encode(body: CommandBody, caller: Caller | undefined): { readonly bytes: Uint8Array };
  /** Gives it to Raft. @returns why it was not taken */
  propose(bytes: Uint8Array): RaftRefusal | undefined;
}

/** The revision that this member had come to at a time by its own clock. */
interface Sample {
  readonly atUs: number;
  readonly revision: number;
}

const hourUs = 3_600 * usPerSecond;
/** Compaction comes at most a tenth of its interval late. */
const samplesPerInterval = 10;
/** However long the retention: with a longer one samples lie further apart. */
const samplesMax = 1_000;

/**
 * Proposes compaction while this member leads, so that history does not grow for ever.
 *
 * A retention by time goes by samples of this member's own revision at times of its own clock. Every member takes them, whoever
 * leads: what it had applied by then, the cluster had come to, so that whoever leads next keeps at least as long, and need not
 * begin to count anew. After a restart there are none. In the log stands a revision; nothing replicated depends on a clock.
 */
export class AutoCompaction {
  readonly #options: AutoCompactionOptions | undefined;
  readonly #raftView: RaftView;
  readonly #mvcc: Mvcc;
  readonly #alarms: Pick<AlarmState, 'isRaised'>;
  readonly #state: StateMachine;
  readonly #port: AutoCompactionPort;
  /** How often a sample is taken; Infinity where none is needed. */
  readonly #sampleUs: number;
  /** How often compaction is proposed, at most. */
  readonly #intervalUs: number;
  /** Ascending; at most one of them is older than the retention. Bounded by `samplesMax` and two. */
  #samples: Sample[] = [];
  #nextSampleUs: number;
  #nextLookUs: number;
  /** In its own log a leader's entry is applied in the end, or the term is over. */
  #proposed: { readonly revision: number; readonly term: Term } | undefined;

  constructor(given: {
    readonly config: { readonly autoCompaction?: AutoCompactionOptions | undefined };
    readonly raft: RaftView;
    readonly mvcc: Mvcc;
    readonly alarms: Pick<AlarmState, 'isRaised'>;
    readonly state: StateMachine;
    readonly port: AutoCompactionPort;
    readonly nowUs: number;
  }) {
    const options = given.config.autoCompaction;
    this.#options = options;
    this.#raftView = given.raft;
    this.#mvcc = given.mvcc;
    this.#alarms = given.alarms;
    this.#state = given.state;
    this.#port = given.port;
    this.#intervalUs = Infinity;
    this.#sampleUs = Infinity;
    this.#nextSampleUs = Infinity;
    if (options === undefined) {
      // Nothing is ever due.
    } else if ('revisions' in options) {
      assert(options.revisions > 0 && options.intervalUs > 0, 'a retention of nothing is none');
      this.#intervalUs = options.intervalUs;
    } else {
      const { retentionUs } = options;
      assert(retentionUs > 0, 'a retention of nothing is none');
      this.#intervalUs = Math.min(retentionUs, hourUs);
      this.#sampleUs = Math.ceil(Math.max(this.#intervalUs / samplesPerInterval, retentionUs / samplesMax));
      this.#nextSampleUs = given.nowUs;
    }
    this.#nextLookUs = given.nowUs + this.#intervalUs;
  }

  /** Samples that are kept. */
  get size(): number {
    return this.#samples.length;
  }

  /** When `settle` has something to do even if nothing arrives. */
  get dueUs(): number {
    const lookUs = this.#mayPropose ? this.#nextLookUs : Infinity;
    return Math.min(this.#nextSampleUs, lookUs);
  }

  settle(nowUs: number): void {
    const options = this.#options;
    if (options === undefined) return;
    // What was proposed is refused, and so is to be proposed again when the members are at one.
    if (this.#alarms.isRaised(alarmTypes.corrupt)) this.#proposed = undefined;
    if ('retentionUs' in options && this.#nextSampleUs <= nowUs) this.#sample(nowUs, options);
    if (!this.#mayPropose || this.#nextLookUs > nowUs) return;
    const revision = this.#releasedRevision(nowUs);
    if (revision === undefined) {
      // Samples grow old one by one.
      this.#nextLookUs = this.#nextSampleUs;
      return;
    }
    this.#nextLookUs = nowUs + this.#intervalUs;
    if (revision <= this.#mvcc.compactRevision) return;
    const { term } = this.#raftView;
    const compact = { revision, physical: false };
    const { bytes } = this.#port.encode({ ...emptyBody, compact }, callerOf(processCredential));
    if (this.#port.propose(bytes) === undefined) this.#proposed = { revision, term };
    else this.#nextLookUs = nowUs + Math.ceil(this.#intervalUs / samplesPerInterval);
  }

  passState(form: StateForm): void {
    this.#samples = form.list('samples', this.#samples, { atUs: 0, revision: 0 }, (row, sample) => ({
      atUs: row.number('atUs', sample.atUs),
      revision: row.number('revision', sample.revision),
    }));
    this.#nextSampleUs = form.number('nextSampleUs', this.#nextSampleUs);
    this.#nextLookUs = form.number('nextLookUs', this.#nextLookUs);
    this.#proposed = form.optional('proposed', this.#proposed, { revision: 0, term: 0 }, (fields, entry) => ({
      revision: fields.number('revision', entry.revision),
      term: fields.number('term', entry.term),
    }));
  }

  /** Behind its own term's first entry a leader knows of every compaction before its time. */
  get #mayPropose(): boolean {
    const { role, term } = this.#raftView;
    if (this.#options === undefined || this.#alarms.isRaised(alarmTypes.corrupt)) return false;
    if (role !== 'leader' || this.#state.term !== term) return false;
    const underWay = this.#proposed;
    return underWay?.term !== term || underWay.revision <= this.#mvcc.compactRevision;
  }

  /** The newest of those that are old enough goes for all that are older. */
  #sample(nowUs: number, options: RetentionByTime): void {
    this.#samples.push({ atUs: nowUs, revision: this.#mvcc.revision });
    this.#nextSampleUs = nowUs + this.#sampleUs;
    const newest = this.#newestReleased(nowUs, options);
    if (newest > 0) this.#samples.splice(0, newest);
  }

  /** The highest revision that nobody is promised any more; undefined while there is none. */
  #releasedRevision(nowUs: number): number | undefined {
    const options = this.#options;
    if (options === undefined) return undefined;
    if ('revisions' in options) return this.#mvcc.revision - options.revisions;
    return this.#samples[this.#newestReleased(nowUs, options)]?.revision;
  }

  /** Position of the newest sample that is as old as the retention; -1 for none. */
  #newestReleased(nowUs: number, { retentionUs }: RetentionByTime): number {
    let newest = -1;
    while ((this.#samples[newest + 1]?.atUs ?? Infinity) <= nowUs - retentionUs) newest += 1;
    return newest;
  }
}
