import { type AddressInfo, type Server, type Socket } from 'node:net';

import { type NodeId } from '../../core/base/ids.ts';
import { type Address, formatAddress } from '../config/address.ts';
import { createListener } from '../tls/listener.ts';
import { FrameSocket } from './frame-socket.ts';
import { IncomingSnapshot } from './incoming-snapshot.ts';
import { nodeBehind, type PeerTls, strangerBehind } from './peer-tls.ts';
import {
  Accepted,
  acceptHello,
  type Enquiry,
  frameBytesMax,
  frameKinds,
  Hello,
  PeerRefusal,
} from './protocol.ts';
import { decoded, type PeerReceiver } from './receiver.ts';
import { SilenceWatch } from './silence-watch.ts';

export interface PeerServerOptions<Message, Header> {
  readonly address: Address;
  readonly receiver: PeerReceiver<Message, Header>;
  /** Something failed that is no refusal: a defect of this node, or of its disk. */
  readonly onDefect: (error: unknown) => void;
  /** Plain TCP by default. */
  readonly tls?: PeerTls | undefined;
  /** A caller whose certificate was not good. */
  readonly onStranger?: (remote: string, reason: string) => void;
}

/** What of all connections together is bounded. */
interface Reception {
  snapshots: number;
  introductions: number;
}

/** Snapshots received at once; the store's own bound on stages is larger, so that recovery has room. */
const incomingSnapshotsMax = 2;
/** Each waits for the cluster's word on its members; whoever comes beyond that asks again. */
const introductionsMax = 8;
/** Callers ask more often for a sign of life; whoever has said nothing for this long, or no hello, is gone. */
const silenceMs = 10_000;
const nothing = new Uint8Array(0);

/** Where peers call. */
export class PeerServer {
  readonly address: Address;
  readonly #listener: Server;
  readonly #sockets: Set<Socket>;

  private constructor(listener: Server, sockets: Set<Socket>, address: Address) {
    this.#listener = listener;
    this.#sockets = sockets;
    this.address = address;
  }

  /** @throws Error naming the address when it cannot be listened on */
  static async listen<Message, Header>(options: PeerServerOptions<Message, Header>): Promise<PeerServer> {
    const { address, tls } = options;
    const onRefused = options.onStranger ?? (() => undefined);
    const sockets = new Set<Socket>();
    const reception: Reception = { snapshots: 0, introductions: 0 };
    const listener = createListener({
      tls: tls && { ...tls, clientCertRequired: true, alpn: [] },
      onSocket: (socket) => {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
      },
      onConnection: (socket) => {
        const stranger = tls && strangerBehind(socket, tls.system);
        if (stranger === undefined) {
          new IncomingPeer(socket, options, reception);
          return;
        }
        const caller = new FrameSocket(socket, { frame: () => undefined, closed: () => undefined });
        onRefused(caller.remote, stranger);
        caller.refuse(new PeerRefusal('NOT_A_MEMBER', `the peer is refused: ${stranger}`));
      },
      onRefused,
    });
    await new Promise<void>((resolve, reject) => {
      listener.once('error', (cause) => {
        reject(
          new Error(`cannot listen for peers on ${formatAddress(address)}: ${cause.message}`, { cause }),
        );
      });
      listener.listen({ host: address.host, port: address.port }, resolve);
    });
    const { port } = listener.address() as AddressInfo;
    return new PeerServer(listener, sockets, { host: address.host, port });
  }

  /** Connections of peers end when the peers do: nothing to wait for. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** One connection that a peer has opened. */
class IncomingPeer<Message, Header> {
  readonly #options: PeerServerOptions<Message, Header>;
  readonly #reception: Reception;
  readonly #socket: FrameSocket;
  readonly #silence: SilenceWatch;
  /** By its certificate; undefined where none is shown. */
  readonly #name: string | undefined;
  #from: NodeId | undefined;
  #snapshot: IncomingSnapshot<Message, Header> | undefined;
  /** It has asked for an introduction, and has nothing more to say. */
  #asks = false;

