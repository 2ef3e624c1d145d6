import { unreachable } from '../../core/base/assert.ts';
import { type Prng } from '../../core/base/prng.ts';
import { ChainfireClient, defaultClientConfig } from '../../core/chainfire/client/client.ts';
import {
  type ClientConfig,
  type ClientEffect,
  type ClientEvent,
  type ClientOutcome,
  type WatchBatch,
  type WatchEnd,
  type WatchTarget,
} from '../../core/chainfire/client/protocol.ts';
import { type WatchRequest } from '../../core/chainfire/api/watch.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';

export type Attempt = Extract<ClientEffect, { readonly kind: 'attempt' }>;

/** The ways to the endpoints: what the client machine wants done goes out over them, what comes of it comes back as events. */
export interface ClientTransport {
  /** Ends with one `answered` or `attemptFailed`, unless it is abandoned. */
  attempt(attempt: Attempt): void;
  abandon(attemptId: number): void;
  /** Ends with one `streamFailed`, unless it is closed. */
  openStream(streamId: number, endpoint: number): void;
  send(streamId: number, request: WatchRequest): void;
  /** @param reason why, when the machine gave it up */
  closeStream(streamId: number, reason: string | undefined): void;
  /** Why the last stream of watches ended; undefined: none has. */
  readonly lastStreamFailure: string | undefined;
  /** Nothing comes of anything any more. */
  close(): void;
}

export interface ClientDriverOptions {
  readonly endpoints: number;
  readonly prng: Prng;
  /** Where it differs from the machine's defaults. */
  readonly config?: Partial<Omit<ClientConfig, 'endpoints'>> | undefined;
}

/** What a watch tells its owner; `ended` is the last word. Neither may throw. */
export interface WatchListener {
  delivered(batch: WatchBatch): void;
  ended(end: WatchEnd): void;
}

export interface OpenWatch {
  /** Deliver no more until `resume`; what is already on its way from the machine may still come. */
  pause(): void;
  resume(): void;
  /** Nothing is told any more, not even `ended`. */
  close(): void;
}

/** What becomes of a kept lease; `lost` is the last word. Neither may throw. */
export interface LeaseListener {
  /** It lives until `sentUs` + `ttlSeconds` at least, on the clock of `monotonicUs`. */
  renewed(ttlSeconds: number, sentUs: number): void;
  lost(reason: string): void;
}

/**
 * Drives the client machine over whatever ways there are to the endpoints. It fails over between them, resumes watches where
 * they were, keeps leases alive, and says `unknown` when nobody can know whether a write was done.
 */
export class ClientDriver {
  readonly #machine: ChainfireClient;
  readonly #transport: ClientTransport;
  readonly #calls = new Map<number, (outcome: ClientOutcome) => void>();
  readonly #watches = new Map<number, WatchListener>();
  readonly #leases = new Map<bigint, LeaseListener>();
  /** Events that came up while effects were being handled: whoever is told something may ask for something. */
  readonly #waiting: ClientEvent[] = [];
  #stepping = false;
  #callId = 0;
  #watchId = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerUs = Infinity;
  #closed = false;

