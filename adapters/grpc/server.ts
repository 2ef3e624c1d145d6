import { Server, ServerCredentials } from '@grpc/grpc-js';

import { type Address, formatAddress } from '../config/address.ts';
import { mount, type MountHooks } from './mount.ts';
import { type Service } from './service.ts';

export interface GrpcServerOptions {
  readonly address: Address;
  /** What listens, for the error that names a taken port: `client requests`, `peers`. */
  readonly purpose: string;
  readonly services: readonly Service[];
  /** A longer message is refused with RESOURCE_EXHAUSTED before it is read whole. */
  readonly receiveBytesMax: number;
  readonly hooks: MountHooks;
}

/** Pings on idle connections: a peer that vanished without a word is noticed within their sum. */
const keepaliveTimeMs = 10_000;
const keepaliveTimeoutMs = 5_000;

/** A listening gRPC server. Plain text; connections live as long as their clients want them. */
export class GrpcServer {
  readonly #server: Server;
  readonly address: Address;

  private constructor(server: Server, address: Address) {
    this.#server = server;
    this.address = address;
  }

  /** @throws Error naming the address and purpose when it cannot be listened on */
  static async listen(options: GrpcServerOptions): Promise<GrpcServer> {
    const server = new Server({
      'grpc.max_receive_message_length': options.receiveBytesMax,
      // A member sends what it holds: etcd's clients bound what they accept.
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': keepaliveTimeMs,
      'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
      'grpc.enable_channelz': 0,
    });
    for (const service of options.services) mount(server, service, options.hooks);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(formatAddress(options.address), ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else {
          reject(
            new Error(
              `cannot listen for ${options.purpose} on ${formatAddress(options.address)}: ${error.message}`,
              {
                cause: error,
              },
            ),
          );
        }
      });
    });
    return new GrpcServer(server, { host: options.address.host, port });
  }

  /** Accepts no more, lets calls under way end, and cuts what is left after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => this.#server.forceShutdown(), graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(cut);
        resolve();
      });
    });
  }
}
