import { type NotifyEffect } from '../core/base/effects.ts';
import { type NodeId } from '../core/base/ids.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { WatchRequest, WatchResponse } from '../core/chainfire/api/watch.ts';
import { type MemberRefusal, type MemberStream } from '../core/chainfire/member-protocol.ts';
import { type Message } from '../core/wire/protobuf.ts';
import { WireError } from '../core/wire/reader.ts';
import { clientAddress } from './network/conditions.ts';
import { type Network } from './network/network.ts';
import { type MemberMachine, type ProcessOf } from './member-machine.ts';
import { Violation } from './types.ts';
import { type World } from './world.ts';

/** How a client reads: every item takes it so long; 0: as it comes. */
export interface StreamReader {
  /** What is sent and not yet read comes to this much and one item at most. */
  readonly windowBytes: number;
  readonly delayUs: () => number;
}

export interface StreamOptions<M extends MemberMachine> {
  readonly client: number;
  readonly node: NodeId;
  readonly stream: MemberStream;
  readonly reader: StreamReader;
  readonly received: (response: WatchResponse) => void;
  /** Called at most once, and not after `close` or `vanish`. */
  readonly failed: (reason: string) => void;
  readonly streamId: number;
  readonly process: ProcessOf<M>;
  readonly world: World;
  readonly network: Network;
  readonly prng: Prng;
  /** Everything goes through the wire's codec. */
  readonly throughCodec: boolean;
  /** The member's end of it is gone. */
  readonly forgotten: () => void;
}

const controlBytes = 32;
const itemOverheadBytes = 64;
/** The transport says what it has taken so long after it took it. */
const drainReportUsMin = 20;
const drainReportUsMax = 500;
/** After so long without a sign of life a member takes a client for gone. */
const silenceUsMin = 5 * usPerSecond;
const silenceUsMax = 20 * usPerSecond;
const readingUsMin = usPerMs;
/** What the transport says beside items, for those who watch. */
const words = {
  open: { kind: 'streamOpened' },
  request: { kind: 'watchRequest' },
  close: { kind: 'streamClosed' },
  window: { kind: 'streamWindow' },
  reset: { kind: 'streamReset' },
  end: { kind: 'streamEnd' },
};

/**
 * One stream between a client and a member: a connection that keeps order and never doubles. What the network loses of it
 * is the end of it, once something behind the gap arrives; when nothing does, nobody is told. A member that dies resets
 * its connections or falls silent; so does a client. The member's side takes items as the client's window lets it, and
 * reports what it took as drained.
 */
export class StreamConnection<M extends MemberMachine> {
  readonly boot: number;
  readonly node: NodeId;
  readonly #options: StreamOptions<M>;
  /** Packets of each direction, counted where they leave and where they arrive. */
  #clientSent = 0;
  #memberReceived = 0;
  #memberSent = 0;
  #clientReceived = 0;
  #clientOpen = true;
  /** The client's host itself is gone: nothing answers for it. */
  #silent = false;
  /** The member's machine knows of it, and neither has ended it nor been told of its end. */
  #memberOpen = false;
  #endedByMember = false;
  /** What the machine has handed over and the transport has not taken yet. The end comes last. */
  #queue: (NotifyEffect<WatchResponse> | { readonly kind: 'end'; readonly reason: string })[] = [];
  #unreadBytes = 0;
  #drainedBytes = 0;
  /** The client has read so much without saying so yet. */
  #readBytes = 0;
  /** It reads what has come up to here in time. */
  #readingUs = 0;

  constructor(options: StreamOptions<M>) {
    this.#options = options;
    this.node = options.node;
    this.boot = options.process.boot;
  }

  get endedByMember(): boolean {
    return this.#endedByMember;
  }

