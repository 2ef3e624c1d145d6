import { Client, credentials } from '@grpc/grpc-js';

import { type Message } from '../../../core/wire/protobuf.ts';

/** What is said in a call, and what is answered. */
export interface Codecs<Request, Response> {
  readonly request: Pick<Message<Request>, 'encode'>;
  readonly response: Pick<Message<Response>, 'decode'>;
}

/** Unary calls to one member: for loading and looking, not for measuring. */
export class Calls {
  readonly #client: Client;

  /** @param endpoint `host:port` */
  constructor(endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.enable_http_proxy': 0,
      'grpc.use_local_subchannel_pool': 1,
      // A member that has just been started is found as soon as it listens.
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 100,
    });
  }

  /** @param path `Service/Method`; rejects with what the server refused */
  unary<Request, Response>(
    path: string,
    codecs: Codecs<Request, Response>,
    request: Request,
    timeoutMs = 30_000,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `/${path}`,
        (value: Request) => Buffer.from(codecs.request.encode(value)),
        (bytes: Buffer) => codecs.response.decode(new Uint8Array(bytes)),
        request,
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          if (error !== null) reject(new Error(`${path}: ${error.message}`, { cause: error }));
          else resolve(response as Response);
        },
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}
