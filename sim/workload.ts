import { assert } from '../core/base/assert.ts';
import { type TickEvent } from '../core/base/machine.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { ChainfireClient, defaultClientConfig } from '../core/chainfire/client/client.ts';
import {
  type ClientEffect,
  type ClientEvent,
  type ClientOutcome,
} from '../core/chainfire/client/protocol.ts';
import { type History } from './history.ts';
import { type WorkloadPlan } from './types.ts';
import { CallDrawer, isOneCall, wholeKeyspace } from './workload-calls.ts';
import { KeyKnowledge } from './workload-knowledge.ts';

/**
 * One simulated user: makes a call, waits for its outcome, thinks, makes the next. The calls go through the real client
 * machine, with its retries, time-outs and failover; every one is recorded with the world's time.
 *
 * Once told to stop it makes one more: a linearizable read of every key, tried until it is answered. What was
 * acknowledged and lost is missing from it.
 */
export class WorkloadClient {
  readonly #client: number;
  readonly #plan: WorkloadPlan;
  readonly #prng: Prng;
  readonly #history: History;
  readonly #knowledge = new KeyKnowledge();
  readonly #drawer: CallDrawer;
  readonly #machine: ChainfireClient;
  #nextCallUs: number;
  #callId = 0;
  /** Position of the call under way in the history; one at a time. */
  #underWay: number | undefined;
  #stopped = false;
  /** The read that ends the client's work was answered. */
  #concluded = false;
  /** The call under way is that read. */
  #concluding = false;

  constructor(options: {
    client: number;
    plan: WorkloadPlan;
    endpoints: number;
    prng: Prng;
    nowUs: number;
    history: History;
  }) {
    this.#client = options.client;
    this.#plan = options.plan;
    this.#prng = options.prng.fork('think');
    this.#history = options.history;
    this.#drawer = new CallDrawer({
      client: options.client,
      plan: options.plan,
      prng: options.prng.fork('calls'),
      knowledge: this.#knowledge,
    });
    const config = { ...defaultClientConfig, endpoints: options.endpoints };
    this.#machine = new ChainfireClient(config, options.prng.fork('client'), options.nowUs);
    this.#nextCallUs = options.nowUs + this.#think();
  }

  /** Attempts to make and to abandon, for the world to carry out. */
  step(event: ClientEvent | TickEvent, nowUs: number): readonly ClientEffect[] {
    const effects = this.#filtered(this.#machine.step(event, nowUs), nowUs);
    if (this.#underWay !== undefined || this.#concluded || nowUs < this.#nextCallUs) return effects;
    return [...effects, ...this.#call(nowUs)];
  }

  get deadlineUs(): number {
    if (this.#underWay !== undefined || this.#concluded) return this.#machine.deadlineUs;
    return Math.min(this.#machine.deadlineUs, this.#nextCallUs);
  }

  /** Makes no new calls but the concluding read; the one under way still ends. */
  stop(nowUs: number): void {
    this.#stopped = true;
    this.#nextCallUs = Math.min(this.#nextCallUs, nowUs + this.#plan.thinkUsMin);
  }

  /** No call is under way; after `stop`, the concluding read was answered. */
  get idle(): boolean {
    return this.#underWay === undefined && (!this.#stopped || this.#concluded);
  }

  #call(nowUs: number): ClientEffect[] {
    const operation = this.#drawer.operation();
    if (!this.#stopped && !isOneCall(operation)) {
      this.#nextCallUs = nowUs + this.#think();
      return [];
    }
    this.#callId += 1;
    const request =
      this.#stopped || !isOneCall(operation) ? wholeKeyspace() : this.#drawer.draw(this.#callId, operation);
    this.#concluding = this.#stopped;
    this.#underWay = this.#history.began({
      client: this.#client,
      callId: this.#callId,
      request,
      startUs: nowUs,
    });
    const called: ClientEvent = {
      kind: 'called',
      callId: this.#callId,
      request,
      timeoutUs: this.#plan.callTimeoutUs,
    };
    return this.#filtered(this.#machine.step(called, nowUs), nowUs);
  }

  #filtered(effects: readonly ClientEffect[], nowUs: number): ClientEffect[] {
    const outward: ClientEffect[] = [];
    for (const effect of effects) {
      if (effect.kind === 'completed') this.#completed(effect.callId, effect.outcome, nowUs);
      else outward.push(effect);
    }
    return outward;
  }

  #completed(callId: number, outcome: ClientOutcome, nowUs: number): void {
    assert(this.#underWay !== undefined && callId === this.#callId, 'only the call under way completes');
    this.#history.ended(this.#underWay, nowUs, outcome);
    this.#knowledge.learn(outcome);
    this.#underWay = undefined;
    if (this.#concluding && outcome.kind === 'answered') this.#concluded = true;
    this.#nextCallUs = nowUs + this.#think();
  }

  #think(): number {
    return between(this.#prng, this.#plan.thinkUsMin, this.#plan.thinkUsMax);
  }
}
