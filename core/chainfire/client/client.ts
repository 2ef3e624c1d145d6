import { assert, present, unreachable } from '../../base/assert.ts';
import { type Machine } from '../../base/machine.ts';
import { between, type Prng } from '../../base/prng.ts';
import { usPerMs, usPerSecond } from '../../base/units.ts';
import { writesNothing } from '../command.ts';
import { type MemberRefusalCode, type MemberRequest, type MemberResponse } from '../member-protocol.ts';
import { type ClientConfig, type ClientEffect, type ClientEvent, type ClientOutcome } from './protocol.ts';

/** Every setting that has a default; only the number of endpoints has none. */
export const defaultClientConfig: Omit<ClientConfig, 'endpoints'> = {
  // Longer than a member lets a request wait (7 s), so that its word, which knows more, comes first.
  attemptTimeoutUs: 10 * usPerSecond,
  retryBackoffMinUs: 25 * usPerMs,
  retryBackoffMaxUs: usPerSecond,
  callsMax: 4_096,
};

interface Call {
  readonly callId: number;
  readonly request: MemberRequest;
  /** It changes nothing: asking again, or twice, does no harm. */
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
type Verdict = 'notDone' | 'unknown';

/**
 * Asks the members of a cluster on behalf of whoever calls: which endpoint, how long, when to try another.
 *
 * A read is asked again, anywhere, until its deadline. A write is asked again only if the attempt before surely did
 * nothing: no member saw it, or one refused it with a code that promises so. Otherwise its outcome is reported as unknown,
 * since doing it twice would be worse than not knowing. All calls stay with the endpoint that last worked, and move on from
 * one that failed.
 */
export class ChainfireClient implements Machine<ClientEvent, ClientEffect> {
  readonly #config: ClientConfig;
  readonly #prng: Prng;
  /** In order of arrival. At most `callsMax`. */
  readonly #calls = new Map<number, Call>();
  readonly #callOfAttempt = new Map<number, Call>();
  #endpoint: number;
  #attempts = 0;
  #nowUs: number;
  /** Nothing is due before; at times too early, never too late. */
  #wakeUs = Infinity;
  #effects: ClientEffect[] = [];

  constructor(config: ClientConfig, prng: Prng, nowUs: number) {
    assert(config.endpoints >= 1, 'a client knows an endpoint');
    assert(
      config.retryBackoffMinUs >= 1 && config.retryBackoffMinUs <= config.retryBackoffMaxUs,
      'the shortest pause is not longer than the longest',
    );
    this.#config = config;
    this.#prng = prng;
    this.#nowUs = nowUs;
    // Clients that start together spread over the members.
    this.#endpoint = prng.below(config.endpoints);
  }

  get deadlineUs(): number {
    return this.#wakeUs;
  }

