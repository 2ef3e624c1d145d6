import { assert, unreachable } from '../core/base/assert.ts';
import { type NodeId } from '../core/base/ids.ts';
import { type TickEvent } from '../core/base/machine.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { bytesPerKib, usPerMs } from '../core/base/units.ts';
import { type ClientEffect, type ClientEvent } from '../core/chainfire/client/protocol.ts';
import { type Credential } from '../core/chainfire/auth/protocol.ts';
import { type MemberStream } from '../core/chainfire/member-protocol.ts';
import { type Abandon, attemptEvent, type ClientCalls } from './client-calls.ts';
import { type ClientStream, type ClientStreams } from './client-streams.ts';
import { type MemberMachine } from './member-machine.ts';
import { type StreamReader } from './stream-connection.ts';
import { type OutwardEffect } from './workload-desk.ts';
import { type WorkloadClient } from './workload.ts';
import { type World } from './world.ts';

/** Lets one simulated user's client machine act in the world: its attempts, and its sense of time. */
export class SimulatedClient<M extends MemberMachine> {
  readonly #world: World;
  readonly #calls: ClientCalls<M>;
  readonly #streams: ClientStreams<M>;
  readonly #prng: Prng;
  readonly #client: number;
  readonly #by: Credential | undefined;
  readonly #workload: WorkloadClient;
  /** By endpoint; every client lists them from another start, so that not all ask the same member first. */
  readonly #endpoints: readonly NodeId[];
  readonly #attempts = new Map<number, Abandon>();
  /** By the client machine's own numbers. */
  readonly #opened = new Map<number, ClientStream>();
  #wakeUs = Infinity;
  #stopped = false;
  /** Counts processes; an older one's answers are nobody's. */
  #life = 1;

  constructor(options: {
    readonly world: World;
    readonly calls: ClientCalls<M>;
    readonly streams: ClientStreams<M>;
    readonly prng: Prng;
    readonly client: number;
    /** For whom its streams speak. */
    readonly by?: Credential | undefined;
    readonly workload: WorkloadClient;
    readonly endpoints: readonly NodeId[];
  }) {
    this.#world = options.world;
    this.#calls = options.calls;
    this.#streams = options.streams;
    this.#prng = options.prng;
    this.#client = options.client;
    this.#by = options.by;
    this.#workload = options.workload;
    this.#endpoints = options.endpoints;
  }

  /** No call is under way. */
  get idle(): boolean {
    return this.#workload.idle;
  }

  /** Why it has not been told of everything up to this revision, though it watches everything. */
  behind(revision: number): string | undefined {
    return this.#workload.behind(revision);
  }

  start(): void {
    this.#scheduleWake();
  }

  /** Makes no new calls from now on but those that end its work, and reads whatever it is told as it comes. */
  stop(): void {
    this.#stopped = true;
    this.#workload.stop(this.#world.nowUs);
    this.#step({ kind: 'tick' });
  }

  #step(event: ClientEvent | TickEvent): void {
    for (const effect of this.#workload.step(event, this.#world.nowUs)) this.#apply(effect);
    this.#scheduleWake();
  }

  #apply(effect: OutwardEffect): void {
    switch (effect.kind) {
      case 'attempt':
        this.#attempt(effect);
        break;
      case 'abandon':
        this.#attempts.get(effect.attemptId)?.();
        this.#attempts.delete(effect.attemptId);
        break;
      case 'openStream':
        this.#openStream(effect.streamId, effect.endpoint);
        break;
      case 'streamSend':
        this.#opened.get(effect.streamId)?.send(effect.request);
        break;
      case 'closeStream':
        this.#closeStream(effect.streamId);
        break;
      case 'restarted':
        this.#restarted();
        break;
      default:
        unreachable(effect);
    }
  }

  #attempt(effect: Extract<ClientEffect, { kind: 'attempt' }>): void {
    const { attemptId, request, timeoutUs } = effect;
    const life = this.#life;
    const abandon = this.#calls.attempt({
      client: this.#client,
      node: this.#node(effect.endpoint),
      request,
      timeoutUs,
      ended: (end) => {
        if (life !== this.#life) return;
        this.#attempts.delete(attemptId);
        this.#step(attemptEvent(attemptId, end));
      },
    });
    this.#attempts.set(attemptId, abandon);
  }

  /** Nobody says goodbye: calls are answered to nobody, and members find out about streams by themselves. */
  #restarted(): void {
    this.#life += 1;
    this.#attempts.clear();
    const withHost = this.#prng.chance(1, 2);
    for (const stream of this.#opened.values()) stream.vanish(withHost);
    this.#opened.clear();
    this.#wakeUs = Infinity;
  }

  #openStream(streamId: number, endpoint: number): void {
    const prng = this.#prng.fork(`stream ${this.#life}.${streamId}`);
    const stream = this.#streams.connect({
      client: this.#client,
      node: this.#node(endpoint),
      stream: this.#stream(prng.chance(1, 2)),
      reader: this.#drawReader(prng.fork('reader')),
      received: (response) => {
        this.#step({ kind: 'streamReceived', streamId, response });
      },
      failed: (reason) => {
        this.#opened.delete(streamId);
        this.#step({ kind: 'streamFailed', streamId, reason });
      },
    });
    this.#opened.set(streamId, stream);
  }

  #stream(requireLeader: boolean): MemberStream {
    return { kind: 'watch', requireLeader, ...(this.#by === undefined ? {} : { by: this.#by }) };
  }

  #closeStream(streamId: number): void {
    const stream = this.#opened.get(streamId);
    this.#opened.delete(streamId);
    // A share of clients goes without a word, and a share of those with all that could answer for them.
    if (this.#prng.chance(1, 4)) stream?.vanish(this.#prng.chance(1, 2));
    else stream?.close();
  }

  /** Most read as it comes. Some take their time over every item, some fall asleep now and then, some have little room. */
  #drawReader(prng: Prng): StreamReader {
    const windowBytes = prng.chance(1, 3) ? between(prng, 100, 2_000) : 64 * bytesPerKib;
    if (!prng.chance(1, 3)) return { windowBytes, delayUs: () => 0 };
    const slowUs = between(prng, 1, 200) * usPerMs;
    const asleepUs = between(prng, 500, 6_000) * usPerMs;
    const delayUs = (): number => {
      if (this.#stopped) return 0;
      return prng.chance(1, 30) ? prng.below(asleepUs) : prng.below(slowUs);
    };
    return { windowBytes, delayUs };
  }

  #node(endpoint: number): NodeId {
    const node = this.#endpoints[endpoint % this.#endpoints.length];
    assert(node !== undefined, 'an attempt names an endpoint');
    return node;
  }

  #scheduleWake(): void {
    const dueUs = Math.max(this.#workload.deadlineUs, this.#world.nowUs);
    if (dueUs >= this.#wakeUs || dueUs === Infinity) return;
    this.#wakeUs = dueUs;
    this.#world.at(dueUs, () => {
      if (this.#wakeUs !== dueUs) return;
      this.#wakeUs = Infinity;
      if (this.#workload.deadlineUs <= this.#world.nowUs) this.#step({ kind: 'tick' });
      else this.#scheduleWake();
    });
  }
}
