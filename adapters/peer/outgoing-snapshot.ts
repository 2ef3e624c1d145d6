import { type StoreView } from '../../core/storage/backend.ts';
import { type Socket } from 'node:net';
import { type NodeId } from '../../core/base/ids.ts';
import { FrameSocket } from './frame-socket.ts';
import { reasonOf } from './link.ts';
import { End, frameKinds, Hello, helloOf, type PeerIdentity, Receipt } from './protocol.ts';
import { collectRows } from './row-frames.ts';

/** Rows are collected up to this many bytes a frame; a single larger row makes a larger frame. */
const rowsBytes = 262_144;

/**
 * A snapshot on its way out, over a connection of its own: bulk must not stand in front of heartbeats.
 *
 * Rows are read a frame at a time, each from a fresh range: nothing lazy of the store stays open while the network is
 * waited for.
 */
export class OutgoingSnapshot {
  readonly #socket: FrameSocket;
  readonly #stallMs: number;
  #end: (reason: Error) => void = () => undefined;
  #settle: (rows: number) => void = () => undefined;
  #onAccepted: () => void = () => undefined;
  readonly #accepted: Promise<void>;
  readonly #receipt: Promise<number>;
  #stall: NodeJS.Timeout | undefined;

  /** @param stallMs the peer is given up when it takes nothing for this long */
  constructor(socket: Socket, hello: { readonly own: PeerIdentity; readonly to: NodeId }, stallMs: number) {
    this.#stallMs = stallMs;
    this.#accepted = new Promise((resolve) => (this.#onAccepted = resolve));
    this.#receipt = new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#end = reject;
    });
    // A write may fail first; the rejection is then its reason and must not go unhandled.
    this.#receipt.catch(() => undefined);
    this.#socket = new FrameSocket(socket, {
      frame: (kind, payload) => this.#onFrame(kind, payload),
      closed: (reason) => this.#end(new Error(reason)),
    });
    this.#progress();
    this.#socket.write(frameKinds.hello, Hello.encode(helloOf(hello.own, hello.to, 'snapshot')));
  }

  /**
   * Streams every table of the view and resolves once the peer has staged all of it.
   *
   * @throws Error when the connection breaks, the peer refuses it or stands still, or its receipt does not fit
   */
  async stream(header: Uint8Array, view: StoreView, tables: readonly string[]): Promise<void> {
    try {
      await Promise.race([this.#accepted, this.#receipt]);
      await this.#write(frameKinds.header, header);
      let rows = 0;
      for (const table of tables) {
        for (let from: string | undefined = ''; from !== undefined;) {
          const part = collectRows(view, table, { from, bytesMax: rowsBytes });
          if (part.count > 0) await this.#write(frameKinds.rows, part.payload);
          rows += part.count;
          from = part.next;
        }
      }
      await this.#write(frameKinds.end, End.encode({ rows }));
      const staged = await this.#receipt;
      if (staged !== rows) throw new Error(`the peer staged ${staged} rows of ${rows}`);
    } finally {
      clearTimeout(this.#stall);
      this.#socket.destroy();
    }
  }

  /** Ends it from this side; `stream` rejects. */
  cancel(): void {
    this.#end(new Error('this node ended the stream'));
    this.#socket.destroy();
  }

  #onFrame(kind: number, payload: Uint8Array): void {
    if (kind === frameKinds.accepted) this.#onAccepted();
    else if (kind === frameKinds.receipt) this.#settle(Receipt.decode(payload).rows);
    else if (kind === frameKinds.refused) this.#end(new Error(reasonOf(payload)));
    else this.#end(new Error(`the peer answers a snapshot with a frame of kind ${kind}`));
  }

  /** Resolves once the system has taken the bytes: this is the back-pressure. */
  async #write(kind: number, payload: Uint8Array): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#socket.write(kind, payload, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
    await Promise.race([written, this.#receipt]);
    this.#progress();
  }

  #progress(): void {
    clearTimeout(this.#stall);
    this.#stall = setTimeout(
      () => this.#end(new Error(`the peer takes nothing for ${this.#stallMs} ms`)),
      this.#stallMs,
    );
  }
}
