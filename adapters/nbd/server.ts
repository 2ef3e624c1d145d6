import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';

import { type DiskHolder, sameHolder } from '../../core/plasma/storage/exports-protocol.ts';
import { NbdConnection } from './connection.ts';
import { type DiskConnections, type DiskPort } from './disk-port.ts';

export interface NbdListener {
  /** A unix socket's path, or an address. A socket that is there already is taken over: the caller's lock says that nobody listens to it. */
  readonly at: { readonly path: string } | { readonly host: string; readonly port: number };
}

export interface NbdServerOptions {
  readonly port: DiskPort;
  readonly listeners: readonly NbdListener[];
  /** Connections beyond it are closed at once. Each may hold 64 MiB. Default 1,024. */
  readonly connectionsMax?: number;
  /** Default 10,000. */
  readonly handshakeMs?: number;
}

/** Serves the disks of a port over NBD. */
export class NbdServer implements DiskConnections {
  readonly #options: NbdServerOptions;
  readonly #servers: Server[] = [];
  readonly #connections = new Set<NbdConnection>();

  /** @throws when an address is taken */
  static async listen(options: NbdServerOptions): Promise<NbdServer> {
    const server = new NbdServer(options);
    options.port.connections = server;
    try {
      for (const listener of options.listeners) await server.#listen(listener);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  private constructor(options: NbdServerOptions) {
    this.#options = options;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Of the TCP listener, where there is one. */
  get tcpPort(): number | undefined {
    for (const server of this.#servers) {
      const address = server.address();
      if (typeof address === 'object' && address !== null) return address.port;
    }
    return undefined;
  }

  async end(disk: string, holder: DiskHolder | undefined): Promise<void> {
    const ending: Promise<void>[] = [];
    for (const connection of this.#connections) {
      const { target } = connection;
      if (target?.disk !== disk) continue;
      if (holder === undefined || sameHolder(target.holder, holder)) ending.push(connection.end());
    }
    await Promise.all(ending);
  }

  /** Ends all connections, and listens no more. */
  async close(): Promise<void> {
    const closed = this.#servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => {
            resolve();
          });
        }),
    );
    await Promise.all([...this.#connections].map((connection) => connection.end()));
    await Promise.all(closed);
  }

  async #listen({ at }: NbdListener): Promise<void> {
    if ('path' in at) await removeSocket(at.path);
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#onConnection(socket);
    });
    const where: ListenOptions = 'path' in at ? { path: at.path } : { host: at.host, port: at.port };
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(where, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#servers.push(server);
    if ('path' in at) await chmod(at.path, 0o660);
  }

  #onConnection(socket: Socket): void {
    if (this.#connections.size >= (this.#options.connectionsMax ?? 1_024)) {
      socket.destroy();
      return;
    }
    const connection = new NbdConnection(socket, {
      port: this.#options.port,
      handshakeMs: this.#options.handshakeMs ?? 10_000,
      closed: (ended) => this.#connections.delete(ended),
    });
    this.#connections.add(connection);
  }
}

/** What an earlier process has left; whatever else is there stays, and listening fails. */
async function removeSocket(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isSocket()) await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
