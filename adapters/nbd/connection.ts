import { type Socket } from 'node:net';

import { assert, unreachable } from '../../core/base/assert.ts';
import { type DiskHolder, parseExportName } from '../../core/plasma/storage/exports-protocol.ts';
import { type NbdRequest, payloadBytesMax, simpleReply } from '../../core/wire/nbd/protocol.ts';
import { NbdServerConnection } from '../../core/wire/nbd/server-connection.ts';
import { type DiskPort } from './disk-port.ts';
import { type DiskAnswer } from './served-disk.ts';

/** Requests of a connection that are carried out side by side; further ones wait. */
const requestsMax = 16;
/** Bytes of them, payloads and what is read; one request may be as large. Answers count until the system has taken them. */
const bytesMax = payloadBytesMax;

export interface ConnectionHost {
  readonly port: DiskPort;
  /** An export must be chosen by then. */
  readonly handshakeMs: number;
  readonly closed: (connection: NbdConnection) => void;
}

/**
 * One client's connection: requests in, answers out as they come.
 *
 * While too much is under way nothing more is read, so that a client that does not take its answers holds up nobody else.
 */
export class NbdConnection {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #protocol: NbdServerConnection;
  #target: { readonly disk: string; readonly holder: DiskHolder } | undefined;
  /** What one piece from the socket may hold, not begun yet. */
  readonly #waiting: NbdRequest[] = [];
  #requests = 0;
  #bytes = 0;
  /** Given to the disk and not ended. */
  #underWay = 0;
  #ending = false;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.#protocol = new NbdServerConnection(host.port);
    socket.setNoDelay(true);
    socket.setTimeout(host.handshakeMs, () => {
      if (this.#target === undefined) this.end();
    });
    socket.on('data', (piece: Uint8Array) => {
      this.#onData(piece);
    });
    // What it was that failed, `close` follows.
    socket.on('error', () => undefined);
    socket.on('end', () => {
      this.#endWhenAnswered();
    });
    socket.on('close', () => {
      this.#onClosed();
    });
    socket.write(NbdServerConnection.greeting());
  }

  /** Whom it has connected as. */
  get target(): { readonly disk: string; readonly holder: DiskHolder } | undefined {
    return this.#target;
  }

  /** Ends it; resolves when nothing that it asked is under way. */
  end(): Promise<void> {
    this.#socket.destroy();
    this.#onClosed();
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
    });
  }

  #onData(piece: Uint8Array): void {
    if (this.#ending) return;
    for (const output of this.#protocol.receive(piece)) {
      switch (output.kind) {
        case 'send':
          this.#socket.write(output.bytes);
          break;
        case 'chosen':
          this.#target = parseExportName(output.export.name);
          assert(this.#target !== undefined, 'an export that was found names a disk and its holder');
          this.#socket.setTimeout(0);
          break;
        case 'request':
          this.#waiting.push(output.request);
          break;
        case 'end':
          this.#endWhenAnswered();
          break;
        default:
          unreachable(output);
      }
    }
    this.#go();
  }

  /** Begins what may be begun, and reads on only when nothing waits. */
  #go(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || this.#closed) break;
      const bytes = bytesOf(next);
      if (this.#requests > 0 && (this.#requests >= requestsMax || this.#bytes + bytes > bytesMax)) break;
      this.#waiting.shift();
      this.#requests += 1;
      this.#bytes += bytes;
      void this.#carryOut(next, bytes);
    }
    if (this.#waiting.length > 0) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
    if (this.#ending && this.#requests === 0 && this.#waiting.length === 0) this.#socket.end();
  }

  async #carryOut(request: NbdRequest, bytes: number): Promise<void> {
    assert(this.#target !== undefined, 'requests come when an export is chosen');
    const { disk, holder } = this.#target;
    const served = this.#host.port.disk(disk);
    this.#underWay += 1;
    const answer: DiskAnswer =
      served === undefined ? { kind: 'failed', error: 'ESHUTDOWN' } : await served.carryOut(holder, request);
    this.#underWay -= 1;
    if (this.#underWay === 0) for (const resolve of this.#idle.splice(0)) resolve();
    const taken = (): void => {
      this.#requests -= 1;
      this.#bytes -= bytes;
      this.#go();
    };
    if (this.#closed) return;
    const reply = simpleReply(request.handle, answer.kind === 'failed' ? answer.error : undefined);
    if (answer.kind === 'failed' || answer.bytes === undefined) {
      this.#socket.write(reply, taken);
    } else {
      this.#socket.cork();
      this.#socket.write(reply);
      this.#socket.write(answer.bytes, taken);
      this.#socket.uncork();
    }
  }

  #endWhenAnswered(): void {
    this.#ending = true;
    this.#go();
  }

  #onClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting.length = 0;
    this.#host.closed(this);
  }
}

/** What a request keeps in memory. */
function bytesOf(request: NbdRequest): number {
  switch (request.kind) {
    case 'read':
      return request.lengthBytes;
    case 'write':
      return request.bytes.length;
    case 'flush':
    case 'trim':
    case 'writeZeroes':
      return 0;
    default:
      return unreachable(request);
  }
}
