import { assert } from '../../core/base/assert.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import { drawLatencyUs, latencyUsMax, networkShape } from '../latency.ts';
import { type World } from '../world.ts';
import {
  type Address,
  type Clog,
  clogs,
  type Condition,
  cuts,
  lies,
  type Lossy,
  type Narrow,
  type Tail,
} from './conditions.ts';

/** What the network is at peace. */
export interface NetworkPlan {
  /** Each link draws its median latency from this range. */
  readonly latencyUsMin: number;
  readonly latencyUsMax: number;
  readonly bytesPerUs: number;
  /** Bytes that a link holds at most; what would exceed it is dropped, as a peer's bounded queue does. */
  readonly linkBytesMax: number;
}

export const defaultNetworkPlan: NetworkPlan = {
  latencyUsMin: 100,
  latencyUsMax: 2_000,
  bytesPerUs: 125,
  linkBytesMax: 67_108_864,
};

export interface Packet {
  readonly from: Address;
  readonly to: Address;
  readonly bytes: number;
  /**
   * `datagram`: may be lost, doubled and reordered. `stream`: travels in a connection that keeps order and never doubles; one
   * that is lost is the end of its exchange.
   */
  readonly carriage: 'datagram' | 'stream';
  /** What it is made of, for those who watch: an effect, a request, or a word of the transport's own. */
  readonly carries?: { readonly kind: string };
  /** Happens on arrival, once or, for a datagram, more often. The receiver checks whether it is still the one meant. */
  readonly arrived: () => void;
}

/** Told what happens on the network. */
export interface NetworkWatcher {
  sent(packet: Packet): void;
  /** It is there. What its receiver makes of it happens before `arrived`; a packet that was doubled comes twice. */
  arriving(packet: Packet): void;
  arrived(packet: Packet): void;
}

export interface NetworkCounts {
  sent: number;
  delivered: number;
  duplicated: number;
  reordered: number;
  lost: number;
  cut: number;
  /** Dropped because the link, or the line before a narrow one, was full. */
  overflowed: number;
}

const million = 1_000_000;
/** A reordered packet is late by up to this many times its own latency. */
const reorderFactorMax = 20;

/** Every packet between members, and between clients and members, and everything that can happen to it. */
export class Network {
  readonly counts: NetworkCounts = {
    sent: 0,
    delivered: 0,
    duplicated: 0,
    reordered: 0,
    lost: 0,
    cut: 0,
    overflowed: 0,
  };
  readonly #world: World;
  readonly #prng: Prng;
  readonly #plan: NetworkPlan;
  readonly #watcher: NetworkWatcher | undefined;
  readonly #links = new Map<number, Link>();
  #conditions: Condition[] = [];

  constructor(options: {
    readonly world: World;
    readonly prng: Prng;
    readonly plan: NetworkPlan;
    readonly watcher?: NetworkWatcher | undefined;
  }) {
    this.#watcher = options.watcher;
    this.#world = options.world;
    this.#prng = options.prng;
    this.#plan = options.plan;
  }

  begin(condition: Condition): void {
    this.#conditions.push(condition);
  }

  /** What a clog held back leaves now, in order. */
  end(condition: Condition): void {
    this.#conditions = this.#conditions.filter((other) => other !== condition);
    if (condition.kind !== 'clog') return;
    const link = this.#link(condition.from, condition.to);
    const held = link.held;
    link.held = [];
    for (const packet of held) this.#route(packet, link);
  }

  /** Sends a packet on its way; whether and when it arrives is the network's business. */
  send(packet: Packet): void {
    this.counts.sent += 1;
    this.#watcher?.sent(packet);
    const link = this.#link(packet.from, packet.to);
    if (link.bytes + packet.bytes > this.#plan.linkBytesMax) {
      this.counts.overflowed += 1;
      return;
    }
    link.bytes += packet.bytes;
    this.#route(packet, link);
  }

  /** Nothing that leaves now gets there. */
  isCut(from: Address, to: Address): boolean {
    return this.#conditions.some((condition) => cuts(condition, from, to));
  }

  /** Bytes on the way from one to the other, held back ones included. */
  inFlightBytes(from: Address, to: Address): number {
    return this.#link(from, to).bytes;
  }

