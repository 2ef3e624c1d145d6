import { type Client, type ClientDuplexStream, Metadata, type ServiceError } from '@grpc/grpc-js';

import { WatchRequest, WatchResponse } from '../../core/chainfire/api/watch.ts';
import { staleTokenReasons } from '../../core/chainfire/auth/cancel-reason.ts';
import { type ClientEvent } from '../../core/chainfire/client/protocol.ts';
import { bufferOf, bytesOf } from './buffers.ts';
import { type ClientSession, type TokenOutcome } from './client-session.ts';
import { decodeOrRefuse } from './decode.ts';
import { statusCodes, statusName } from './status.ts';

type WatchStream = ClientDuplexStream<WatchRequest, Uint8Array>;

/** Statuses that another endpoint of the same cluster would give as well. */
const permanent = new Set<number>([
  statusCodes.UNIMPLEMENTED,
  statusCodes.UNAUTHENTICATED,
  statusCodes.PERMISSION_DENIED,
  statusCodes.INVALID_ARGUMENT,
]);

/** The watch streams of a client machine over gRPC. Each ends with one `streamFailed`, unless it is closed. */
export class ClientStreams {
  readonly #step: (event: ClientEvent) => void;
  readonly #streams = new Map<number, WatchStream>();
  readonly #session: ClientSession | undefined;
  /** What is to be said over streams that wait for their token: the first requests of each, no more than it has watches. */
  readonly #opening = new Map<number, WatchRequest[]>();
  /** The tokens that streams were opened with. */
  readonly #held = new Map<number, Promise<TokenOutcome>>();
  #lastFailure: string | undefined;

  constructor(step: (event: ClientEvent) => void, session: ClientSession | undefined) {
    this.#step = step;
    this.#session = session;
  }

  /** Why the last stream ended, for whoever has waited for a watch in vain. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  open(streamId: number, channel: Client): void {
    if (this.#session === undefined) return this.#open(streamId, channel, undefined);
    this.#opening.set(streamId, []);
    void this.#openAsUser(streamId, channel, this.#session);
  }

  send(streamId: number, request: WatchRequest): void {
    this.#opening.get(streamId)?.push(request);
    this.#streams.get(streamId)?.write(request);
  }

  /** @param reason why, when the machine gave it up */
  close(streamId: number, reason: string | undefined): void {
    if (reason !== undefined) this.#lastFailure = reason;
    const stream = this.#streams.get(streamId);
    this.#streams.delete(streamId);
    this.#held.delete(streamId);
    this.#opening.delete(streamId);
    stream?.cancel();
  }

  closeAll(): void {
    for (const streamId of [...this.#streams.keys(), ...this.#opening.keys()])
      this.close(streamId, undefined);
  }

  async #openAsUser(streamId: number, channel: Client, session: ClientSession): Promise<void> {
    const held = session.token(channel);
    const outcome = await held;
    const waiting = this.#opening.get(streamId);
    if (waiting === undefined) return;
    this.#opening.delete(streamId);
    if ('error' in outcome) {
      const { code, details } = outcome.error;
      const reason = `${statusName(code)}: ${details}`;
      this.#lastFailure = reason;
      return this.#step({ kind: 'streamFailed', streamId, reason, permanent: permanent.has(code) });
    }
    this.#held.set(streamId, held);
    this.#open(streamId, channel, outcome.token);
    for (const request of waiting) this.send(streamId, request);
  }

  #open(streamId: number, channel: Client, token: string | undefined): void {
    const metadata = new Metadata();
    // A member that has lost the cluster says so, rather than to be silent for as long as it lasts.
    metadata.set('hasleader', 'true');
    if (token !== undefined) metadata.set('token', token);
    const stream: WatchStream = channel.makeBidiStreamRequest(
      '/etcdserverpb.Watch/Watch',
      (request: WatchRequest) => bufferOf(WatchRequest.encode(request)),
      bytesOf,
      metadata,
    );
    this.#streams.set(streamId, stream);
    stream.on('data', (bytes: Uint8Array) => this.#onData(streamId, bytes));
    stream.on('error', (error: ServiceError) => {
      this.#onEnd(streamId, `${statusName(error.code)}: ${error.details}`, permanent.has(error.code));
    });
    stream.on('end', () => this.#onEnd(streamId, 'the member ended the stream', false));
  }

  #onData(streamId: number, bytes: Uint8Array): void {
    if (!this.#streams.has(streamId)) return;
    let response: WatchResponse;
    try {
      response = decodeOrRefuse(WatchResponse, bytes);
    } catch (error) {
      this.#streams.get(streamId)?.cancel();
      this.#onEnd(streamId, (error as Error).message, false);
      return;
    }
    const held = this.#held.get(streamId);
    if (held !== undefined && staleTokenReasons.has(response.cancelReason)) {
      // Of the token rather than of the watch: the machine opens another stream, and that begins with another token.
      this.#session?.forget(held);
      this.#streams.get(streamId)?.cancel();
      return this.#onEnd(streamId, response.cancelReason, false);
    }
    this.#step({ kind: 'streamReceived', streamId, response });
  }

  #onEnd(streamId: number, reason: string, isPermanent: boolean): void {
    this.#held.delete(streamId);
    if (!this.#streams.delete(streamId)) return;
    this.#lastFailure = reason;
    this.#step({ kind: 'streamFailed', streamId, reason, permanent: isPermanent });
  }
}
