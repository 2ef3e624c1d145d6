import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { concatBytes } from '../../../core/base/bytes.ts';
import { flags, go } from '../../core/wire/nbd/nbd-client.ts';

/** A client that says what it is told, byte for byte. */
export class RawClient {
  readonly socket: Socket;
  #received: Uint8Array[] = [];
  #receivedBytes = 0;
  #wake: (() => void) | undefined;
  #closed = false;

  static async connect(path: string): Promise<RawClient> {
    const socket = connect({ path });
    await once(socket, 'connect');
    const client = new RawClient(socket);
    await client.take(18);
    return client;
  }

  /** Connected, and behind the handshake. */
  static async open(path: string, name: string): Promise<RawClient> {
    const client = await RawClient.connect(path);
    client.say(flags(), go(name));
    // The export's facts, its block sizes, the end.
    await client.take(20 + 12 + 20 + 14 + 20);
    return client;
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece) => {
      this.#received.push(piece);
      this.#receivedBytes += piece.length;
      this.#wake?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  say(...pieces: readonly Uint8Array[]): void {
    this.socket.write(concatBytes(pieces));
  }

  /** The next bytes that come. */
  async take(lengthBytes: number): Promise<Uint8Array> {
    while (this.#receivedBytes < lengthBytes) {
      if (this.#closed) throw new Error(`closed, with ${this.#receivedBytes} bytes of ${lengthBytes}`);
      await this.#something();
    }
    const all = concatBytes(this.#received);
    this.#received = [all.subarray(lengthBytes)];
    this.#receivedBytes -= lengthBytes;
    return all.slice(0, lengthBytes);
  }

  async closed(): Promise<void> {
    while (!this.#closed) await this.#something();
  }

  #something(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
