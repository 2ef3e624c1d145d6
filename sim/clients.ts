import { assert } from '../core/base/assert.ts';
import { type NodeId } from '../core/base/ids.ts';
import { type TickEvent } from '../core/base/machine.ts';
import { type ClientEffect, type ClientEvent } from '../core/chainfire/client/protocol.ts';
import { type Abandon, attemptEvent, type ClientCalls } from './client-calls.ts';
import { type ProcessMachine } from './process.ts';
import { type WorkloadClient } from './workload.ts';
import { type World } from './world.ts';

/** Lets one simulated user's client machine act in the world: its attempts, and its sense of time. */
export class SimulatedClient<M extends ProcessMachine> {
  readonly #world: World;
  readonly #calls: ClientCalls<M>;
  readonly #client: number;
  readonly #workload: WorkloadClient;
  /** By endpoint; every client lists them from another start, so that not all ask the same member first. */
  readonly #endpoints: readonly NodeId[];
  readonly #attempts = new Map<number, Abandon>();
  #wakeUs = Infinity;

  constructor(options: {
    readonly world: World;
    readonly calls: ClientCalls<M>;
    readonly client: number;
    readonly workload: WorkloadClient;
    readonly endpoints: readonly NodeId[];
  }) {
    this.#world = options.world;
    this.#calls = options.calls;
    this.#client = options.client;
    this.#workload = options.workload;
    this.#endpoints = options.endpoints;
  }

  /** No call is under way. */
  get idle(): boolean {
    return this.#workload.idle;
  }

  start(): void {
    this.#scheduleWake();
  }

  /** Makes no new calls from now on. */
  stop(): void {
    this.#workload.stop(this.#world.nowUs);
  }

  #step(event: ClientEvent | TickEvent): void {
    for (const effect of this.#workload.step(event, this.#world.nowUs)) this.#apply(effect);
    this.#scheduleWake();
  }

  #apply(effect: ClientEffect): void {
    if (effect.kind === 'attempt') {
      const { attemptId, request, timeoutUs } = effect;
      const node = this.#endpoints[effect.endpoint % this.#endpoints.length];
      assert(node !== undefined, 'an attempt names an endpoint');
      const abandon = this.#calls.attempt({
        client: this.#client,
        node,
        request,
        timeoutUs,
        ended: (end) => {
          this.#attempts.delete(attemptId);
          this.#step(attemptEvent(attemptId, end));
        },
      });
      this.#attempts.set(attemptId, abandon);
      return;
    }
    if (effect.kind !== 'abandon') return;
    this.#attempts.get(effect.attemptId)?.();
    this.#attempts.delete(effect.attemptId);
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
