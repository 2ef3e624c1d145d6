import { Server, ServerCredentials } from '@grpc/grpc-js';
import { type RequestListener } from 'node:http';
import { type AddressInfo, type Server as SocketServer, type Socket } from 'node:net';

import { type Address, formatAddress } from '../config/address.ts';
import { createListener, type ServerTls } from '../tls/listener.ts';
import { Http1Connections } from './http1-connections.ts';
import { mount, type MountHooks } from './mount.ts';
import { whenOpened } from './opened-connection.ts';
import { type Service } from './service.ts';
import { whenSpoken } from './spoken-protocol.ts';

export interface GrpcServerOptions {
  readonly address: Address;
  /** What listens, for the error that names a taken port: `clients`, `peers`. */
  readonly purpose: string;
  readonly services: readonly Service[];
  /** A longer message is refused with RESOURCE_EXHAUSTED before it is read whole. */
  readonly receiveBytesMax: number;
  readonly hooks: MountHooks;
  /** Takes what comes over HTTP/1 to the same port. Absent: nothing is served there. */
  readonly http?: (services: readonly Service[]) => RequestListener;
  /** Plain TCP by default. */
  readonly tls?: ClientTls | undefined;
  /** A client whose certificate, or whose TLS, was not good. */
  readonly onRefused?: (remote: string, reason: string) => void;
}

/** What the port shows its clients, and whom it lets in. */
export type ClientTls = Pick<ServerTls, 'material' | 'clientCertRequired'>;

interface Transfer {
  receivedBytes: number;
  sentBytes: number;
}

type ConnectionInjector = ReturnType<Server['createConnectionInjector']>;

/** Pings on idle connections: a peer that vanished without a word is noticed within their sum. */
const keepaliveTimeMs = 10_000;
const keepaliveTimeoutMs = 5_000;

/**
 * The port for clients: gRPC, and HTTP/1 beside it, told apart by the first bytes of a connection. Connections live as long
 * as their clients want them.
 *
 * The sockets are this class's own and handed to the library one by one: the library's forced shutdown leaves them half
 * open until the other side's keepalive gives up.
 */
export class GrpcServer {
  readonly #grpc: Server;
  readonly #injector: ConnectionInjector;
  readonly #http: Http1Connections;
  readonly #listener: SocketServer;
  readonly #sockets: Set<Socket>;
  /** Of connections that have ended. */
  readonly #ended: Transfer;
  readonly address: Address;

  private constructor(parts: {
    readonly grpc: Server;
    readonly injector: ConnectionInjector;
    readonly http: Http1Connections;
    readonly listener: SocketServer;
    readonly sockets: Set<Socket>;
    readonly ended: Transfer;
    readonly address: Address;
  }) {
    this.#grpc = parts.grpc;
    this.#injector = parts.injector;
    this.#http = parts.http;
    this.#listener = parts.listener;
    this.#sockets = parts.sockets;
    this.#ended = parts.ended;
    this.address = parts.address;
  }

  /** @throws Error naming the address and purpose when it cannot be listened on */
  static async listen(options: GrpcServerOptions): Promise<GrpcServer> {
    const { address, purpose } = options;
    const grpc = new Server({
      'grpc.max_receive_message_length': options.receiveBytesMax,
      // A member sends what it holds: etcd's clients bound what they accept.
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': keepaliveTimeMs,
      'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
      'grpc.enable_channelz': 0,
    });
    for (const service of options.services) mount(grpc, service, options.hooks);
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const http = new Http1Connections(options.http?.(options.services) ?? nothingHere);
    const sockets = new Set<Socket>();
    const ended: Transfer = { receivedBytes: 0, sentBytes: 0 };
    const listener = createListener({
      // gRPC offers nothing but HTTP/2; whoever offers both, as curl does, is served what the gateway speaks.
      tls: options.tls && { ...options.tls, alpn: ['http/1.1', 'h2'] },
      onSocket: (socket) => {
        sockets.add(socket);
        socket.once('close', () => {
          sockets.delete(socket);
          ended.receivedBytes += socket.bytesRead;
          ended.sentBytes += socket.bytesWritten;
        });
      },
      onConnection: (socket) => {
        whenSpoken(socket, (protocol) => {
          if (protocol === 'http2') {
            whenOpened(socket, () => injector.injectConnection(socket));
            return;
          }
          http.take(socket);
        });
      },
      onRefused: options.onRefused ?? (() => undefined),
    });
    await new Promise<void>((resolve, reject) => {
      listener.once('error', (error) => {
        reject(
          new Error(`cannot listen for ${purpose} on ${formatAddress(address)}: ${error.message}`, {
            cause: error,
          }),
        );
      });
      listener.listen({ host: address.host, port: address.port }, resolve);
    });
    const { port } = listener.address() as AddressInfo;
    return new GrpcServer({
      grpc,
      injector,
      http,
      listener,
      sockets,
      ended,
      address: { host: address.host, port },
    });
  }

  /** Bytes on its sockets so far. */
  transfer(): Readonly<Transfer> {
    let { receivedBytes, sentBytes } = this.#ended;
    for (const { bytesRead, bytesWritten } of this.#sockets) {
      receivedBytes += bytesRead;
      sentBytes += bytesWritten;
    }
    return { receivedBytes, sentBytes };
  }

  /** Accepts no more, lets calls under way end for `graceMs` at most, and cuts what is left. */
  async stop(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    if (graceMs > 0) {
      // The server's own shutdown knows nothing of connections that were handed to it: it would cut every answer short.
      this.#injector.drain(graceMs);
      this.#http.drain();
      let cut: NodeJS.Timeout | undefined;
      const grace = new Promise<void>((resolve) => {
        cut = setTimeout(resolve, graceMs);
      });
      await Promise.race([closed, grace]);
      clearTimeout(cut);
    }
    this.#grpc.forceShutdown();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

const nothingHere: RequestListener = (_request, response) => {
  response.writeHead(404).end();
};
