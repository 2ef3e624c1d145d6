import { alarmActions } from '../api/cluster.ts';
import { assert, present } from '../../base/assert.ts';
import { writesNothing } from '../command.ts';
import { type MemberRefusalCode, type MemberRequest, type MemberResponse } from '../member-protocol.ts';
import { type Endpoints } from './endpoints.ts';
import { type ClientConfig, type ClientEffect, type ClientOutcome } from './protocol.ts';

interface Call {
  readonly callId: number;
  readonly request: MemberRequest;
  /** Asking again, or twice, does no harm. */
  readonly isRead: boolean;
  readonly deadlineUs: number;
  /** The attempt under way; undefined while the call waits for its next one. */
  attempt: Attempt | undefined;
  /** With an attempt under way: when it is given up. Without: when the next one begins. */
  wakeUs: number;
  failures: number;
  lastReason: string;
}

interface Attempt {
  readonly attemptId: number;
  readonly endpoint: number;
}

/** What a failed attempt leaves: surely nothing done, or nobody knows. */
export type Verdict = 'notDone' | 'unknown';

/**
 * The calls of a client.
 *
 * A read is asked again, anywhere, until its deadline. A write is asked again only if the attempt before surely did
 * nothing: no member saw it, or one refused it with a code that promises so. Otherwise its outcome is reported as unknown,
 * since doing it twice would be worse than not knowing. All calls stay with the endpoint that last worked, and move on from
 * one that failed.
 */
export class ClientCalls {
  readonly #config: ClientConfig;
  readonly #endpoints: Endpoints;
  /** In order of arrival. At most `callsMax`. */
  readonly #calls = new Map<number, Call>();
  readonly #callOfAttempt = new Map<number, Call>();
  #nowUs = 0;
  /** Nothing is due before; at times too early, never too late. */
  #wakeUs = Infinity;
  #effects: ClientEffect[] = [];

  constructor(config: ClientConfig, endpoints: Endpoints) {
    this.#config = config;
    this.#endpoints = endpoints;
  }

  get deadlineUs(): number {
    return this.#wakeUs;
  }

  /** To be called before any of the others in a step: effects are pushed to `effects`. */
  begin(nowUs: number, effects: ClientEffect[]): void {
    this.#nowUs = nowUs;
    this.#effects = effects;
  }

