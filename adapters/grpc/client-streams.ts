import { type Client, type ClientDuplexStream, Metadata, type ServiceError } from '@grpc/grpc-js';

import { WatchRequest, WatchResponse } from '../../core/chainfire/api/watch.ts';
import { type ClientEvent } from '../../core/chainfire/client/protocol.ts';
import { bufferOf, bytesOf } from './buffers.ts';
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
  #lastFailure: string | undefined;

  constructor(step: (event: ClientEvent) => void) {
    this.#step = step;
  }

  /** Why the last stream ended, for whoever has waited for a watch in vain. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  open(streamId: number, channel: Client): void {
    const metadata = new Metadata();
    // A member that has lost the cluster says so, rather than to be silent for as long as it lasts.
    metadata.set('hasleader', 'true');
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

  send(streamId: number, request: WatchRequest): void {
    this.#streams.get(streamId)?.write(request);
  }

  /** @param reason why, when the machine gave it up */
  close(streamId: number, reason: string | undefined): void {
    if (reason !== undefined) this.#lastFailure = reason;
    const stream = this.#streams.get(streamId);
    this.#streams.delete(streamId);
    stream?.cancel();
  }

  closeAll(): void {
    for (const streamId of [...this.#streams.keys()]) this.close(streamId, undefined);
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
    this.#step({ kind: 'streamReceived', streamId, response });
  }

  #onEnd(streamId: number, reason: string, isPermanent: boolean): void {
    if (!this.#streams.delete(streamId)) return;
    this.#lastFailure = reason;
    this.#step({ kind: 'streamFailed', streamId, reason, permanent: isPermanent });
  }
}
