import { assert } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { between, type CapturablePrng } from '../../core/base/prng.ts';
import { type SwimNode } from '../../core/swim/node.ts';
import { type SwimEffect, type SwimEvent } from '../../core/swim/types.ts';
import { NodeClock } from '../clock.ts';
import { thrownViolation } from '../machine-failure.ts';
import { type World } from '../world.ts';

/** Datagrams that wait for a process's next turn; what comes on top is dropped, as a full socket does. */
const inboxMax = 8_192;
/** How long after an event the process gets to it. */
const turnUsMin = 5;
const turnUsMax = 60;
/** A timer never fires early, and late by up to this much. */
const timerLateUsMax = 1_000;
const clockStartUsMax = 4_000_000_000;
const driftPpmMax = 500;

export interface SwimProcessOptions {
  readonly node: NodeId;
  readonly name: string;
  readonly world: World;
  readonly prng: CapturablePrng;
  readonly start: (process: SwimProcess, prng: CapturablePrng, nowUs: number) => SwimNode;
  readonly stepped: (process: SwimProcess, event: SwimEvent, effects: readonly SwimEffect[]) => void;
  /** After each step: the machine that goes on in its place, to show that it can be; undefined: it stays. */
  readonly exchange: ((process: SwimProcess, machine: SwimNode) => SwimNode | undefined) | undefined;
}

/** The simulator's runner of a gossip machine: its clock, and its turns. It keeps nothing on a disk: a restart knows nothing. */
export class SwimProcess {
  readonly node: NodeId;
  readonly name: string;
  readonly #options: SwimProcessOptions;
  readonly #world: World;
  readonly #prng: CapturablePrng;
  #state: 'down' | 'up' | 'paused' = 'down';
  #sinceUs = 0;
  #boot = 0;
  #clock: NodeClock;
  #machine: SwimNode | undefined;
  #inbox: SwimEvent[] = [];
  #turnDue = false;
  #wakeUs = Infinity;

  constructor(options: SwimProcessOptions) {
    this.#options = options;
    this.node = options.node;
    this.name = options.name;
    this.#world = options.world;
    this.#prng = options.prng;
    this.#clock = this.#newClock();
  }

  /** Undefined while it is down. */
  get machine(): SwimNode | undefined {
    return this.#machine;
  }

  /** Since when it is up, or down, in the world's time. */
  get sinceUs(): number {
    return this.#sinceUs;
  }

  /** Counts starts, from 1. */
  get boot(): number {
    return this.#boot;
  }

  get nowUs(): number {
    return this.#clock.at(this.#world.nowUs);
  }

  start(): void {
    if (this.#state !== 'down') return;
    this.#state = 'up';
    this.#sinceUs = this.#world.nowUs;
    this.#boot += 1;
    this.#clock = this.#newClock();
    const prng = this.#prng.fork(`boot ${this.#boot}`);
    this.#machine = this.#blamed(() => this.#options.start(this, prng, this.nowUs));
    this.#wakeAt();
  }

  crash(): void {
    if (this.#state === 'down') return;
    this.#state = 'down';
    this.#sinceUs = this.#world.nowUs;
    this.#machine = undefined;
    this.#inbox = [];
    this.#wakeUs = Infinity;
  }

  pause(): void {
    if (this.#state === 'up') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'up';
    this.#wakeUs = Infinity;
    this.#turnSoon();
  }

  deliver(event: SwimEvent): void {
    if (this.#state === 'down' || this.#inbox.length >= inboxMax) return;
    this.#inbox.push(event);
    if (this.#state === 'up') this.#turnSoon();
  }

  #newClock(): NodeClock {
    const nodeUs = this.#prng.below(clockStartUsMax);
    const driftPpm = between(this.#prng, 0, 2 * driftPpmMax) - driftPpmMax;
    return new NodeClock({ worldUs: this.#world.nowUs, nodeUs, driftPpm });
  }

  #turnSoon(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    const boot = this.#boot;
    this.#world.after(between(this.#prng, turnUsMin, turnUsMax), () => {
      this.#turnDue = false;
      if (boot === this.#boot) this.#turn();
      else if (this.#inbox.length > 0) this.#turnSoon();
    });
  }

  /** What has arrived is heard first, as in production: an answer that waits here is not late. */
  #turn(): void {
    if (this.#state !== 'up') return;
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const event of inbox) if (!this.#step(event)) return;
    const { machine } = this;
    if (machine !== undefined && machine.deadlineUs <= this.nowUs && !this.#step({ kind: 'tick' })) return;
    this.#wakeAt();
  }

  /** @returns false when the process has ended with it */
  #step(event: SwimEvent): boolean {
    const machine = this.#machine;
    assert(machine !== undefined, 'a process that is up has a machine');
    const effects = this.#blamed(() => machine.step(event, this.nowUs));
    this.#machine = this.#blamed(() => this.#options.exchange?.(this, machine)) ?? machine;
    this.#options.stepped(this, event, effects);
    if (!effects.some(({ kind }) => kind === 'departed')) return true;
    this.crash();
    return false;
  }

  /** What a machine throws is a violation of the system. */
  #blamed<T>(call: () => T): T {
    try {
      return call();
    } catch (thrown) {
      throw thrown instanceof Error ? thrownViolation(this.name, thrown) : thrown;
    }
  }

  #wakeAt(): void {
    const { deadlineUs } = this.#machine ?? { deadlineUs: Infinity };
    const dueUs = Math.max(this.#clock.worldTime(deadlineUs), this.#world.nowUs);
    if (dueUs === Infinity || dueUs >= this.#wakeUs) return;
    this.#wakeUs = dueUs;
    const boot = this.#boot;
    this.#world.at(dueUs + this.#prng.below(timerLateUsMax), () => {
      if (boot !== this.#boot || this.#wakeUs !== dueUs) return;
      this.#wakeUs = Infinity;
      this.#turn();
    });
  }
}