  onTick(): void {
    if (this.#nowUs < this.#wakeUs) return;
    const due: Call[] = [];
    for (const call of this.#calls.values()) if (call.wakeUs <= this.#nowUs) due.push(call);
    for (const call of due) this.#wake(call);
    this.#wakeUs = Infinity;
    for (const call of this.#calls.values()) this.#wakeUs = Math.min(this.#wakeUs, call.wakeUs);
  }

  onCalled(callId: number, request: MemberRequest, timeoutUs: number): void {
    if (this.#calls.size >= this.#config.callsMax) {
      const reason = `${this.#calls.size} calls are under way, and no more are allowed`;
      this.#effects.push({ kind: 'completed', callId, outcome: { kind: 'failed', reason } });
      return;
    }
    assert(!this.#calls.has(callId), 'a call has its own number');
    const call: Call = {
      callId,
      request,
      isRead: harmlessTwice(request),
      deadlineUs: this.#nowUs + timeoutUs,
      attempt: undefined,
      wakeUs: this.#nowUs,
      failures: 0,
      lastReason: 'no endpoint was asked',
    };
    this.#calls.set(callId, call);
    this.#wake(call);
  }

  onAnswered(attemptId: number, response: MemberResponse): void {
    const call = this.#callOfAttempt.get(attemptId);
    if (call === undefined) return;
    const { endpoint } = this.#endAttempt(call);
    if (response.kind !== 'refused') {
      this.#endpoints.answered(endpoint);
      this.#complete(call, { kind: 'answered', response });
      return;
    }
    const verdict = verdictOf(response.code);
    if (verdict === undefined) {
      this.#complete(call, { kind: 'refused', refusal: response });
    } else {
      this.#endpoints.leave(endpoint);
      this.#afterFailure(call, verdict, response.message);
    }
  }

  onAttemptFailed(attemptId: number, reached: 'no' | 'maybe', reason: string): void {
    const call = this.#callOfAttempt.get(attemptId);
    if (call === undefined) return;
    const { endpoint } = this.#endAttempt(call);
    this.#endpoints.leave(endpoint);
    this.#afterFailure(call, reached === 'no' ? 'notDone' : 'unknown', reason);
  }

  /** A call's time has come: to give up an attempt, to begin the next, or to give up altogether. */
  #wake(call: Call): void {
    if (call.attempt !== undefined) {
      const { attemptId, endpoint } = this.#endAttempt(call);
      this.#effects.push({ kind: 'abandon', attemptId });
      this.#endpoints.leave(endpoint);
      this.#afterFailure(call, 'unknown', `endpoint ${endpoint} did not answer in time`);
    } else if (this.#nowUs >= call.deadlineUs) {
      this.#complete(call, { kind: 'failed', reason: `no time is left; before that: ${call.lastReason}` });
    } else {
      this.#attempt(call);
    }
  }

  #attempt(call: Call): void {
    const timeoutUs = Math.min(this.#config.attemptTimeoutUs, call.deadlineUs - this.#nowUs);
    const attemptId = this.#endpoints.nextAttemptId();
    const endpoint = this.#endpoints.current;
    call.attempt = { attemptId, endpoint };
    this.#callOfAttempt.set(attemptId, call);
    this.#wakeAt(call, this.#nowUs + timeoutUs);
    this.#effects.push({ kind: 'attempt', attemptId, endpoint, request: call.request, timeoutUs });
  }

  #endAttempt(call: Call): Attempt {
    const attempt = present(call.attempt, 'an attempt is under way');
    call.attempt = undefined;
    this.#callOfAttempt.delete(attempt.attemptId);
    return attempt;
  }

  #afterFailure(call: Call, verdict: Verdict, reason: string): void {
    call.lastReason = reason;
    call.failures += 1;
    if (verdict === 'unknown' && !call.isRead) {
      this.#complete(call, { kind: 'unknown', reason });
      return;
    }
    const pauseUs = this.#endpoints.pauseUs(call.failures);
    if (this.#nowUs + pauseUs >= call.deadlineUs) {
      this.#complete(call, {
        kind: 'failed',
        reason: `no time is left to try again; before that: ${reason}`,
      });
      return;
    }
    this.#wakeAt(call, this.#nowUs + pauseUs);
  }

  #wakeAt(call: Call, atUs: number): void {
    call.wakeUs = atUs;
    if (atUs < this.#wakeUs) this.#wakeUs = atUs;
  }

  #complete(call: Call, outcome: ClientOutcome): void {
    this.#calls.delete(call.callId);
    // A machine that has nothing to do asks for no tick.
    if (this.#calls.size === 0) this.#wakeUs = Infinity;
    this.#effects.push({ kind: 'completed', callId: call.callId, outcome });
  }
}

/** What a refusal that has nothing to do with the request itself says of its outcome; undefined for every other. */
export function verdictOf(code: MemberRefusalCode): Verdict | undefined {
  switch (code) {
    case 'NO_LEADER':
    case 'TOO_MANY_REQUESTS':
    case 'STOPPED':
      return 'notDone';
    case 'LEADER_CHANGED':
    case 'TIMEOUT':
      return 'unknown';
    default:
      return undefined;
  }
}

/** It changes nothing, or a second time changes nothing more: a lease is kept alive as long by two calls as by one. */
function harmlessTwice(request: MemberRequest): boolean {
  switch (request.kind) {
    case 'put':
    case 'deleteRange':
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'memberAdd':
    case 'memberRemove':
    case 'memberUpdate':
    case 'memberPromote':
    case 'moveLeader':
    case 'namespacePut':
    case 'namespaceRemove':
      return false;
    case 'txn':
      return writesNothing(request.request);
    case 'alarm':
      // Disarmed a second time, it may be another that is disarmed.
      return request.request.action === alarmActions.get;
    default:
      return true;
  }
}