  step(event: ClientEvent, nowUs: number): readonly ClientEffect[] {
    assert(nowUs >= this.#nowUs, 'time is monotonic');
    this.#nowUs = nowUs;
    switch (event.kind) {
      case 'tick':
        this.#onTick();
        break;
      case 'called':
        this.#onCalled(event.callId, event.request, event.timeoutUs);
        break;
      case 'answered':
        this.#onAnswered(event.attemptId, event.response);
        break;
      case 'attemptFailed':
        this.#onAttemptFailed(event.attemptId, event.reached, event.reason);
        break;
      default:
        unreachable(event);
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #onTick(): void {
    if (this.#nowUs < this.#wakeUs) return;
    const due: Call[] = [];
    for (const call of this.#calls.values()) if (call.wakeUs <= this.#nowUs) due.push(call);
    for (const call of due) this.#wake(call);
    this.#wakeUs = Infinity;
    for (const call of this.#calls.values()) this.#wakeUs = Math.min(this.#wakeUs, call.wakeUs);
  }

  #onCalled(callId: number, request: MemberRequest, timeoutUs: number): void {
    if (this.#calls.size >= this.#config.callsMax) {
      const reason = `${this.#calls.size} calls are under way, and no more are allowed`;
      this.#effects.push({ kind: 'completed', callId, outcome: { kind: 'failed', reason } });
      return;
    }
    assert(!this.#calls.has(callId), 'a call has its own number');
    const call: Call = {
      callId,
      request,
      isRead: changesNothing(request),
      deadlineUs: this.#nowUs + timeoutUs,
      attempt: undefined,
      wakeUs: this.#nowUs,
      failures: 0,
      lastReason: 'no endpoint was asked',
    };
    this.#calls.set(callId, call);
    this.#wake(call);
  }

  #onAnswered(attemptId: number, response: MemberResponse): void {
    const call = this.#callOfAttempt.get(attemptId);
    if (call === undefined) return;
    const { endpoint } = this.#endAttempt(call);
    if (response.kind !== 'refused') {
      this.#endpoint = endpoint;
      this.#complete(call, { kind: 'answered', response });
      return;
    }
    const verdict = verdictOf(response.code);
    if (verdict === undefined) {
      this.#complete(call, { kind: 'refused', refusal: response });
    } else {
      this.#leave(endpoint);
      this.#afterFailure(call, verdict, response.message);
    }
  }

  #onAttemptFailed(attemptId: number, reached: 'no' | 'maybe', reason: string): void {
    const call = this.#callOfAttempt.get(attemptId);
    if (call === undefined) return;
    const { endpoint } = this.#endAttempt(call);
    this.#leave(endpoint);
    this.#afterFailure(call, reached === 'no' ? 'notDone' : 'unknown', reason);
  }

  /** A call's time has come: to give up an attempt, to begin the next, or to give up altogether. */
  #wake(call: Call): void {
    if (call.attempt !== undefined) {
      const { attemptId, endpoint } = this.#endAttempt(call);
      this.#effects.push({ kind: 'abandon', attemptId });
      this.#leave(endpoint);
      this.#afterFailure(call, 'unknown', `endpoint ${endpoint} did not answer in time`);
    } else if (this.#nowUs >= call.deadlineUs) {
      this.#complete(call, { kind: 'failed', reason: `no time is left; before that: ${call.lastReason}` });
    } else {
      this.#attempt(call);
    }
  }

  #attempt(call: Call): void {
    const timeoutUs = Math.min(this.#config.attemptTimeoutUs, call.deadlineUs - this.#nowUs);
    this.#attempts += 1;
    const attemptId = this.#attempts;
    const endpoint = this.#endpoint;
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
    const pauseUs = this.#pauseUs(call.failures);
    if (this.#nowUs + pauseUs >= call.deadlineUs) {
      this.#complete(call, {
        kind: 'failed',
        reason: `no time is left to try again; before that: ${reason}`,
      });
      return;
    }
    this.#wakeAt(call, this.#nowUs + pauseUs);
  }

  /** Doubles with every failure up to the longest; the upper half is drawn, so that calls that failed together part. */
  #pauseUs(failures: number): number {
    const { retryBackoffMinUs, retryBackoffMaxUs } = this.#config;
    let longestUs = retryBackoffMinUs;
    for (let count = 1; count < failures && longestUs < retryBackoffMaxUs; count += 1) longestUs *= 2;
    longestUs = Math.min(longestUs, retryBackoffMaxUs);
    return between(this.#prng, Math.ceil(longestUs / 2), longestUs);
  }

  /** Moves on from an endpoint that failed, unless another call already has. */
  #leave(endpoint: number): void {
    if (this.#endpoint === endpoint) this.#endpoint = (endpoint + 1) % this.#config.endpoints;
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
function verdictOf(code: MemberRefusalCode): Verdict | undefined {
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

function changesNothing(request: MemberRequest): boolean {
  switch (request.kind) {
    case 'put':
    case 'deleteRange':
    case 'compact':
      return false;
    case 'txn':
      return writesNothing(request.request);
    default:
      return true;
  }
}
