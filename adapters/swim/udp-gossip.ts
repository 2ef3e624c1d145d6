import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

import { type CapturablePrng } from '../../core/base/prng.ts';
import { type OwnWords, type SwimConfig } from '../../core/swim/config.ts';
import { SwimNode } from '../../core/swim/node.ts';
import {
  type MemberRecord,
  type SwimCounts,
  type SwimEffect,
  type SwimEvent,
} from '../../core/swim/types.ts';
import { type Address, formatAddress, parseAddress } from '../config/address.ts';
import { DatagramSeal } from './datagram-seal.ts';
import { GossipError } from './gossip-error.ts';

/** Datagrams that the system has not taken yet, at most: what comes on top is dropped, as a network would drop it. */
const unsentMax = 1_024;
/** setTimeout knows no longer time. */
const timerMsMax = 2_147_483_647;

export interface UdpGossipOptions {
  /** Where to listen; with port 0 at a port that the system chooses. */
  readonly listen: Address;
  /** What others are told to send to, where it is not what is listened on: behind 0.0.0.0, a name, a translated address. */
  readonly advertise?: Address | undefined;
  /** Who this is; the gossip address follows from the two above. */
  readonly config: Omit<SwimConfig, 'self'> & { readonly self: Omit<SwimConfig['self'], 'gossipAddress'> };
  /** What all members know and nobody else does: datagrams that are not signed with it are dropped. Undefined: none is. */
  readonly secret?: Uint8Array | undefined;
  readonly prng: CapturablePrng;
  /** Told of everything that the machine has to say to its owner. */
  readonly onEffect: (effect: Exclude<SwimEffect, { kind: 'send' }>) => void;
  /** Gossip has ended, and not by `stop`. Called once. */
  readonly onBroken: (failure: GossipError) => void;
  readonly clock?: () => number;
}

export interface GossipCounts extends Readonly<SwimCounts> {
  /** Datagrams that came and do not bear the secret's tag. */
  readonly unsigned: number;
  /** Datagrams that did not leave. */
  readonly unsent: number;
}

/** Runs the gossip machine on a UDP socket. Datagrams leave as they are: nothing is retried, and nobody waits for them. */
export class UdpGossip {
  readonly #options: UdpGossipOptions;
  readonly #socket: Socket;
  readonly #clock: () => number;
  readonly #node: SwimNode;
  readonly #seal: DatagramSeal | undefined;
  readonly #departed: Promise<void>;
  #depart: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #tick: NodeJS.Immediate | undefined;
  #unsent = 0;
  #unsentDropped = 0;
  #unsigned = 0;
  #stopped = false;

  /** @throws GossipError when the address cannot be had */
  static async start(options: UdpGossipOptions): Promise<UdpGossip> {
    const socket = await bound(options.listen);
    return new UdpGossip(options, socket);
  }

