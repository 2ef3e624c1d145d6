import { unreachable } from '../core/base/assert.ts';
import { type TickEvent } from '../core/base/machine.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { processCredential } from '../core/chainfire/auth/protocol.ts';
import { type MemberRequest } from '../core/chainfire/member-protocol.ts';
import { type ClientEvent } from '../core/chainfire/client/protocol.ts';
import { type ClientConfig } from '../core/chainfire/client/protocol.ts';
import { type ClientLogs } from './client-logs.ts';
import { type History } from './history.ts';
import { type WorkloadOperation, type WorkloadPlan } from './types.ts';
import { type Undertaking } from './undertaking.ts';
import { CallDrawer, isOneCall, wholeKeyspace } from './workload-calls.ts';
import { ClientDesk, type OutwardEffect } from './workload-desk.ts';
import { UpkeepUndertaking } from './workload-upkeep.ts';
import { userOfClient } from './workload-users.ts';
import { KeyKnowledge } from './workload-knowledge.ts';
import { LeaseUndertaking } from './workload-leases.ts';
import { LockUndertaking } from './workload-locks.ts';
import { WatchOfEverything, WatchUndertaking } from './workload-watches.ts';

type UndertakingOperation = Exclude<WorkloadOperation, Parameters<CallDrawer['draw']>[1]>;

/** Of each kind a client has so many at once. */
const undertakingsMax: Readonly<Record<UndertakingOperation, number>> = {
  lease: 3,
  watch: 4,
  lock: 2,
  upkeep: 1,
};
/** How far back a client's concluding watch begins. */
const concludingReach = 200;

/**
 * So many calls of every client are answered before it ends its work. Faults may leave no time in which anybody could be
 * served; what they have kept from a client it makes up for when it is told to stop, and the core is healed.
 */
export const answersOwed = 5;

/**
 * One simulated user: makes a call, waits for its outcome, thinks, makes the next; beside that it has watches open, leases
 * kept and locks held, each for a while. All of it goes through the real client machine, with its retries, time-outs and
 * failover, and is recorded with the world's time.
 *
 * Where the plan says so, its process dies now and then, and another goes on in its place with nothing but what it has seen.
 *
 * Once told to stop it lets go of what it holds, goes on with its calls only if hardly any was answered so far, and makes one
 * more: a linearizable read of every key, tried until it is answered. What was acknowledged and lost is missing from it. Its
 * watches stay open, and where it watches at all, one more of everything is opened: what it has not told at the end was lost
 * on the way.
 */
export class WorkloadClient {
  readonly #plan: WorkloadPlan;
  readonly #prng: Prng;
  readonly #undertakingPrng: Prng;
  readonly #knowledge: KeyKnowledge;
  readonly #drawer: CallDrawer;
  readonly #desk: ClientDesk;
  #undertakings: Begun[] = [];
  #begun = 0;
  #concludingWatch: WatchOfEverything | undefined;
  #nextCallUs: number;
  #restartUs: number;
  /** One call at a time, beside what undertakings call. */
  #underWay = false;
  #stopped = false;
  /** Calls that it is still owed an answer to; what undertakings call does not count. */
  #owed: number;
  /** The read that ends the client's work was answered. */
  #concluded = false;

