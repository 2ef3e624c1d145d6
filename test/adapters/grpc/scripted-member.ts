import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { once } from 'node:events';

import { bufferOf, bytesOf } from '../../../adapters/grpc/buffers.ts';
import { GrpcServer } from '../../../adapters/grpc/server.ts';
import { type Codec, type Service } from '../../../adapters/grpc/service.ts';
import {
  type MemberPort,
  type WatchListener,
  type WatchStream,
} from '../../../adapters/grpc/services/member-port.ts';
import { statusName } from '../../../adapters/grpc/status.ts';
import { type WatchRequest } from '../../../core/chainfire/api/watch.ts';
import {
  type MemberRequest,
  type MemberResponse,
  type MemberStream,
} from '../../../core/chainfire/member-protocol.ts';

/** A stream as the member sees it. */
export class ScriptedStream implements WatchStream {
  readonly opening: MemberStream;
  readonly listener: WatchListener;
  readonly received: WatchRequest[] = [];
  drainedBytes = 0;
  closes = 0;
  /** A request is taken up once the test lets it. */
  held = false;
  #release: (() => void)[] = [];
  readonly #changed: () => void;

  constructor(opening: MemberStream, listener: WatchListener, changed: () => void) {
    this.opening = opening;
    this.listener = listener;
    this.#changed = changed;
  }

  send(request: WatchRequest): Promise<void> {
    this.received.push(request);
    this.#changed();
    return this.held ? new Promise((resolve) => this.#release.push(resolve)) : Promise.resolve();
  }

  release(): void {
    for (const resolve of this.#release.splice(0)) resolve();
  }

  drained(bytes: number): void {
    this.drainedBytes += bytes;
    this.#changed();
  }

  close(): void {
    this.closes += 1;
    this.#changed();
  }
}

/** A member that answers what the test says, behind a real server, with a real client. */
export class ScriptedMember implements MemberPort {
  readonly asked: { readonly request: MemberRequest; readonly signal: AbortSignal }[] = [];
  readonly streams: ScriptedStream[] = [];
  readonly defects: unknown[] = [];
  answer: (request: MemberRequest, signal: AbortSignal) => Promise<MemberResponse> = () =>
    Promise.reject(new Error('nothing is asked here'));
  onStream: (stream: ScriptedStream) => void = () => undefined;
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  request(request: MemberRequest, signal: AbortSignal): Promise<MemberResponse> {
    this.asked.push({ request, signal });
    const answer = this.answer(request, signal);
    this.#changed();
    return answer;
  }

  openWatchStream(opening: MemberStream, listener: WatchListener): WatchStream {
    const stream = new ScriptedStream(opening, listener, () => this.#changed());
    this.onStream(stream);
    this.streams.push(stream);
    this.#changed();
    return stream;
  }

  /** Resolves as soon as it holds, looked at whenever something reaches the member. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }));
  }

  #changed(): void {
    this.#waiting = this.#waiting.filter(({ holds, resolve }) => {
      if (!holds()) return true;
      resolve();
      return false;
    });
  }
}

export interface Served {
  readonly client: Client;
  stop(): Promise<void>;
}

export async function serve(member: ScriptedMember, services: readonly Service[]): Promise<Served> {
  const server = await GrpcServer.listen({
    address: { host: '127.0.0.1', port: 0 },
    purpose: 'clients',
    services,
    receiveBytesMax: 2_000_000,
    hooks: { onDefect: (_, error) => member.defects.push(error) },
  });
  const client = new Client(`127.0.0.1:${server.address.port}`, credentials.createInsecure());
  return {
    client,
    stop: async () => {
      client.close();
      await server.stop(0);
    },
  };
}

export interface CallEnding {
  readonly code: string;
  readonly details: string;
}

/** A client's side of a call with streams, decoded. */
export class ClientCall<Request, Response> {
  readonly received: Response[] = [];
  readonly ended: Promise<CallEnding>;
  readonly #call: ClientDuplexStream<Uint8Array, Uint8Array>;
  readonly #request: Codec<Request>;
  readonly #response: Codec<Response>;

  constructor(
    client: Client,
    path: string,
    codecs: { readonly request: Codec<Request>; readonly response: Codec<Response> },
    metadata: Readonly<Record<string, string>> = {},
  ) {
    const given = new Metadata();
    for (const [name, value] of Object.entries(metadata)) given.set(name, value);
    this.#request = codecs.request;
    this.#response = codecs.response;
    this.#call = client.makeBidiStreamRequest<Uint8Array, Uint8Array>(path, bufferOf, bytesOf, given);
    this.ended = new Promise((resolve) => {
      this.#call.on('status', ({ code, details }) => resolve({ code: statusName(code), details }));
    });
    this.#call.on('error', (_: ServiceError) => undefined);
  }

  send(request: Request): void {
    this.#call.write(this.#request.encode(request));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#call.write(bytes);
  }

  /** Says that nothing more will be asked. */
  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }

  /** Reads until so many have been received in all, or the call has ended. */
  async read(count: number): Promise<readonly Response[]> {
    while (this.received.length < count) {
      const bytes = this.#call.read() as Uint8Array | null;
      if (bytes !== null) this.received.push(this.#response.decode(bytes));
      else if (this.#call.readableEnded || this.#call.destroyed) break;
      else await Promise.race([once(this.#call, 'readable'), this.ended]);
    }
    return this.received;
  }

  /** From now on whatever comes is read. */
  readAll(): void {
    this.#call.on('data', (bytes: Uint8Array) => this.received.push(this.#response.decode(bytes)));
  }
}
