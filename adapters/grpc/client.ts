import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';

import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

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
import { type MemberRequest, type MemberResponse } from '../../core/chainfire/member-protocol.ts';
import { type Address, formatAddress } from '../config/address.ts';
import { refusalOfStatus, refusalTrailer } from './errors.ts';
import { type MemberMethod, memberMethods } from './member-methods.ts';
import { ClientSession, type ClientUser } from './client-session.ts';
import { ClientStreams } from './client-streams.ts';
import { decodeOrRefuse } from './decode.ts';
import { readConsistencyName } from './services/read-consistency.ts';
import { bufferOf, bytesOf } from './buffers.ts';
import { statusCodes, statusName } from './status.ts';

const channelOptions: ChannelOptions = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // The client machine decides what is retried, and where.
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
};

/** How members are known, and how the client is; in PEM. */
export interface ClientCredentials {
  /** Authorities that vouch for members; those of the system when it is not given. */
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface GrpcClientOptions {
  readonly endpoints: readonly Address[];
  /** Absent: plain text. */
  readonly tls?: ClientCredentials | undefined;
  readonly prng: Prng;
  /** As whom it speaks; nobody where it is not given. */
  readonly user?: ClientUser | undefined;
  /** Where it differs from the machine's defaults. */
  readonly config?: Partial<Omit<ClientConfig, 'endpoints'>>;
}

type Attempt = Extract<ClientEffect, { readonly kind: 'attempt' }>;

/** Statuses by which a server says that it did not even look at the request. */
const untouched = new Set<number>([
  statusCodes.UNIMPLEMENTED,
  statusCodes.UNAUTHENTICATED,
  statusCodes.PERMISSION_DENIED,
]);

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
 * A client of Chainfire, and of etcd: the client machine over gRPC. It fails over between endpoints, resumes watches where
 * they were, keeps leases alive, and says `unknown` when nobody can know whether a write was done.
 */
export class GrpcChainfireClient {
  readonly #machine: ChainfireClient;
  readonly #endpoints: readonly Address[];
  readonly #tls: ClientCredentials | undefined;
  readonly #channels: (Client | undefined)[];
  readonly #session: ClientSession | undefined;
  readonly #attempts = new Map<number, { cancel(): void }>();
  readonly #calls = new Map<number, (outcome: ClientOutcome) => void>();
  readonly #watches = new Map<number, WatchListener>();
  readonly #leases = new Map<bigint, LeaseListener>();
  readonly #streams: ClientStreams;
  /** Events that came up while effects were being handled: whoever is told something may ask for something. */
  readonly #waiting: ClientEvent[] = [];
  #stepping = false;
  #callId = 0;
  #watchId = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerUs = Infinity;
  #closed = false;