  #route(packet: Packet, link: Link): void {
    let factor = 1;
    let late = false;
    let waitUs = 0;
    for (const condition of this.#conditions) {
      switch (condition.kind) {
        case 'cut':
          if (!cuts(condition, packet.from, packet.to)) break;
          this.#cutOff(condition, packet, link);
          return;
        case 'clog':
          if (!clogs(condition, packet.from, packet.to)) break;
          this.#hold(condition, packet, link);
          return;
        case 'lossy':
          if (this.#loses(condition, packet, link)) return;
          this.#doubles(condition, packet, link);
          late = this.#delays(condition, packet) || late;
          break;
        case 'slow':
          condition.hits += 1;
          factor = Math.max(factor, condition.factor);
          break;
        case 'narrow': {
          if (!lies(condition, packet.from, packet.to)) break;
          const lineUs = this.#standInLine(condition, packet, link);
          if (lineUs === undefined) return;
          waitUs += lineUs;
          break;
        }
        case 'tail':
          if (lies(condition, packet.from, packet.to)) waitUs += tailUs(condition);
          break;
      }
    }
    const latencyUs = Math.min(this.#latencyUs(packet, link, factor) + waitUs, latencyUsMax);
    if (late) {
      const lateUs = Math.min(latencyUs * between(link.prng, 2, reorderFactorMax), latencyUsMax);
      this.#deliver(packet, link, this.#world.nowUs + lateUs);
      return;
    }
    link.lastArrivalUs = Math.max(link.lastArrivalUs, this.#world.nowUs + latencyUs);
    this.#deliver(packet, link, link.lastArrivalUs);
  }

  #loses(lossy: Lossy, packet: Packet, link: Link): boolean {
    if (!lossy.prng.chance(lossy.lossPpm, million)) return false;
    lossy.hits += 1;
    this.counts.lost += 1;
    link.bytes -= packet.bytes;
    return true;
  }

  #doubles(lossy: Lossy, packet: Packet, link: Link): void {
    if (packet.carriage === 'stream' || !lossy.prng.chance(lossy.duplicatePpm, million)) return;
    lossy.hits += 1;
    this.counts.duplicated += 1;
    link.bytes += packet.bytes;
    const copyUs = this.#latencyUs(packet, link, between(lossy.prng, 1, reorderFactorMax));
    this.#deliver(packet, link, this.#world.nowUs + copyUs);
  }

  #delays(lossy: Lossy, packet: Packet): boolean {
    if (packet.carriage === 'stream' || !lossy.prng.chance(lossy.reorderPpm, million)) return false;
    lossy.hits += 1;
    this.counts.reordered += 1;
    return true;
  }

  /** How long the packet stands in the line and on the wire; undefined when the line was full, and it is dropped. */
  #standInLine(narrow: Narrow, packet: Packet, link: Link): number | undefined {
    const { nowUs } = this.#world;
    const line = `${packet.from}>${packet.to}`;
    const freeUs = Math.max(nowUs, narrow.freeUs.get(line) ?? 0);
    const goneUs = freeUs + Math.ceil((packet.bytes * million) / narrow.bytesPerSecond);
    if (goneUs - nowUs > latencyUsMax) {
      narrow.hits += 1;
      this.counts.overflowed += 1;
      link.bytes -= packet.bytes;
      return undefined;
    }
    // A packet that nothing is ahead of hardly notices.
    if (freeUs > nowUs) narrow.hits += 1;
    narrow.freeUs.set(line, goneUs);
    return goneUs - nowUs;
  }

  #hold(clog: Clog, packet: Packet, link: Link): void {
    clog.hits += 1;
    link.held.push(packet);
  }

  #cutOff(cut: { hits: number }, packet: Packet, link: Link): void {
    cut.hits += 1;
    this.counts.cut += 1;
    link.bytes -= packet.bytes;
  }

  #deliver(packet: Packet, link: Link, timeUs: number): void {
    this.#world.at(timeUs, () => {
      for (const condition of this.#conditions) {
        if (!cuts(condition, packet.from, packet.to)) continue;
        this.#cutOff(condition, packet, link);
        return;
      }
      link.bytes -= packet.bytes;
      assert(link.bytes >= 0, 'a link never holds less than nothing');
      this.counts.delivered += 1;
      this.#watcher?.arriving(packet);
      packet.arrived();
      this.#watcher?.arrived(packet);
    });
  }

  #latencyUs(packet: Packet, link: Link, factor: number): number {
    const travelUs = drawLatencyUs(link.prng, link.medianUs, networkShape, factor);
    return travelUs + Math.floor(packet.bytes / this.#plan.bytesPerUs);
  }

  #link(from: Address, to: Address): Link {
    // Both ends fit 20 bits with their sign moved away, so one number names the link.
    const key = (from + half) * span + (to + half);
    let link = this.#links.get(key);
    if (link === undefined) {
      const prng = this.#prng.fork(`${from}>${to}`);
      const medianUs = between(prng, this.#plan.latencyUsMin, this.#plan.latencyUsMax);
      link = { prng, medianUs, bytes: 0, lastArrivalUs: 0, held: [] };
      this.#links.set(key, link);
    }
    return link;
  }
}

/** Nothing for most packets, and for the others anything up to the condition's bound. */
function tailUs(tail: Tail): number {
  if (!tail.prng.chance(tail.tailPpm, million)) return 0;
  tail.hits += 1;
  return 1 + tail.prng.below(Math.max(1, tail.tailUs));
}

const span = 1_048_576;
const half = 524_288;

interface Link {
  readonly prng: Prng;
  readonly medianUs: number;
  /** On the way or held back. Invariant: at most the plan's bound, plus what a faulty network doubled. */
  bytes: number;
  lastArrivalUs: number;
  /** Held back by a clog, oldest first. */
  held: Packet[];
}