  private constructor(options: UdpGossipOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    this.#departed = new Promise((done) => {
      this.#depart = done;
    });
    this.#clock = options.clock ?? monotonicUs;
    this.#seal = options.secret === undefined ? undefined : new DatagramSeal(options.secret);
    const { address, port } = socket.address();
    const gossipAddress = formatAddress(options.advertise ?? { host: address, port });
    const { config } = options;
    this.#node = new SwimNode(
      { ...config, self: { ...config.self, gossipAddress } },
      options.prng,
      this.#clock(),
    );
    socket.on('message', (datagram, from) => {
      this.#receive(addressOf(from), datagram);
    });
    socket.on('error', (failure) => {
      this.#break('the gossip socket failed', failure);
    });
    this.#schedule();
  }

  /** Where others reach it. */
  get address(): string {
    return this.#node.self.gossipAddress;
  }

  get self(): MemberRecord {
    return this.#node.self;
  }

  /** This member and the others that are not known to be gone, by name. */
  get live(): readonly MemberRecord[] {
    return this.#node.live;
  }

  /** Everyone else that is remembered, the dead among them. */
  get others(): readonly MemberRecord[] {
    return this.#node.others.map(({ record }) => record);
  }

  /** 0: this member keeps up; the more, the slower it has found itself to be. */
  get healthScore(): number {
    return this.#node.healthScore;
  }

  get counts(): GossipCounts {
    return { ...this.#node.counts, unsigned: this.#unsigned, unsent: this.#unsentDropped };
  }

  /** It has something else to say of itself from now on; the others are told. */
  changePlace(place: OwnWords): void {
    this.#step({ kind: 'placeChanged', ...place });
  }

  /** Tells the others that it goes, within the machine's time for that, and stops. */
  async leave(): Promise<void> {
    this.#step({ kind: 'leave' });
    await this.#departed;
    await this.stop();
  }

  /** Stops without a word: for the others it is as if it had died. */
  stop(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#end();
    return new Promise((done) => {
      this.#socket.close(() => {
        done();
      });
    });
  }

  #receive(from: string, received: Uint8Array): void {
    const datagram = this.#seal === undefined ? received : this.#seal.open(received);
    if (datagram === undefined) this.#unsigned += 1;
    else this.#step({ kind: 'received', from, datagram });
  }

  #step(event: SwimEvent): void {
    if (this.#stopped) return;
    let effects: readonly SwimEffect[];
    try {
      effects = this.#node.step(event, this.#clock());
    } catch (failure) {
      this.#break('the gossip machine stopped', failure);
      return;
    }
    for (const effect of effects) this.#apply(effect);
    this.#schedule();
  }

  #apply(effect: SwimEffect): void {
    if (effect.kind === 'send') {
      this.#send(effect.to, effect.datagram);
      return;
    }
    this.#options.onEffect(effect);
    if (effect.kind === 'departed') this.#depart();
  }

  #send(to: string, datagram: Uint8Array): void {
    const address = parseAddress(to);
    if (this.#stopped || address === undefined || address.port === 0 || this.#unsent >= unsentMax) {
      this.#unsentDropped += 1;
      return;
    }
    this.#unsent += 1;
    const sealed = this.#seal === undefined ? datagram : this.#seal.seal(datagram);
    this.#socket.send(sealed, address.port, address.host, (failure) => {
      this.#unsent -= 1;
      // A name that is not known, a network that is down: as good as lost on the way.
      if (failure !== null) this.#unsentDropped += 1;
    });
  }

  #schedule(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    if (this.#tick !== undefined) return;
    const { deadlineUs } = this.#node;
    if (deadlineUs === Infinity) return;
    const delayMs = Math.min(timerMsMax, Math.max(0, Math.ceil((deadlineUs - this.#clock()) / 1_000)));
    this.#timer = setTimeout(() => {
      // What has arrived while the process was busy is heard first: an answer that waits here is not late.
      this.#tick = setImmediate(() => {
        this.#tick = undefined;
        this.#step({ kind: 'tick' });
      });
    }, delayMs);
  }

  #break(what: string, cause: unknown): void {
    if (this.#stopped) return;
    this.#end();
    this.#socket.close();
    this.#options.onBroken(new GossipError('BROKEN', `${what}: ${messageOf(cause)}`, cause));
  }

  #end(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.#tick !== undefined) clearImmediate(this.#tick);
    this.#depart();
  }
}

function bound(listen: Address): Promise<Socket> {
  const socket = createSocket({ type: isIPv6(listen.host) ? 'udp6' : 'udp4' });
  return new Promise((done, fail) => {
    socket.once('error', (failure) => {
      socket.close();
      const where = formatAddress(listen);
      fail(new GossipError('NOT_BOUND', `gossip cannot listen on ${where}: ${failure.message}`, failure));
    });
    socket.bind(listen.port, listen.host, () => {
      socket.removeAllListeners('error');
      done(socket);
    });
  });
}

function addressOf({ address, port }: RemoteInfo): string {
  return formatAddress({ host: address, port });
}

function monotonicUs(): number {
  return Math.floor(performance.now() * 1_000);
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
