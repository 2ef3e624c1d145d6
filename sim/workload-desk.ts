import { assert, present, unreachable } from '../core/base/assert.ts';
import { type TickEvent } from '../core/base/machine.ts';
import { type Prng } from '../core/base/prng.ts';
import { ChainfireClient, defaultClientConfig } from '../core/chainfire/client/client.ts';
import {
  type ClientConfig,
  type ClientEffect,
  type ClientEvent,
  type ClientOutcome,
  type WatchBatch,
  type WatchEnd,
  type WatchTarget,
} from '../core/chainfire/client/protocol.ts';
import { type Credential } from '../core/chainfire/auth/protocol.ts';
import { type MemberRequest } from '../core/chainfire/member-protocol.ts';
import { type ClientLogs, type WatchRecord } from './client-logs.ts';
import { type History } from './history.ts';

/** What the world has to carry out for a client's machine. */
export type OutwardEffect =
  | Extract<
      ClientEffect,
      { readonly kind: 'attempt' | 'abandon' | 'openStream' | 'streamSend' | 'closeStream' }
    >
  /** The process is gone, and another is there in its place: nobody hears what the first had asked for. */
  | { readonly kind: 'restarted' };

export interface WatchListener {
  delivered(batch: WatchBatch): void;
  ended(end: WatchEnd): void;
}

export interface LeaseListener {
  renewed(ttlSeconds: number, sentUs: number): void;
  lost(): void;
}

interface OpenWatch {
  readonly record: WatchRecord;
  readonly listener: WatchListener;
}

interface OpenCall {
  /** In the history. */
  readonly position: number;
  readonly ended: (outcome: ClientOutcome) => void;
}

/**
 * One simulated user's client machine, and the record of all that passes over it: every call with its outcome, every
 * keepalive that the machine sends by itself, all that watches deliver.
 *
 * What those who use it begin while an effect is handled is handed to the machine after that step's effects, in order.
 */
export class ClientDesk {
  readonly #client: number;
  readonly #callTimeoutUs: number;
  readonly #by: Credential | undefined;
  readonly #history: History;
  readonly #logs: ClientLogs;
  readonly #config: ClientConfig;
  readonly #prng: Prng;
  #machine: ChainfireClient;
  #lives = 1;
  readonly #calls = new Map<number, OpenCall>();
  /** By attempt: the position in the history. */
  readonly #keepAlives = new Map<number, number>();
  readonly #watches = new Map<number, OpenWatch>();
  readonly #leases = new Map<bigint, LeaseListener>();
  #callId = 0;
  #watchId = 0;
  #nowUs: number;
  #events: ClientEvent[] = [];
  #running = false;
  #outward: OutwardEffect[] = [];

  constructor(options: {
    readonly client: number;
    readonly endpoints: number;
    readonly callTimeoutUs: number;
    readonly config?: Partial<ClientConfig>;
    /** For whom its calls and its streams speak. */
    readonly by?: Credential | undefined;
    readonly prng: Prng;
    readonly nowUs: number;
    readonly history: History;
    readonly logs: ClientLogs;
  }) {
    this.#client = options.client;
    this.#callTimeoutUs = options.callTimeoutUs;
    this.#by = options.by;
    this.#history = options.history;
    this.#logs = options.logs;
    this.#nowUs = options.nowUs;
    this.#config = { ...defaultClientConfig, ...options.config, endpoints: options.endpoints };
    this.#prng = options.prng;
    this.#machine = new ChainfireClient(this.#config, options.prng.fork('life 1'), options.nowUs);
  }

  get client(): number {
    return this.#client;
  }

  get nowUs(): number {
    return this.#nowUs;
  }

  get logs(): ClientLogs {
    return this.#logs;
  }

  get deadlineUs(): number {
    return this.#machine.deadlineUs;
  }

  /** The number that the next call will have. */
  get nextCallId(): number {
    return this.#callId + 1;
  }

