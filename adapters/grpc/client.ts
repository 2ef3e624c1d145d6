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

import { type Prng } from '../../core/base/prng.ts';
import { type WatchRequest } from '../../core/chainfire/api/watch.ts';
import { defaultClientConfig } from '../../core/chainfire/client/client.ts';
import { type ClientConfig, type ClientEvent } from '../../core/chainfire/client/protocol.ts';
import { type MemberRequest, type MemberResponse } from '../../core/chainfire/member-protocol.ts';
import { type Attempt, ClientDriver, type ClientTransport } from '../client/driver.ts';
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

/** Statuses by which a server says that it did not even look at the request. */
const untouched = new Set<number>([
  statusCodes.UNIMPLEMENTED,
  statusCodes.UNAUTHENTICATED,
  statusCodes.PERMISSION_DENIED,
]);

/** A client of Chainfire, and of etcd: the client machine over gRPC. */
export class GrpcChainfireClient extends ClientDriver {
  constructor(options: GrpcClientOptions) {
    const { endpoints, prng, config } = options;
    super({ endpoints: endpoints.length, prng, config }, (step) => new GrpcTransport(options, step));
  }
}

/** A channel to every endpoint, opened when it is first asked. */
export class GrpcTransport implements ClientTransport {
  readonly #endpoints: readonly Address[];
  readonly #tls: ClientCredentials | undefined;
  readonly #channels: (Client | undefined)[];
  readonly #session: ClientSession | undefined;
  readonly #attempts = new Map<number, { cancel(): void }>();
  readonly #streams: ClientStreams;
  readonly #step: (event: ClientEvent) => void;

  constructor(options: GrpcClientOptions, step: (event: ClientEvent) => void) {
    this.#endpoints = options.endpoints;
    this.#tls = options.tls;
    this.#channels = options.endpoints.map(() => undefined);
    const { attemptTimeoutUs } = { ...defaultClientConfig, ...options.config };
    this.#session = options.user && new ClientSession(options.user, attemptTimeoutUs / 1_000);
    this.#streams = new ClientStreams(step, this.#session);
    this.#step = step;
  }

  get lastStreamFailure(): string | undefined {
    return this.#streams.lastFailure;
  }

  abandon(attemptId: number): void {
    this.#attempts.get(attemptId)?.cancel();
    this.#attempts.delete(attemptId);
  }

  openStream(streamId: number, endpoint: number): void {
    this.#streams.open(streamId, this.#channel(endpoint));
  }

  send(streamId: number, request: WatchRequest): void {
    this.#streams.send(streamId, request);
  }

  closeStream(streamId: number, reason: string | undefined): void {
    this.#streams.close(streamId, reason);
  }

  close(): void {
    this.#streams.closeAll();
    for (const call of this.#attempts.values()) call.cancel();
    this.#attempts.clear();
    for (const channel of this.#channels) channel?.close();
  }

  attempt(attempt: Attempt): void {
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
