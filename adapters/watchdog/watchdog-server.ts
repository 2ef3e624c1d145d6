import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

import { type WatchdogRequest, type WatchdogResponse } from '../../core/plasma/watchdog/protocol.ts';
import { onJsonLines } from './lines.ts';

export interface WatchdogServerOptions {
  readonly path: string;
  ask(request: WatchdogRequest): Promise<WatchdogResponse>;
}

/** The watchdog's unix socket: `{"callId", "request"}` a line, and `{"callId", "response"}` back. */
export class WatchdogServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** Whoever calls it holds the directory: a socket that is there belongs to a process that is no more. */
  static listen({ path, ask }: WatchdogServerOptions): Promise<WatchdogServer> {
    rmSync(path, { force: true });
    const server = createServer();
    const serving = new WatchdogServer(server, ask);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => {
        resolve(serving);
      });
    });
  }

  private constructor(server: Server, ask: WatchdogServerOptions['ask']) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      onJsonLines(socket, (value) => {
        const call = callOf(value);
        if (call === undefined) {
          socket.destroy();
          return;
        }
        void ask(call.request).then(
          (response) => {
            if (!socket.destroyed) socket.write(`${JSON.stringify({ callId: call.callId, response })}\n`);
          },
          () => socket.destroy(),
        );
      });
    });
  }

  get connections(): number {
    return this.#sockets.size;
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }
}

/** The machine checks numbers; lists and their items it takes as they are. */
function callOf(value: unknown): { readonly callId: number; readonly request: WatchdogRequest } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { callId, request } = value as { callId?: unknown; request?: unknown };
  if (typeof callId !== 'number' || typeof request !== 'object' || request === null) return undefined;
  const { kind, agentBootId, instances, released } = request as Readonly<Record<string, unknown>>;
  if (kind === 'guard') {
    if (typeof agentBootId !== 'string' || !isInstances(instances) || !isInstances(released))
      return undefined;
  }
  return { callId, request: request as WatchdogRequest };
}

function isInstances(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  return value.every((one: unknown) => {
    const { vm, fenceToken, pid, startTicks } = (one ?? {}) as Readonly<Record<string, unknown>>;
    return typeof vm === 'string' && [fenceToken, pid, startTicks].every((n) => Number.isSafeInteger(n));
  });
}