  constructor(options: GrpcClientOptions) {
    this.#endpoints = options.endpoints;
    this.#tls = options.tls;
    this.#channels = options.endpoints.map(() => undefined);
    const config = { ...defaultClientConfig, ...options.config, endpoints: options.endpoints.length };
    const timeoutMs = config.attemptTimeoutUs / 1_000;
    this.#session = options.user && new ClientSession(options.user, timeoutMs);
    this.#streams = new ClientStreams((event) => this.#step(event), this.#session);
    this.#machine = new ChainfireClient(config, options.prng, monotonicUs());
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
    return this.#streams.lastFailure;
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
    this.#streams.closeAll();
    for (const listener of this.#watches.values()) listener.ended({ kind: 'refused', reason: closedReason });
    this.#watches.clear();
    for (const listener of this.#leases.values()) listener.lost(closedReason);
    this.#leases.clear();
    for (const call of this.#attempts.values()) call.cancel();
    this.#attempts.clear();
    for (const resolve of this.#calls.values()) resolve({ kind: 'unknown', reason: 'the client was closed' });
    this.#calls.clear();
    for (const channel of this.#channels) channel?.close();
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
        this.#attempt(effect);
        break;
      case 'abandon':
        this.#attempts.get(effect.attemptId)?.cancel();
        this.#attempts.delete(effect.attemptId);
        break;
      case 'completed': {
        const resolve = this.#calls.get(effect.callId);
        this.#calls.delete(effect.callId);
        resolve?.(effect.outcome);
        break;
      }
      case 'openStream':
        this.#streams.open(effect.streamId, this.#channel(effect.endpoint));
        break;
      case 'streamSend':
        this.#streams.send(effect.streamId, effect.request);
        break;
      case 'closeStream':
        this.#streams.close(effect.streamId, effect.reason);
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

  #attempt(attempt: Attempt): void {
    const { attemptId, endpoint } = attempt;
    if (this.#session === undefined)
      return this.#send(attempt, undefined, (event) => this.#ended(attemptId, event));
    // There is something to cancel before there is a call.
    this.#attempts.set(attemptId, { cancel: () => undefined });
    void this.#sendAsUser(attempt, this.#session, this.#channel(endpoint), 1);
  }

  /** @param retries how often a token that is not taken is replaced by another: a member that refuses it has done nothing */
  async #sendAsUser(
    attempt: Attempt,
    session: ClientSession,
    channel: Client,
    retries: number,
  ): Promise<void> {
    const { attemptId } = attempt;
    const held = session.token(channel);
    const outcome = await held;
    if (!this.#attempts.has(attemptId)) return;
    if ('error' in outcome) return this.#ended(attemptId, notAuthenticated(attemptId, outcome.error));
    this.#send(attempt, outcome.token, (event) => {
      const response = event.kind === 'answered' ? event.response : undefined;
      if (response?.kind !== 'refused' || !ClientSession.isStale(response.code) || retries === 0) {
        return this.#ended(attemptId, event);
      }
      session.forget(held);
      void this.#sendAsUser(attempt, session, channel, retries - 1);
    });
  }

  #ended(attemptId: number, event: ClientEvent): void {
    if (this.#attempts.delete(attemptId)) this.#step(event);
  }

  #send(
    { attemptId, endpoint, request, timeoutUs }: Attempt,
    token: string | undefined,
    ended: (event: ClientEvent) => void,
  ): void {
    const method = memberMethods[request.kind] as MemberMethod<unknown, unknown>;
    const metadata = metadataOf(request);
    if (token !== undefined) metadata.set('token', token);
    const call = this.#channel(endpoint).makeUnaryRequest(
      method.path,
      bufferOf,
      bytesOf,
      method.request.encode(request.request),
      metadata,
      { deadline: Date.now() + Math.ceil(timeoutUs / 1_000) },
      (error, bytes) => {
        ended(
          error === null
            ? answered(attemptId, request.kind, method, bytes ?? new Uint8Array(0))
            : failed(attemptId, error),
        );
      },
    );
    this.#attempts.set(attemptId, call);
  }

  #channel(endpoint: number): Client {
    const open = this.#channels[endpoint];
    if (open !== undefined) return open;
    const address = this.#endpoints[endpoint];
    if (address === undefined) throw new Error(`there is no endpoint ${endpoint}`);
    const channel = new Client(formatAddress(address), ...security(address, this.#tls));
    this.#channels[endpoint] = channel;
    return channel;
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

/** Stands for an address in the handshake, where only names may be said. It is the address that the certificate must name. */
const unnamed = 'address.invalid';

/** How a channel to the address is secured, and its options. */
export function security(
  { host }: Address,
  tls: ClientCredentials | undefined,
): readonly [ChannelCredentials, ChannelOptions] {
  if (tls === undefined) return [credentials.createInsecure(), channelOptions];
  const pem = [tls.ca ?? null, tls.key ?? null, tls.cert ?? null] as const;
  if (isIP(host) === 0) return [credentials.createSsl(...pem), channelOptions];
  const verify = {
    checkServerIdentity: (_: string, cert: PeerCertificate) => checkServerIdentity(host, cert),
  };
  return [
    credentials.createSsl(...pem, verify),
    { ...channelOptions, 'grpc.ssl_target_name_override': unnamed },
  ];
}

const closedReason = 'the client is closed';

function metadataOf(request: MemberRequest): Metadata {
  const metadata = new Metadata();
  if ('consistency' in request) metadata.set(readConsistencyName, request.consistency);
  return metadata;
}

/** The request itself was not sent. */
function notAuthenticated(attemptId: number, error: ServiceError): ClientEvent {
  const event = failed(attemptId, error);
  return event.kind === 'attemptFailed' ? { ...event, reached: 'no' } : event;
}

function answered(
  attemptId: number,
  kind: MemberRequest['kind'],
  method: MemberMethod<unknown, unknown>,
  bytes: Uint8Array,
): ClientEvent {
  try {
    const response = { kind, response: decodeOrRefuse(method.response, bytes) } as MemberResponse;
    return { kind: 'answered', attemptId, response };
  } catch (error) {
    return { kind: 'attemptFailed', attemptId, reached: 'maybe', reason: (error as Error).message };
  }
}

function failed(attemptId: number, error: ServiceError): ClientEvent {
  const trailer = error.metadata.get(refusalTrailer)[0]?.toString();
  const refusal = refusalOfStatus(error.details, trailer);
  if (refusal !== undefined) return { kind: 'answered', attemptId, response: refusal };
  if (error.code === statusCodes.RESOURCE_EXHAUSTED && /message larger than max/i.test(error.details)) {
    const message = 'etcdserver: request is too large';
    return { kind: 'answered', attemptId, response: { kind: 'refused', code: 'REQUEST_TOO_LARGE', message } };
  }
  return {
    kind: 'attemptFailed',
    attemptId,
    reached: untouched.has(error.code) || neverSent(error) ? 'no' : 'maybe',
    reason: `${statusName(error.code)}: ${error.details}`,
  };
}

/** The library's words for a call that found no connection to go out on, or that the server sent back unread (RFC 9113, 8.7). */
function neverSent(error: ServiceError): boolean {
  return (
    error.code === statusCodes.UNAVAILABLE &&
    /^(No connection established|Name resolution failed|Stream refused by server)/.test(error.details)
  );
}