  constructor(options: {
    client: number;
    plan: WorkloadPlan;
    endpoints: number;
    config?: Partial<ClientConfig>;
    prng: Prng;
    nowUs: number;
    history: History;
    logs: ClientLogs;
    /** It goes on with another cluster than before, of which it remembers this revision. */
    seenRevision?: number | undefined;
  }) {
    this.#knowledge = new KeyKnowledge(options.seenRevision);
    this.#plan = options.plan;
    this.#prng = options.prng.fork('think');
    this.#undertakingPrng = options.prng.fork('undertakings');
    this.#drawer = new CallDrawer({
      client: options.client,
      plan: options.plan,
      prng: options.prng.fork('calls'),
      knowledge: this.#knowledge,
    });
    this.#desk = new ClientDesk({
      ...options,
      callTimeoutUs: options.plan.callTimeoutUs,
      by: userOfClient(options.plan, options.client),
      prng: options.prng.fork('client'),
    });
    this.#owed = hasCalls(options.plan) ? answersOwed : 0;
    this.#nextCallUs = options.nowUs + this.#think();
    this.#restartUs = this.#drawRestartUs();
    // Takes up again what it watched of the cluster that it knew.
    const { seenRevision } = options;
    if (seenRevision !== undefined && (options.plan.mix.watch ?? 0) > 0 && !this.#hasUsers) {
      new WatchOfEverything({ desk: this.#desk, startRevision: seenRevision + 1 }).open();
    }
  }

  /** What the world has to carry out. */
  step(event: ClientEvent | TickEvent, nowUs: number): readonly OutwardEffect[] {
    this.#desk.advance(nowUs);
    if (nowUs >= this.#restartUs) this.#restart();
    else this.#desk.step(event);
    let anyOver = false;
    for (const { undertaking } of this.#undertakings) {
      if (undertaking.deadlineUs <= nowUs) undertaking.tick();
      anyOver ||= undertaking.over;
    }
    if (anyOver) this.#undertakings = this.#undertakings.filter(({ undertaking }) => !undertaking.over);
    if (!this.#underWay && !this.#concluded && nowUs >= this.#nextCallUs) this.#next();
    return this.#desk.takeOutward();
  }

  get deadlineUs(): number {
    let dueUs = Math.min(this.#desk.deadlineUs, this.#restartUs);
    if (!this.#underWay && !this.#concluded) dueUs = Math.min(dueUs, this.#nextCallUs);
    for (const { undertaking } of this.#undertakings) dueUs = Math.min(dueUs, undertaking.deadlineUs);
    return dueUs;
  }

  /** Begins nothing new but the calls that it is owed and what concludes its work; what is under way still ends. */
  stop(nowUs: number): void {
    this.#desk.advance(nowUs);
    this.#stopped = true;
    this.#restartUs = Infinity;
    this.#nextCallUs = Math.min(this.#nextCallUs, nowUs + this.#plan.thinkUsMin);
    // Whoever comes late sees to what is left: without them nobody could write any more.
    if ((this.#plan.mix.upkeep ?? 0) > 0) this.#begin('upkeep');
    for (const { undertaking } of this.#undertakings) undertaking.stop();
  }

  /** No call is under way; after `stop`, the concluding read was answered and nothing is held any more. */
  get idle(): boolean {
    if (this.#underWay) return false;
    if (!this.#stopped) return true;
    return this.#concluded && this.#undertakings.every(({ undertaking }) => undertaking.settled);
  }

  /** What its watch of everything has not told of yet, in words; undefined when that is nothing, or it never watched. */
  behind(revision: number): string | undefined {
    return this.#concludingWatch?.behind(revision);
  }

  /** What came for the process that is gone is nobody's. */
  #restart(): void {
    for (const { undertaking } of this.#undertakings) undertaking.vanish();
    this.#undertakings = [];
    this.#underWay = false;
    this.#desk.restart();
    this.#restartUs = this.#drawRestartUs();
    this.#nextCallUs = this.#desk.nowUs + this.#think();
  }

  #drawRestartUs(): number {
    const { clientLifeUsMax } = this.#plan;
    if (clientLifeUsMax === undefined) return Infinity;
    return this.#desk.nowUs + between(this.#prng, Math.ceil(clientLifeUsMax / 10), clientLifeUsMax);
  }

  #next(): void {
    if (this.#stopped && this.#owed === 0) {
      this.#conclude();
      return;
    }
    const operation = this.#drawer.operation();
    if (!isOneCall(operation)) {
      if (!this.#stopped) this.#begin(operation);
      this.#nextCallUs = this.#desk.nowUs + this.#think();
      return;
    }
    const request = this.#drawer.draw(this.#desk.nextCallId, operation);
    this.#underWay = true;
    this.#desk.call(request, (outcome) => {
      this.#knowledge.learn(outcome);
      this.#underWay = false;
      if (outcome.kind === 'answered' && this.#owed > 0) this.#owed -= 1;
      this.#nextCallUs = this.#desk.nowUs + this.#think();
    });
  }

  #conclude(): void {
    this.#underWay = true;
    if (this.#concludingWatch === undefined && (this.#plan.mix.watch ?? 0) > 0 && !this.#hasUsers) {
      const back = this.#undertakingPrng.below(concludingReach);
      const startRevision = Math.max(1, this.#knowledge.revision - back);
      this.#concludingWatch = new WatchOfEverything({ desk: this.#desk, startRevision });
      this.#concludingWatch.open();
    }
    this.#desk.call(this.#concludingRead(), (outcome) => {
      this.#underWay = false;
      this.#concluded = outcome.kind === 'answered';
      this.#nextCallUs = this.#desk.nowUs + this.#think();
    });
  }

  /** Where there are users, who may read everything at the end is not known: the process itself may. */
  #concludingRead(): MemberRequest {
    return this.#hasUsers ? { ...wholeKeyspace(), by: processCredential } : wholeKeyspace();
  }

  get #hasUsers(): boolean {
    return (this.#plan.mix.auth ?? 0) > 0;
  }

  #begin(operation: UndertakingOperation): void {
    const inHand = this.#undertakings.filter(({ kind }) => kind === operation).length;
    if (inHand >= undertakingsMax[operation]) return;
    this.#begun += 1;
    this.#undertakings.push({ kind: operation, undertaking: this.#undertake(operation) });
  }

  #undertake(operation: UndertakingOperation): Undertaking {
    const desk = this.#desk;
    const prng = this.#undertakingPrng.fork(`${operation} ${this.#begun}`);
    switch (operation) {
      case 'lease':
        return new LeaseUndertaking({ desk, prng, number: this.#begun });
      case 'watch':
        return new WatchUndertaking({ desk, prng, keys: this.#plan.keys, knowledge: this.#knowledge });
      case 'lock':
        return new LockUndertaking({ desk, prng });
      case 'upkeep':
        return new UpkeepUndertaking({ desk, prng });
      default:
        return unreachable(operation);
    }
  }

  #think(): number {
    return between(this.#prng, this.#plan.thinkUsMin, this.#plan.thinkUsMax);
  }
}

/** Whether the plan has calls at all, beside undertakings. */
function hasCalls({ mix }: WorkloadPlan): boolean {
  return Object.entries(mix).some(
    ([operation, weight]) => isOneCall(operation as WorkloadOperation) && weight > 0,
  );
}

interface Begun {
  readonly kind: UndertakingOperation;
  readonly undertaking: Undertaking;
}
