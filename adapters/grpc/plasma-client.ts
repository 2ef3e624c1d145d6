import { Client, type ClientDuplexStream, Metadata, type ServiceError } from '@grpc/grpc-js';

import {
  type AgentRequest,
  type AgentResponse,
  type ImageChunkRequest,
} from '../../core/plasma/agent-protocol.ts';
import { type PlasmaRequest, type PlasmaResponse } from '../../core/plasma/api.ts';
import {
  agentMethods,
  fetchImagePath,
  FetchImageRequest,
  FetchImageResponse,
} from '../../core/plasma/wire/agent.ts';
import { userMethods } from '../../core/plasma/wire/user.ts';
import { type Infer } from '../../core/wire/protobuf.ts';
import { type Address, formatAddress } from '../config/address.ts';
import { bufferOf, bytesOf } from './buffers.ts';
import { type ClientCredentials, security } from './client.ts';
import { agentRefusalOf, userRefusalOf } from './plasma-refusal.ts';
import { type Codec } from './service.ts';
import { statusName } from './status.ts';

export interface PlasmaClientOptions {
  readonly address: Address;
  /** Absent: plain text. */
  readonly tls?: ClientCredentials | undefined;
}

/** An open stream both ways, in messages. */
export interface PlasmaStream<Request, Response> {
  /** Resolves when there is room for more. */
  write(request: Request): Promise<void>;
  /** Nothing more is said from this side. */
  end(): void;
  cancel(): void;
  /** What comes; throws what the stream has ended with. */
  readonly responses: AsyncIterable<Response>;
}

/** Asks one server of the control plane, or one agent. What is not answered rejects: whether it was done is not known. */
export class PlasmaClient {
  readonly #channel: Client;

  constructor({ address, tls }: PlasmaClientOptions) {
    this.#channel = new Client(formatAddress(address), ...security(address, tls));
  }

  /** A refusal is an answer. */
  user(request: PlasmaRequest, timeoutMs: number): Promise<PlasmaResponse> {
    return this.#unary(userMethods[request.kind], request, timeoutMs, userRefusalOf);
  }

  agent(request: AgentRequest, timeoutMs: number): Promise<AgentResponse> {
    return this.#unary(agentMethods[request.kind], request, timeoutMs, agentRefusalOf);
  }

  fetchImage(
    request: ImageChunkRequest,
    timeoutMs: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly totalBytes: number }> {
    type Shape = Infer<typeof FetchImageResponse>;
    const method = { path: fetchImagePath, request: FetchImageRequest, response: FetchImageResponse };
    return this.#unary<ImageChunkRequest, Shape, never>(method, request, timeoutMs, () => undefined);
  }

  stream<Request, Response>(
    path: string,
    request: Codec<Request>,
    response: Codec<Response>,
  ): PlasmaStream<Request, Response> {
    const call: ClientDuplexStream<Uint8Array, Uint8Array> = this.#channel.makeBidiStreamRequest(
      path,
      bufferOf,
      bytesOf,
      new Metadata(),
    );
    // Told through `responses`; without a listener it would end the process where nobody reads them any more.
    call.on('error', () => undefined);
    return {
      write: (one) =>
        new Promise((resolve) => {
          if (call.write(request.encode(one))) resolve();
          else {
            const end = (): void => {
              for (const event of ['drain', 'close', 'error', 'end']) call.off(event, end);
              resolve();
            };
            for (const event of ['drain', 'close', 'error', 'end']) call.on(event, end);
          }
        }),
      end: () => {
        call.end();
      },
      cancel: () => {
        call.cancel();
      },
      responses: responsesOf(call, response),
    };
  }

  close(): void {
    this.#channel.close();
  }

  #unary<Request, Response, Refusal>(
    method: { readonly path: string; readonly request: Codec<Request>; readonly response: Codec<Response> },
    request: Request,
    timeoutMs: number,
    refusalOf: (error: ServiceError) => Refusal | undefined,
  ): Promise<Response | Refusal> {
    return new Promise((resolve, reject) => {
      this.#channel.makeUnaryRequest(
        method.path,
        bufferOf,
        bytesOf,
        method.request.encode(request),
        new Metadata(),
        { deadline: Date.now() + Math.ceil(timeoutMs) },
        (error, bytes) => {
          if (error !== null) {
            const refusal = refusalOf(error);
            if (refusal === undefined) reject(failureOf(error));
            else resolve(refusal);
            return;
          }
          try {
            resolve(method.response.decode(bytes ?? new Uint8Array(0)));
          } catch (malformed) {
            reject(malformed as Error);
          }
        },
      );
    });
  }
}

async function* responsesOf<Response>(
  call: ClientDuplexStream<Uint8Array, Uint8Array>,
  codec: Codec<Response>,
): AsyncIterable<Response> {
  try {
    for await (const bytes of call) yield codec.decode(bytes as Uint8Array);
  } catch (error) {
    throw 'details' in (error as object) ? failureOf(error as ServiceError) : error;
  }
}

function failureOf(error: ServiceError): Error {
  // The library always ends with its note on names, most often an empty one.
  const details = error.details.replace(/ Resolution note: $/, '');
  return new Error(`${statusName(error.code)}: ${details}`, { cause: error });
}
