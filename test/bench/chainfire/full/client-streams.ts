import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
} from '@grpc/grpc-js';

import { type Codecs } from '../calls.ts';

/** Connections to one member that streams are opened on. */
export class Connection {
  readonly #client: Client;

  /** @param endpoint `host:port` */
  constructor(endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure(), {
      'grpc.enable_http_proxy': 0,
      // Else the library puts every client of one address on one connection.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
    });
  }

  /** @param path `Service/Method` */
  open<Request, Response>(
    path: string,
    codecs: Codecs<Request, Response>,
  ): ClientDuplexStream<Request, Response> {
    return this.#client.makeBidiStreamRequest(
      `/${path}`,
      (value: Request) => Buffer.from(codecs.request.encode(value)),
      (bytes: Buffer) => codecs.response.decode(new Uint8Array(bytes)),
      new Metadata(),
    );
  }

  /** Sends one request and takes what is streamed to it. */
  ask<Request, Response>(
    path: string,
    codecs: Codecs<Request, Response>,
    request: Request,
  ): ClientReadableStream<Response> {
    return this.#client.makeServerStreamRequest(
      `/${path}`,
      (value: Request) => Buffer.from(codecs.request.encode(value)),
      (bytes: Buffer) => codecs.response.decode(new Uint8Array(bytes)),
      request,
      new Metadata(),
    );
  }

  close(): void {
    this.#client.close();
  }
}