  constructor(socket: Socket, options: PeerServerOptions<Message, Header>, reception: Reception) {
    this.#options = options;
    this.#reception = reception;
    this.#name = nodeBehind(socket);
    this.#socket = new FrameSocket(socket, {
      frame: (kind, payload) => this.#onFrame(kind, payload),
      closed: () => this.#over(),
    });
    this.#silence = new SilenceWatch(silenceMs, {
      due: () => undefined,
      silent: () => {
        this.#socket.destroy();
        this.#over();
      },
    });
    // Also where this side ends it.
    socket.once('close', () => this.#over());
  }

  #onFrame(kind: number, payload: Uint8Array): void {
    this.#silence.heard();
    try {
      if (this.#asks) throw new PeerRefusal('MALFORMED', 'more than a hello for an introduction');
      if (this.#from === undefined) this.#onHello(kind, payload);
      else if (this.#snapshot === undefined) this.#onExchange(this.#from, kind, payload);
      else this.#onSnapshot(this.#snapshot, kind, payload);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    if (!(error instanceof PeerRefusal)) this.#options.onDefect(error);
    this.#socket.refuse(
      error instanceof PeerRefusal ? error : new PeerRefusal('FAILED', 'the node has failed to take it'),
    );
    this.#over();
  }

  #onHello(kind: number, payload: Uint8Array): void {
    const { receiver } = this.#options;
    const { own } = receiver;
    if (kind !== frameKinds.hello)
      throw new PeerRefusal('WRONG_PROTOCOL', 'a connection begins with a hello');
    const hello = decoded('hello', () => Hello.decode(payload));
    const caller = acceptHello(own, hello, this.#socket.remote, (id, address) => {
      this.#mustBeNamed(id);
      return receiver.admits(id, address);
    });
    if (!('from' in caller)) {
      this.#introduce(caller.purpose);
      return;
    }
    const { from, purpose } = caller;
    if (purpose === 'snapshot') {
      const { snapshots } = this.#reception;
      if (snapshots >= incomingSnapshotsMax) {
        throw new PeerRefusal('BUSY', `node ${own.id} is receiving ${snapshots} snapshots already`);
      }
      this.#reception.snapshots += 1;
      this.#snapshot = new IncomingSnapshot(receiver, from);
    }
    this.#from = from;
    this.#socket.frameBytesMax = frameBytesMax;
    this.#socket.write(frameKinds.accepted, Accepted.encode({ nodeId: own.id, bootId: own.bootId }));
  }

  /** A certificate is one member's: with it one does not speak for another. */
  #mustBeNamed(id: NodeId): void {
    const name = this.#options.receiver.nameOf(id);
    if (name === undefined || this.#name === undefined || this.#name === name) return;
    const { onStranger } = this.#options;
    const reason = `its certificate is that of ${this.#name}, and node ${id} is ${name}`;
    onStranger?.(this.#socket.remote, reason);
    throw new PeerRefusal('NOT_A_MEMBER', `the peer is refused: ${reason}`);
  }

  #introduce(purpose: Enquiry): void {
    const { receiver } = this.#options;
    const reception = this.#reception;
    if (reception.introductions >= introductionsMax) {
      throw new PeerRefusal(
        'BUSY',
        `node ${receiver.own.id} is introducing ${introductionsMax} nodes already`,
      );
    }
    const introduction = receiver.introduce(purpose);
    reception.introductions += 1;
    this.#asks = true;
    introduction
      .then((said) => this.#socket.end(frameKinds.introduction, said))
      .catch((error: unknown) => this.#refuse(error))
      .finally(() => {
        reception.introductions -= 1;
        this.#over();
      });
  }

  #onExchange(from: NodeId, kind: number, payload: Uint8Array): void {
    const { receiver } = this.#options;
    if (kind === frameKinds.ping) {
      this.#socket.write(frameKinds.pong, nothing);
      return;
    }
    if (kind !== frameKinds.messages)
      throw new PeerRefusal('MALFORMED', `a frame of kind ${kind} among messages`);
    // Membership may have changed since the hello: a removed node is not listened to.
    if (!receiver.knows(from)) throw new PeerRefusal('NOT_A_MEMBER', `node ${from} is no longer a member`);
    // Its name may have become known since.
    this.#mustBeNamed(from);
    receiver.received(
      from,
      decoded('messages', () => receiver.decodeMessages(payload)),
    );
  }

  #onSnapshot(snapshot: IncomingSnapshot<Message, Header>, kind: number, payload: Uint8Array): void {
    const receipt = snapshot.frame(kind, payload);
    if (receipt === undefined) return;
    this.#socket.end(frameKinds.receipt, receipt);
    this.#over();
  }

  #over(): void {
    this.#silence.stop();
    if (this.#snapshot === undefined) return;
    this.#snapshot.discard();
    this.#snapshot = undefined;
    this.#reception.snapshots -= 1;
  }
}
