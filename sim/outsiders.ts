import { unreachable } from '../core/base/assert.ts';
import { type NodeId } from '../core/base/ids.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { type MemberProcess } from './cluster.ts';
import { type Address, type Condition, cut } from './network/conditions.ts';
import { type Network } from './network/network.ts';
import { type World } from './world.ts';

/** How a member outside of the core stays broken, for as long as the run goes on: without a voice that could elect it … */
const quietWays = ['down', 'cutOff', 'deaf', 'mute'] as const;
/** … or with one. Such a one is cut off at first: a core that has a leader of its own does not let go of it for them. */
const noisyWays = ['flapping', 'slowLink', 'slowDisk', 'failingDisk', 'fullDisk', 'pausing'] as const;
type NoisyWay = (typeof noisyWays)[number];
type Way = (typeof quietWays)[number] | NoisyWay;

const millis = 1_000;

/** Members outside of the core, each broken in its own way: none of them may hold the core up or unseat its leader. */
export class Outsiders {
  readonly #world: World;
  readonly #network: Network;
  readonly #prng: Prng;
  /** Whom they speak with: members of the core, and clients. */
  readonly #core: readonly NodeId[];
  readonly #clients: readonly Address[];

  /** What begins once the core has a leader. */
  readonly #waiting: (() => void)[] = [];

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly prng: Prng;
    readonly core: readonly NodeId[];
    readonly clients: readonly Address[];
  }) {
    this.#world = options.world;
    this.#network = options.network;
    this.#prng = options.prng;
    this.#core = options.core;
    this.#clients = options.clients;
  }

  /** @returns the way, for the trace */
  break(process: MemberProcess): Way {
    const outside = [process.node];
    const everybody = [...this.#core, ...this.#clients];
    const noisy = this.#prng.chance(1, 2);
    const ways: readonly Way[] = noisy ? noisyWays : quietWays;
    const way = ways[this.#prng.below(ways.length)] ?? 'down';
    switch (way) {
      case 'down':
        process.crash('machine');
        break;
      case 'cutOff':
        this.#begin(cut(outside, everybody), cut(everybody, outside));
        break;
      case 'deaf':
        this.#begin(cut(this.#core, outside), cut(outside, this.#clients));
        break;
      case 'mute':
        this.#begin(cut(outside, everybody));
        break;
      default: {
        const cuts = [cut(outside, this.#core), cut(this.#core, outside)];
        // For good: whoever watches there would be told no more than such a member knows, and have no reason to leave.
        this.#begin(...cuts, cut(outside, this.#clients), cut(this.#clients, outside));
        this.#waiting.push(() => {
          for (const condition of cuts) this.#network.end(condition);
          this.#startAgain(process);
          this.#makeNoise(process, way);
        });
      }
    }
    return way;
  }

  /** The core has a leader: whoever has a voice may raise it. */
  release(): void {
    for (const begin of this.#waiting.splice(0)) begin();
  }

  #makeNoise(process: MemberProcess, way: NoisyWay): void {
    const outside = [process.node];
    switch (way) {
      case 'flapping':
        this.#flap([cut(outside, this.#core), cut(this.#core, outside)]);
        break;
      case 'slowLink':
        this.#slowLink(outside);
        break;
      case 'slowDisk':
        process.segments.slow(between(this.#prng, 50, 500));
        process.store.slow(between(this.#prng, 50, 500));
        break;
      case 'failingDisk':
        this.#failSyncs(process);
        break;
      case 'fullDisk':
        process.segments.fill(true);
        this.#keepStarting(process);
        break;
      case 'pausing':
        this.#pauseAgain(process);
        break;
      default:
        unreachable(way);
    }
  }

  #begin(...conditions: readonly Condition[]): void {
    for (const condition of conditions) this.#network.begin(condition);
  }

  #slowLink(outside: readonly NodeId[]): void {
    const prng = this.#prng.fork('slow link');
    const tail = { kind: 'tail', tailPpm: 500_000, tailUs: 2_000 * millis, prng, hits: 0 } as const;
    this.#begin(
      { ...tail, from: new Set(outside), to: new Set(this.#core) },
      { ...tail, from: new Set(this.#core), to: new Set(outside) },
    );
  }

  /** Often about an election time-out long. */
  #drawUs(): number {
    return between(this.#prng, 50, 2_000) * millis;
  }

  #flap(conditions: readonly Condition[]): void {
    this.#begin(...conditions);
    this.#world.after(this.#drawUs(), () => {
      for (const condition of conditions) this.#network.end(condition);
      this.#world.after(this.#drawUs(), () => {
        this.#flap(conditions);
      });
    });
  }

  /** Now and then a sync fails; whatever supervises the process starts it again. */
  #failSyncs(process: MemberProcess): void {
    process.segments.failNextSync();
    this.#startAgain(process);
    this.#world.after(this.#drawUs(), () => {
      this.#failSyncs(process);
    });
  }

  #keepStarting(process: MemberProcess): void {
    this.#startAgain(process);
    this.#world.after(this.#drawUs(), () => {
      this.#keepStarting(process);
    });
  }

  #startAgain(process: MemberProcess): void {
    if (!process.alive && !process.stopped) process.start();
  }

  #pauseAgain(process: MemberProcess): void {
    process.pause();
    this.#world.after(this.#drawUs(), () => {
      process.resume();
      this.#world.after(this.#drawUs(), () => {
        this.#pauseAgain(process);
      });
    });
  }
}