  /** Time goes on to here. */
  advance(nowUs: number): void {
    assert(nowUs >= this.#nowUs, 'time is monotonic');
    this.#nowUs = nowUs;
  }

  /**
   * The process dies and another takes its place. What was under way stays without an outcome for ever, what was watched is
   * watched no more, what was kept alive is not.
   */
  restart(): void {
    assert(!this.#running, 'a process dies between two steps');
    this.#calls.clear();
    this.#keepAlives.clear();
    this.#leases.clear();
    for (const { record } of this.#watches.values()) record.closed = true;
    this.#watches.clear();
    this.#lives += 1;
    this.#machine = new ChainfireClient(this.#config, this.#prng.fork(`life ${this.#lives}`), this.#nowUs);
    this.#outward = [{ kind: 'restarted' }];
  }

  step(event: ClientEvent | TickEvent): void {
    this.#keepAliveEnded(event);
    this.#feed(event);
  }

  /** What has come up since the last time. */
  takeOutward(): readonly OutwardEffect[] {
    const outward = this.#outward;
    this.#outward = [];
    return outward;
  }

  /** One that says itself for whom it speaks is left as it is. */
  call(asked: MemberRequest, ended: (outcome: ClientOutcome) => void): void {
    const request = this.#by === undefined || asked.by !== undefined ? asked : { ...asked, by: this.#by };
    const callId = this.#newCallId();
    this.#calls.set(callId, { position: this.#began(callId, request), ended });
    this.#feed({ kind: 'called', callId, request, timeoutUs: this.#callTimeoutUs });
  }

  /** @returns its number */
  openWatch(target: WatchTarget, listener: WatchListener): number {
    this.#watchId += 1;
    const watchId = this.#watchId;
    const record = this.#logs.opened({ client: this.#client, watchId, target, openedUs: this.#nowUs });
    this.#watches.set(watchId, { record, listener });
    this.#feed({ kind: 'watchOpened', watchId, target });
    return watchId;
  }

  closeWatch(watchId: number): void {
    const open = this.#watches.get(watchId);
    if (open === undefined) return;
    open.record.closed = true;
    this.#watches.delete(watchId);
    this.#feed({ kind: 'watchClosed', watchId });
  }

  pauseWatch(watchId: number): void {
    this.#feed({ kind: 'watchPaused', watchId });
  }

  resumeWatch(watchId: number): void {
    this.#feed({ kind: 'watchResumed', watchId });
  }

  keepLease(
    lease: { readonly leaseId: bigint; readonly ttlSeconds: number; readonly grantedUs: number },
    listener: LeaseListener,
  ): void {
    this.#leases.set(lease.leaseId, listener);
    this.#feed({ kind: 'leaseKept', ...lease });
  }

  releaseLease(leaseId: bigint): void {
    if (this.#leases.delete(leaseId)) this.#feed({ kind: 'leaseReleased', leaseId });
  }

  #feed(event: ClientEvent | TickEvent): void {
    this.#events.push(event);
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      for (const effect of this.#machine.step(next, this.#nowUs)) this.#apply(effect);
    }
    this.#running = false;
  }

  #apply(effect: ClientEffect): void {
    switch (effect.kind) {
      case 'attempt':
        if (effect.request.kind === 'leaseKeepAlive') {
          this.#keepAlives.set(effect.attemptId, this.#began(this.#newCallId(), effect.request));
        }
        this.#outward.push(effect);
        break;
      case 'abandon':
        this.#endKeepAlive(effect.attemptId, { kind: 'unknown', reason: 'abandoned' });
        this.#outward.push(effect);
        break;
      case 'openStream':
      case 'streamSend':
      case 'closeStream':
        this.#outward.push(effect);
        break;
      case 'completed':
        this.#completed(effect.callId, effect.outcome);
        break;
      case 'watchDelivered':
        this.#delivered(effect.watchId, effect.batch);
        break;
      case 'watchEnded':
        this.#watchEnded(effect.watchId, effect.end);
        break;
      case 'leaseRenewed':
        this.#leases.get(effect.leaseId)?.renewed(effect.ttlSeconds, effect.sentUs);
        break;
      case 'leaseLost':
        this.#leaseLost(effect.leaseId);
        break;
      default:
        unreachable(effect);
    }
  }

  #completed(callId: number, outcome: ClientOutcome): void {
    const call = present(this.#calls.get(callId), 'a call completes once');
    this.#calls.delete(callId);
    this.#history.ended(call.position, this.#nowUs, outcome);
    call.ended(outcome);
  }

  /** A watch that was closed in the same turn may still have something to say. */
  #delivered(watchId: number, batch: WatchBatch): void {
    const open = this.#watches.get(watchId);
    if (open === undefined) return;
    open.record.delivered(this.#nowUs, batch);
    open.listener.delivered(batch);
  }

  #watchEnded(watchId: number, end: WatchEnd): void {
    const open = this.#watches.get(watchId);
    if (open === undefined) return;
    this.#watches.delete(watchId);
    open.record.end = end;
    open.listener.ended(end);
  }

  #leaseLost(leaseId: bigint): void {
    const listener = this.#leases.get(leaseId);
    this.#leases.delete(leaseId);
    listener?.lost();
  }

  /** The answer to a keepalive is recorded before the machine makes anything of it. */
  #keepAliveEnded(event: ClientEvent): void {
    if (event.kind === 'attemptFailed') {
      const kind = event.reached === 'no' ? 'failed' : 'unknown';
      this.#endKeepAlive(event.attemptId, { kind, reason: event.reason });
    } else if (event.kind === 'answered') {
      const { response } = event;
      if (response.kind !== 'refused') {
        this.#endKeepAlive(event.attemptId, { kind: 'answered', response });
      } else if (response.code === 'TIMEOUT' || response.code === 'LEADER_CHANGED') {
        this.#endKeepAlive(event.attemptId, { kind: 'unknown', reason: response.message });
      } else {
        this.#endKeepAlive(event.attemptId, { kind: 'refused', refusal: response });
      }
    }
  }

  #endKeepAlive(attemptId: number, outcome: ClientOutcome): void {
    const position = this.#keepAlives.get(attemptId);
    if (position === undefined) return;
    this.#keepAlives.delete(attemptId);
    this.#history.ended(position, this.#nowUs, outcome);
  }

  #newCallId(): number {
    this.#callId += 1;
    return this.#callId;
  }

  #began(callId: number, request: MemberRequest): number {
    return this.#history.began({ client: this.#client, callId, request, startUs: this.#nowUs });
  }
}
