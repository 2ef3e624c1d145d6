import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { type ApiName, type RequestOf, type ResponseOf } from '../../../core/wire/kafka/apis.ts';
import { correlationIdOf, decodeResponse, encodeRequest } from '../../../core/wire/kafka/calls.ts';
import { KafkaFrames } from '../../../core/wire/kafka/frames.ts';

/** A client that says what it is told to, and hands over what comes as it comes. */
export class RawKafkaClient {
  readonly socket: Socket;
  readonly #frames = new KafkaFrames(1_073_741_824);
  readonly #arrived: Uint8Array[] = [];
  #isClosed = false;
  #changed: () => void = () => undefined;
  #lastId = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece: Uint8Array) => {
      this.#frames.push(piece);
      for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next())
        this.#arrived.push(frame);
      this.#changed();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      this.#changed();
    });
  }

  static async connect(port: number): Promise<RawKafkaClient> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new RawKafkaClient(socket);
  }

  /** @returns the number that its answer will have */
  send<A extends ApiName>(api: A, version: number, body: RequestOf<A>): number {
    this.#lastId += 1;
    const { chunks } = encodeRequest({ api, version, correlationId: this.#lastId, clientId: 'raw' }, body);
    for (const chunk of chunks) this.socket.write(chunk as Uint8Array);
    return this.#lastId;
  }

  /** The next frame; undefined when the connection ends before. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#arrived.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
    return this.#arrived.shift();
  }

  /** Whose answers come next, in their order. */
  async nextIds(count: number): Promise<readonly (number | undefined)[]> {
    const ids: (number | undefined)[] = [];
    for (let at = 0; at < count; at += 1) {
      const frame = await this.next();
      ids.push(frame && correlationIdOf(frame));
    }
    return ids;
  }

  /** @throws Error when the connection ends without an answer */
  async call<A extends ApiName>(api: A, version: number, body: RequestOf<A>): Promise<ResponseOf<A>> {
    this.send(api, version, body);
    const frame = await this.next();
    if (frame === undefined) throw new Error(`no answer to ${api}`);
    return decodeResponse(frame, { api, version }).body;
  }

  async closed(): Promise<void> {
    while (!this.#isClosed) await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  close(): void {
    this.socket.destroy();
  }
}