  open(): void {
    const { process, streamId, stream } = this.#options;
    this.#toMember(words.open, controlBytes, () => {
      if (!process.alive) this.#refuse('connection refused');
      else if (!process.deliver({ kind: 'streamOpened', streamId, stream })) {
        this.#refuse('the member takes no more streams');
      } else this.#memberOpen = true;
    });
  }

  /** The client says something. */
  send(request: WatchRequest): void {
    const { process, streamId } = this.#options;
    const sent = this.#coded(WatchRequest, request);
    this.#toMember(words.request, sent.bytes + controlBytes, () => {
      if (!this.#memberOpen) return;
      if (!process.deliver({ kind: 'streamReceived', streamId, request: sent.read() })) this.#memberBreaks();
    });
  }

  /** The client has had enough, and says so. */
  close(): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#toMember(words.close, controlBytes, () => {
      this.#memberCloses();
    });
    this.#missedLater();
  }

  /** The client's process is gone without a word, or its whole host with it. */
  vanish(withHost: boolean): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#silent = withHost;
    this.#missedLater();
  }

  /** The machine hands an item over. */
  notify(effect: NotifyEffect<WatchResponse>): void {
    this.#queue.push(effect);
    this.#pump();
  }

  /** The machine has ended it: what it handed over before still goes out. */
  end(refusal: MemberRefusal | undefined): void {
    this.#memberOpen = false;
    this.#endedByMember = true;
    this.#queue.push({ kind: 'end', reason: refusal?.message ?? 'ended by the member' });
    this.#pump();
  }

  /** The member's process is gone, with a reset or without a word. */
  processEnded(): void {
    this.#memberOpen = false;
    this.#queue = [];
    if (!this.#options.process.connected(this.boot)) this.#refuse('connection reset');
  }

  /** Everything that the client's window has room for leaves. */
  #pump(): void {
    const { windowBytes } = this.#options.reader;
    while (this.#unreadBytes < windowBytes) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      if (next.kind === 'end') {
        this.#options.forgotten();
        this.#refuse(next.reason);
        return;
      }
      this.#unreadBytes += next.bytes;
      const sent = this.#coded(WatchResponse, next.item);
      this.#toClient(next, sent.bytes, () => {
        this.#arrived(sent.read(), next.bytes);
      });
      this.#drained(next.bytes);
    }
  }

  #drained(bytes: number): void {
    const reportDue = this.#drainedBytes > 0;
    this.#drainedBytes += bytes;
    if (reportDue || bytes === 0) return;
    const { world, prng, process, streamId } = this.#options;
    world.after(between(prng, drainReportUsMin, drainReportUsMax), () => {
      const drained = this.#drainedBytes;
      this.#drainedBytes = 0;
      if (this.#memberOpen) process.inform({ kind: 'streamDrained', streamId, bytes: drained });
    });
  }

  #arrived(response: WatchResponse, bytes: number): void {
    const { world, reader } = this.#options;
    const delayUs = reader.delayUs();
    if (delayUs === 0 && this.#readingUs < world.nowUs) {
      this.#read(response, bytes);
      return;
    }
    this.#readingUs = Math.max(this.#readingUs, world.nowUs) + Math.max(readingUsMin, delayUs);
    world.at(this.#readingUs, () => {
      if (this.#clientOpen) this.#read(response, bytes);
    });
  }

  #read(response: WatchResponse, bytes: number): void {
    this.#readBytes += bytes;
    // As HTTP/2's flow control does: the window is given back in halves.
    if (2 * this.#readBytes >= this.#options.reader.windowBytes) {
      const read = this.#readBytes;
      this.#readBytes = 0;
      this.#toMember(words.window, controlBytes, () => {
        this.#unreadBytes -= read;
        this.#pump();
      });
    }
    this.#options.received(response);
  }

  /** A packet from the client to this very process. What follows a gap breaks the connection. */
  #toMember(carries: { readonly kind: string }, bytes: number, arrived: () => void): void {
    const { client, process, network } = this.#options;
    this.#clientSent += 1;
    const sequence = this.#clientSent;
    network.send({
      from: clientAddress(client),
      to: this.node,
      bytes,
      carriage: 'stream',
      carries,
      arrived: () => {
        // A host that has lost its power says nothing; one that has got it back knows of no such connection.
        if (!process.alive && sequence > 1) return;
        if (process.boot !== this.boot) {
          this.#refuse('connection reset');
          return;
        }
        this.#memberReceived += 1;
        if (this.#memberReceived === sequence) arrived();
        else this.#memberBreaks();
      },
    });
  }

  #toClient(carries: { readonly kind: string }, bytes: number, arrived: () => void): void {
    const { client, process, network } = this.#options;
    this.#memberSent += 1;
    const sequence = this.#memberSent;
    network.send({
      from: this.node,
      to: clientAddress(client),
      bytes,
      carriage: 'stream',
      carries,
      arrived: () => {
        // A connection is between two processes as they were; what it carried ends with either.
        if (!process.connected(this.boot)) return;
        if (!this.#clientOpen) {
          if (!this.#silent) this.#reset();
          return;
        }
        this.#clientReceived += 1;
        if (this.#clientReceived === sequence) {
          arrived();
          return;
        }
        this.#reset();
        this.#fail('connection reset');
      },
    });
  }

  /** The client's host tells the member that there is no such connection. */
  #reset(): void {
    const { client, process, network } = this.#options;
    network.send({
      from: clientAddress(client),
      to: this.node,
      bytes: controlBytes,
      carriage: 'stream',
      carries: words.reset,
      arrived: () => {
        if (process.boot === this.boot) this.#memberCloses();
      },
    });
  }

  /** The member's host tells the client that there is no such connection, behind whatever is under way. */
  #refuse(reason: string): void {
    const { client, network } = this.#options;
    network.send({
      from: this.node,
      to: clientAddress(client),
      bytes: controlBytes,
      carriage: 'stream',
      carries: words.end,
      arrived: () => {
        this.#fail(reason);
      },
    });
  }

  #memberBreaks(): void {
    this.#memberCloses();
    this.#refuse('connection reset');
  }

  #memberCloses(): void {
    if (this.#memberOpen) {
      const { process, streamId } = this.#options;
      process.inform({ kind: 'streamClosed', streamId });
    }
    this.#memberOpen = false;
    this.#queue = [];
    this.#options.forgotten();
  }

  #fail(reason: string): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#missedLater();
    this.#options.failed(reason);
  }

  /** The client's end is gone: a member that has not been told finds out by the silence. */
  #missedLater(): void {
    const { world, prng, process } = this.#options;
    world.after(between(prng, silenceUsMin, silenceUsMax), () => {
      if (process.boot === this.boot && process.alive) this.#memberCloses();
    });
  }

  #coded<Shape>(message: Message<Shape>, value: Shape): { readonly bytes: number; read(): Shape } {
    if (!this.#options.throughCodec) return { bytes: itemOverheadBytes, read: () => value };
    const encoded = message.encode(value);
    return { bytes: encoded.length, read: () => readBack(message, encoded) };
  }
}

/** Whatever one side writes the other reads. @throws Violation */
function readBack<Shape>(message: Message<Shape>, encoded: Uint8Array): Shape {
  try {
    return message.decode(encoded);
  } catch (failure) {
    if (!(failure instanceof WireError)) throw failure;
    throw new Violation('codec', failure.message);
  }
}
