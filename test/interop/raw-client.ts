import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { once } from 'node:events';

import { bufferOf, bytesOf } from '../../adapters/grpc/buffers.ts';
import { type Codec } from '../../adapters/grpc/service.ts';
import { statusName } from '../../adapters/grpc/status.ts';

export interface CallEnding {
  readonly code: string;
  readonly details: string;
}

interface Codecs<Request, Response> {
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}

/** gRPC without a client library around it: any bytes can be sent, and what is not read is not read. */
export class RawClient {
  readonly #client: Client;

  constructor(endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      // What is not read must not be taken either: the library's own window holds megabytes.
      'grpc-node.flow_control_window': 65_535,
      // A connection of its own: windows are shared by the streams of a connection.
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  unary<Request, Response>(
    method: Codecs<Request, Response>,
    request: Request,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<Response | CallEnding> {
    return this.begin(method, request, metadata).outcome;
  }

  /** A call that can be given up. */
  begin<Request, Response>(
    method: Codecs<Request, Response>,
    request: Request,
    metadata: Readonly<Record<string, string>> = {},
  ): { readonly outcome: Promise<Response | CallEnding>; cancel(): void } {
    let cancel = (): void => undefined;
    const outcome = new Promise<Response | CallEnding>((resolve) => {
      const call = this.#client.makeUnaryRequest(
        method.path,
        bufferOf,
        bytesOf,
        method.request.encode(request),
        metadataOf(metadata),
        { deadline: Date.now() + 30_000 },
        (error: ServiceError | null, response) => {
          if (error !== null) resolve({ code: statusName(error.code), details: error.details });
          else resolve(method.response.decode(response ?? new Uint8Array(0)));
        },
      );
      cancel = () => call.cancel();
    });
    return { outcome, cancel };
  }

  /** The answer. @throws when it is refused */
  async call<Request, Response>(method: Codecs<Request, Response>, request: Request): Promise<Response> {
    const outcome = await this.unary(method, request);
    const ending = outcome as Partial<CallEnding>;
    if (ending.details !== undefined) throw new Error(`${method.path}: ${ending.code} ${ending.details}`);
    return outcome as Response;
  }

  stream<Request, Response>(
    method: Codecs<Request, Response>,
    metadata: Readonly<Record<string, string>> = {},
  ): RawStream<Request, Response> {
    return new RawStream(this.#client, method, metadataOf(metadata));
  }

  close(): void {
    this.#client.close();
  }
}

export class RawStream<Request, Response> {
  readonly received: Response[] = [];
  readonly ended: Promise<CallEnding>;
  #ending: CallEnding | undefined;
  readonly #call: ReturnType<Client['makeBidiStreamRequest']>;
  readonly #method: Codecs<Request, Response>;

  constructor(client: Client, method: Codecs<Request, Response>, metadata: Metadata) {
    this.#method = method;
    this.#call = client.makeBidiStreamRequest(method.path, bufferOf as never, bytesOf as never, metadata);
    this.#call.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.#call.on('status', ({ code, details }) => {
        // A good end has no words, whatever the library puts there.
        this.#ending = { code: statusName(code), details: code === 0 ? '' : details };
        resolve(this.#ending);
      });
    });
  }

  send(request: Request): void {
    this.#call.write(this.#method.request.encode(request));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#call.write(bytes);
  }

  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }

  /** Reads until what was received satisfies, or the call has ended: then the ending is returned. */
  async until(satisfies: (received: readonly Response[]) => boolean): Promise<CallEnding | undefined> {
    while (!satisfies(this.received)) {
      const bytes = this.#call.read() as Uint8Array | null;
      if (bytes !== null) this.received.push(this.#method.response.decode(bytes));
      else if (this.#ending !== undefined) return this.#ending;
      else await Promise.race([once(this.#call, 'readable'), this.ended]);
    }
    return undefined;
  }

  read(count: number): Promise<CallEnding | undefined> {
    return this.until((received) => received.length >= count);
  }
}

function metadataOf(values: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(values)) metadata.set(name, value);
  return metadata;
}
