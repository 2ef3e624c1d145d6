import { assert, unreachable } from '../../base/assert.ts';
import { bytesPerMib, usPerMs, usPerSecond } from '../../base/units.ts';
import { type Machine } from '../../base/machine.ts';
import { type Prng } from '../../base/prng.ts';
import { ClientCalls } from './calls.ts';
import { Endpoints } from './endpoints.ts';
import { KeptLeases } from './leases.ts';
import { type ClientConfig, type ClientEffect, type ClientEvent } from './protocol.ts';
import { ClientWatches } from './watches.ts';

/** Every setting that has a default; only the number of endpoints has none. */
export const defaultClientConfig: Omit<ClientConfig, 'endpoints'> = {
  // Longer than a member lets a request wait (7 s), so that its word, which knows more, comes first.
  attemptTimeoutUs: 10 * usPerSecond,
  retryBackoffMinUs: 25 * usPerMs,
  retryBackoffMaxUs: usPerSecond,
  callsMax: 4_096,
  watchesMax: 4_096,
  leasesMax: 4_096,
  // A member that is alive is asked for progress after half of it, and answers at once.
  streamSilenceUsMax: 20 * usPerSecond,
  revisionBytesMax: 256 * bytesPerMib,
};

/**
 * Asks the members of a cluster on behalf of whoever calls: which endpoint, how long, when to try another. Its parts are
 * calls, watches that outlive the streams behind them, and leases that are kept alive; they share what is known of the
 * endpoints.
 */
export class ChainfireClient implements Machine<ClientEvent, ClientEffect> {
  readonly #calls: ClientCalls;
  readonly #watches: ClientWatches;
  readonly #leases: KeptLeases;
  #nowUs: number;

  constructor(config: ClientConfig, prng: Prng, nowUs: number) {
    const endpoints = new Endpoints(config, prng);
    this.#calls = new ClientCalls(config, endpoints);
    this.#watches = new ClientWatches(config, endpoints, prng.fork('watches'));
    this.#leases = new KeptLeases(config, endpoints);
    this.#nowUs = nowUs;
  }

  get deadlineUs(): number {
    return Math.min(this.#calls.deadlineUs, this.#watches.deadlineUs, this.#leases.deadlineUs);
  }

  step(event: ClientEvent, nowUs: number): readonly ClientEffect[] {
    assert(nowUs >= this.#nowUs, 'time is monotonic');
    this.#nowUs = nowUs;
    const effects: ClientEffect[] = [];
    this.#calls.begin(nowUs, effects);
    this.#watches.begin(nowUs, effects);
    this.#leases.begin(nowUs, effects);
    this.#dispatch(event);
    return effects;
  }

  #dispatch(event: ClientEvent): void {
    switch (event.kind) {
      case 'tick':
        this.#calls.onTick();
        this.#watches.onTick();
        this.#leases.onTick();
        break;
      case 'called':
        this.#calls.onCalled(event.callId, event.request, event.timeoutUs);
        break;
      case 'answered':
        // Attempts have numbers of their own; each part knows its own.
        this.#calls.onAnswered(event.attemptId, event.response);
        this.#leases.onAnswered(event.attemptId, event.response);
        break;
      case 'attemptFailed':
        this.#calls.onAttemptFailed(event.attemptId, event.reached, event.reason);
        this.#leases.onAttemptFailed(event.attemptId, event.reason);
        break;
      case 'watchOpened':
        this.#watches.onOpened(event.watchId, event.target);
        break;
      case 'watchClosed':
        this.#watches.onClosed(event.watchId);
        break;
      case 'watchPaused':
        this.#watches.onPaused(event.watchId);
        break;
      case 'watchResumed':
        this.#watches.onResumed(event.watchId);
        break;
      case 'leaseKept':
        this.#leases.onKept(event.leaseId, event.ttlSeconds, event.grantedUs);
        break;
      case 'leaseReleased':
        this.#leases.onReleased(event.leaseId);
        break;
      case 'streamReceived':
        this.#watches.onStreamReceived(event.streamId, event.response);
        break;
      case 'streamFailed':
        this.#watches.onStreamFailed(event.streamId, event.reason, event.permanent === true);
        break;
      default:
        unreachable(event);
    }
  }
}
