import { type AddressInfo, type Server, type Socket } from 'node:net';

import { formatAddress } from '../config/address.ts';
import { createListener } from '../tls/listener.ts';
import { KafkaConnection } from './connection.ts';
import { type KafkaCounters, type KafkaListener, type KafkaServerOptions } from './server-options.ts';

/** Where clients of Kafka's protocol call. */
export class KafkaServer {
  readonly counters: KafkaCounters = {
    connections: 0,
    connectionsAccepted: 0,
    connectionsRefused: 0,
    authenticationsSucceeded: 0,
    authenticationsFailed: 0,
    receivedBytes: 0,
    sentBytes: 0,
  };
  readonly #options: KafkaServerOptions;
  readonly #open: { readonly server: Server; readonly listener: KafkaListener }[] = [];
  /** Before anything is known of them: handshakes under way among them. */
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Set<KafkaConnection>();
  #onEmpty: () => void = () => undefined;

  /** All listeners, or none. @throws Error naming the address that cannot be listened on */
  static async listen(options: KafkaServerOptions): Promise<KafkaServer> {
    const server = new KafkaServer(options);
    try {
      for (const listener of options.listeners) await server.#listen(listener);
    } catch (error) {
      await server.stop(0);
      throw error;
    }
    return server;
  }

  private constructor(options: KafkaServerOptions) {
    this.#options = options;
  }

  /** As they are: a port 0 that was asked for is the one that was had. */
  get listeners(): readonly KafkaListener[] {
    return this.#open.map(({ listener }) => listener);
  }

  /** Takes no more connections, lets what is under way end for up to `graceMs`, and closes. */
  async stop(graceMs: number): Promise<void> {
    const closed = this.#open.map(
      ({ server }) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const connection of this.#connections) connection.end();
    await this.#emptied(graceMs);
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  #emptied(graceMs: number): Promise<void> {
    if (this.#connections.size === 0 || graceMs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #listen(listener: KafkaListener): Promise<void> {
    const { address, name, tls } = listener;
    const server = createListener({
      tls: tls && { ...tls, alpn: [] },
      onSocket: (socket) => {
        // Over TLS one socket stands in the other, and both come here.
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      },
      onConnection: (socket) => this.#onConnection(socket, listener),
      onRefused: (remote, reason) => this.#options.hooks.onRefused(remote, reason),
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        reject(
          new Error(`cannot listen for clients on ${formatAddress(address)} (${name}): ${cause.message}`, {
            cause,
          }),
        );
      });
      server.listen({ host: address.host, port: address.port }, resolve);
    });
    const { port } = server.address() as AddressInfo;
    this.#open.push({ server, listener: { ...listener, address: { host: address.host, port } } });
  }

  #onConnection(socket: Socket, listener: KafkaListener): void {
    const { counters } = this;
    const { limits, hooks } = this.#options;
    if (this.#connections.size >= limits.connectionsMax) {
      counters.connectionsRefused += 1;
      hooks.onRefused(
        socket.remoteAddress ?? 'unknown',
        `${limits.connectionsMax} connections are open already`,
      );
      socket.destroy();
      return;
    }
    counters.connectionsAccepted += 1;
    counters.connections += 1;
    const connection = new KafkaConnection(socket, { ...this.#options, listener, counters });
    this.#connections.add(connection);
    socket.once('close', () => {
      counters.connections -= 1;
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#onEmpty();
    });
  }
}
