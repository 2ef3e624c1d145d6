import { type Socket } from 'node:net';

import { FrameReader, framingBytes, writeFraming } from '../../core/wire/framing.ts';
import { WireError } from '../../core/wire/reader.ts';
import { handshakeBytesMax, type PeerRefusal, Refused, frameKinds } from './protocol.ts';

export interface FrameHandlers {
  /** In order, one at a time; none after `closed`. The payload is the receiver's. */
  frame(kind: number, payload: Uint8Array): void;
  /** Called once, whoever ended it, unless that was this side's own `destroy`. */
  closed(reason: string): void;
}

/** Payloads up to this size are copied behind their head: one piece costs less than two. */
const copiedBytesMax = 16_384;
/** A refused caller has this long to read why. */
const refusedMs = 1_000;

/** Frames over a socket: TCP's, or that of TLS, which has the same interface. */
export class FrameSocket {
  readonly #socket: Socket;
  readonly #handlers: FrameHandlers;
  readonly #reader = new FrameReader(handshakeBytesMax);
  /** Nothing is told to the handlers any more. */
  #over = false;

  constructor(socket: Socket, handlers: FrameHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    socket.setNoDelay(true);
    socket.on('data', (piece) => this.#onData(piece as Buffer));
    socket.on('error', (error) => this.#close(error.message));
    socket.on('end', () => this.#close('the peer ended the connection'));
    socket.on('close', () => this.#close('the connection was closed'));
  }

  /** `host:port` of the other side. */
  get remote(): string {
    return `${this.#socket.remoteAddress ?? 'unknown'}:${this.#socket.remotePort ?? 0}`;
  }

  /** Allows longer frames from now on. */
  set frameBytesMax(bytes: number) {
    this.#reader.payloadBytesMax = bytes;
  }

  /** @param onWritten called once the system has taken the bytes: this is the back-pressure; with an error when it never will */
  write(kind: number, payload: Uint8Array, onWritten?: (error?: Error | null) => void): void {
    this.writePieces(kind, [payload], onWritten);
  }

  /** As `write`, of a payload in pieces. */
  writePieces(kind: number, pieces: readonly Uint8Array[], onWritten?: (error?: Error | null) => void): void {
    const socket = this.#socket;
    let length = 0;
    for (const piece of pieces) length += piece.length;
    if (length <= copiedBytesMax) {
      const frame = Buffer.allocUnsafe(framingBytes + length);
      writeFraming(frame, kind, ...pieces);
      let at = framingBytes;
      for (const piece of pieces) {
        frame.set(piece, at);
        at += piece.length;
      }
      socket.write(frame, onWritten);
      return;
    }
    const head = Buffer.allocUnsafe(framingBytes);
    writeFraming(head, kind, ...pieces);
    socket.cork();
    socket.write(head);
    pieces.forEach((piece, at) => socket.write(piece, at === pieces.length - 1 ? onWritten : undefined));
    socket.uncork();
  }

  /** Says why and ends the connection. What still arrives is thrown away: to leave it unread would cut the reason off. */
  refuse(refusal: PeerRefusal): void {
    this.#over = true;
    const { code, message } = refusal;
    this.write(frameKinds.refused, Refused.encode({ code, reason: message }));
    this.#endSoon();
  }

  /** A last frame, then the end. */
  end(kind: number, payload: Uint8Array): void {
    this.#over = true;
    this.write(kind, payload);
    this.#endSoon();
  }

  destroy(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  #endSoon(): void {
    const socket = this.#socket;
    socket.end();
    const cut = setTimeout(() => socket.destroy(), refusedMs);
    socket.once('close', () => clearTimeout(cut));
  }

  #onData(piece: Buffer): void {
    if (this.#over) return;
    try {
      // Machines get plain arrays: `slice` of a Buffer is a view, theirs a copy.
      this.#reader.push(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
        this.#handlers.frame(frame.kind, frame.payload);
        // By a handler.
        if (this.#isOver()) return;
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#socket.destroy();
      this.#close(`what it says cannot be read: ${error.message}`);
    }
  }

  #isOver(): boolean {
    return this.#over;
  }

  #close(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.destroy();
    this.#handlers.closed(reason);
  }
}
