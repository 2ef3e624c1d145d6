import { createServer, type RequestListener, type Server } from 'node:http';
import { type Socket } from 'node:net';

/** Clients keep connections for their next request; one that is closed in that moment would fail it. */
const keepAliveMs = 75_000;

/** Connections of HTTP/1 that somebody else has accepted: Node's own server knows of none that it has not. */
export class Http1Connections {
  readonly #server: Server;
  /** Requests under way, by connection; 0: it waits for the next. */
  readonly #underWay = new Map<Socket, number>();
  #draining = false;

  constructor(listener: RequestListener) {
    // Never listens itself.
    this.#server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
      const { socket } = request;
      this.#count(socket, 1);
      response.once('close', () => this.#count(socket, -1));
      listener(request, response);
    });
  }

  take(socket: Socket): void {
    this.#underWay.set(socket, 0);
    socket.once('close', () => this.#underWay.delete(socket));
    this.#server.emit('connection', socket);
    socket.resume();
  }

  /** Closes each connection as soon as nothing is under way on it. */
  drain(): void {
    this.#draining = true;
    for (const socket of this.#underWay.keys()) this.#count(socket, 0);
  }

  #count(socket: Socket, change: number): void {
    const before = this.#underWay.get(socket);
    // It is closed.
    if (before === undefined) return;
    this.#underWay.set(socket, before + change);
    if (this.#draining && before + change === 0) socket.end();
  }
}
