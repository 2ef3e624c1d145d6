import { connect, type Socket } from 'node:net';

import { type WatchdogRequest, type WatchdogResponse } from '../../core/plasma/watchdog/protocol.ts';
import { onJsonLines } from './lines.ts';

export interface WatchdogLinkOptions {
  readonly path: string;
  /** There is none: somebody may start one. Called once for each attempt that has failed. */
  readonly onMissing: () => void;
}

interface Waiting {
  resolve(response: WatchdogResponse): void;
  reject(error: Error): void;
}

/** An agent's way to its watchdog: one connection, made again when it is asked and there is none. */
export class WatchdogLink {
  readonly #options: WatchdogLinkOptions;
  readonly #waiting = new Map<number, Waiting>();
  #socket: Socket | undefined;
  #callId = 0;

  constructor(options: WatchdogLinkOptions) {
    this.#options = options;
  }

  /** Rejects when no answer comes in time, or there is nobody. */
  request(request: WatchdogRequest, timeoutMs: number): Promise<WatchdogResponse> {
    const socket = this.#socket ?? this.#connect();
    this.#callId += 1;
    const callId = this.#callId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(callId);
        reject(new Error(`the watchdog has not answered within ${timeoutMs} ms`));
      }, timeoutMs);
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(callId);
      };
      this.#waiting.set(callId, {
        resolve: (response) => {
          end();
          resolve(response);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      });
      socket.write(`${JSON.stringify({ callId, request })}\n`);
    });
  }

  /** Whoever still waits is told that there is no answer. */
  close(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.destroy();
    this.#lost(socket, new Error('the connection to the watchdog is closed'));
  }

  #connect(): Socket {
    const socket = connect(this.#options.path);
    this.#socket = socket;
    let connected = false;
    socket.once('connect', () => {
      connected = true;
    });
    socket.on('error', (error) => {
      if (!connected) this.#options.onMissing();
      this.#lost(socket, error);
    });
    socket.once('close', () => {
      this.#lost(socket, new Error('the watchdog has closed the connection'));
    });
    onJsonLines(socket, (value) => {
      const answer = answerOf(value);
      if (answer === undefined) socket.destroy(new Error('what the watchdog says cannot be understood'));
      else this.#waiting.get(answer.callId)?.resolve(answer.response);
    });
    return socket;
  }

  #lost(socket: Socket, error: Error): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    for (const waiting of [...this.#waiting.values()]) waiting.reject(error);
  }
}

/** Undefined: it is none. */
function answerOf(
  value: unknown,
): { readonly callId: number; readonly response: WatchdogResponse } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { callId, response } = value as { callId?: unknown; response?: unknown };
  if (typeof callId !== 'number' || typeof response !== 'object' || response === null) return undefined;
  return { callId, response: response as WatchdogResponse };
}