  constructor(
    { endpoints, prng, config }: ClientDriverOptions,
    transport: (step: (event: ClientEvent) => void) => ClientTransport,
  ) {
    this.#transport = transport((event) => this.#step(event));
    this.#machine = new ChainfireClient(
      { ...defaultClientConfig, ...config, endpoints },
      prng,
      monotonicUs(),
    );
  }

  /** Never rejects: what became of the call is the outcome. */
  call(request: MemberRequest, timeoutMs: number): Promise<ClientOutcome> {
    if (this.#closed) return Promise.resolve({ kind: 'failed', reason: closedReason });
    return new Promise((resolve) => {
      this.#callId += 1;
      this.#calls.set(this.#callId, resolve);
      this.#step({ kind: 'called', callId: this.#callId, request, timeoutUs: timeoutMs * 1_000 });
    });
  }

  /** Goes on, behind what it has delivered, whatever becomes of streams and members, until it is closed or ends. */
  watch(target: WatchTarget, listener: WatchListener): OpenWatch {
    this.#watchId += 1;
    const watchId = this.#watchId;
    if (this.#closed) {
      queueMicrotask(() => listener.ended({ kind: 'refused', reason: closedReason }));
    } else {
      this.#watches.set(watchId, listener);
      this.#step({ kind: 'watchOpened', watchId, target });
    }
    return {
      pause: () => this.#step({ kind: 'watchPaused', watchId }),
      resume: () => this.#step({ kind: 'watchResumed', watchId }),
      close: () => {
        if (this.#watches.delete(watchId)) this.#step({ kind: 'watchClosed', watchId });
      },
    };
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Why the last stream of watches ended; undefined: none has. */
  get lastStreamFailure(): string | undefined {
    return this.#transport.lastStreamFailure;
  }

  /**
   * Keeps a lease alive until it is lost or the function that this returns is called, which leaves the lease to expire.
   *
   * @param lease.grantedUs `monotonicUs()` before the request that granted it was made
   */
  keepLease(
    lease: { readonly leaseId: bigint; readonly ttlSeconds: number; readonly grantedUs: number },
    listener: LeaseListener,
  ): () => void {
    const { leaseId } = lease;
    if (this.#closed) {
      queueMicrotask(() => listener.lost(closedReason));
      return () => undefined;
    }
    if (this.#leases.has(leaseId)) throw new Error(`lease ${leaseId.toString(16)} is kept already`);
    this.#leases.set(leaseId, listener);
    this.#step({ kind: 'leaseKept', ...lease });
    return () => {
      if (this.#leases.get(leaseId) !== listener) return;
      this.#leases.delete(leaseId);
      this.#step({ kind: 'leaseReleased', leaseId });
    };
  }

  /** Calls under way end as `unknown`: they may have been done. Watches end, kept leases are lost. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#transport.close();
    for (const listener of this.#watches.values()) listener.ended({ kind: 'refused', reason: closedReason });
    this.#watches.clear();
    for (const listener of this.#leases.values()) listener.lost(closedReason);
    this.#leases.clear();
    for (const resolve of this.#calls.values()) resolve({ kind: 'unknown', reason: 'the client was closed' });
    this.#calls.clear();
  }

  #step(event: ClientEvent): void {
    this.#waiting.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        if (this.#closed) continue;
        for (const effect of this.#machine.step(next, monotonicUs())) this.#handle(effect);
      }
    } finally {
      this.#stepping = false;
    }
    if (!this.#closed) this.#arm();
  }

  #handle(effect: ClientEffect): void {
    switch (effect.kind) {
      case 'attempt':
        this.#transport.attempt(effect);
        break;
      case 'abandon':
        this.#transport.abandon(effect.attemptId);
        break;
      case 'completed': {
        const resolve = this.#calls.get(effect.callId);
        this.#calls.delete(effect.callId);
        resolve?.(effect.outcome);
        break;
      }
      case 'openStream':
        this.#transport.openStream(effect.streamId, effect.endpoint);
        break;
      case 'streamSend':
        this.#transport.send(effect.streamId, effect.request);
        break;
      case 'closeStream':
        this.#transport.closeStream(effect.streamId, effect.reason);
        break;
      case 'watchDelivered':
        this.#watches.get(effect.watchId)?.delivered(effect.batch);
        break;
      case 'watchEnded': {
        const listener = this.#watches.get(effect.watchId);
        this.#watches.delete(effect.watchId);
        listener?.ended(effect.end);
        break;
      }
      case 'leaseRenewed':
        this.#leases.get(effect.leaseId)?.renewed(effect.ttlSeconds, effect.sentUs);
        break;
      case 'leaseLost': {
        const listener = this.#leases.get(effect.leaseId);
        this.#leases.delete(effect.leaseId);
        listener?.lost(effect.reason);
        break;
      }
      default:
        unreachable(effect);
    }
  }

  #arm(): void {
    const deadlineUs = this.#machine.deadlineUs;
    if (deadlineUs === this.#timerUs && this.#timer !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerUs = deadlineUs;
    if (deadlineUs === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#step({ kind: 'tick' });
      },
      // One that is further away is looked at again then.
      Math.min(timerMsMax, Math.max(0, Math.ceil((deadlineUs - monotonicUs()) / 1_000))),
    );
  }
}

/** Node's timers take 31 bits of milliseconds; one that is set to more fires at once. */
const timerMsMax = 0x7fff_ffff;

/** The clock of everything that the client says in µs; it means nothing in another process. */
export function monotonicUs(): number {
  return Math.floor(performance.now() * 1_000);
}

const closedReason = 'the client is closed';
