import { assert, InvariantError, unreachable } from '../core/base/assert.ts';
import {
  type EndStreamEffect,
  type NotifyEffect,
  type PersistEffect,
  type RemoveSegmentsEffect,
  type ReplyEffect,
  type SendEffect,
  type SendSnapshotEffect,
} from '../core/base/effects.ts';
import { type NodeId } from '../core/base/ids.ts';
import { type Machine } from '../core/base/machine.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { type WatchResponse } from '../core/chainfire/api/watch.ts';
import {
  type MemberEffect,
  type MemberEvent,
  type MemberRefusal,
  type MemberResponse,
} from '../core/chainfire/member-protocol.ts';
import { DataLossError } from '../core/raft/data-loss.ts';
import { type GroupMessage, type SnapshotHeader } from '../core/raft/types.ts';
import { NodeClock } from './clock.ts';
import { DiskFull, type SimulatedSegments } from './disk/segments.ts';
import { type SimulatedStore } from './disk/store.ts';
import { DurabilityAudit, OutputGate } from './gate.ts';
import { type ProcessWatcher } from './process-watcher.ts';
import { type CrashMoment, type CrashScope, Violation } from './types.ts';
import { type World } from './world.ts';

export type ProcessMachine = Machine<MemberEvent, MemberEffect>;
type GatedEffect = SendEffect<GroupMessage> | ReplyEffect<MemberResponse>;

/** What a process's machine may ask of the world, and who is told what happens in it. */
export interface ProcessSurroundings<M extends ProcessMachine> {
  send(from: SimulatedProcess<M>, effect: SendEffect<GroupMessage>): void;
  reply(from: SimulatedProcess<M>, effect: ReplyEffect<MemberResponse>): void;
  notify(from: SimulatedProcess<M>, effect: NotifyEffect<WatchResponse>): void;
  endStream(from: SimulatedProcess<M>, effect: EndStreamEffect<MemberRefusal>): void;
  sendSnapshot(from: SimulatedProcess<M>, effect: SendSnapshotEffect<SnapshotHeader>): void;
  recovered(process: SimulatedProcess<M>, machine: M): void;
  stepped(
    process: SimulatedProcess<M>,
    event: MemberEvent,
    effects: readonly MemberEffect[],
    machine: M,
  ): void;
  /** The process has ended, however it came to that. */
  ended(process: SimulatedProcess<M>): void;
  /** A sync failed: the process has ended by itself, and nobody has yet said when it starts again. */
  syncFailed(process: SimulatedProcess<M>): void;
  /** An append did not fit: the process has ended by itself, and nobody has yet said when it starts again. */
  diskFull(process: SimulatedProcess<M>): void;
}

export interface ProcessOptions<M extends ProcessMachine> {
  readonly node: NodeId;
  readonly world: World;
  readonly prng: Prng;
  readonly segments: SimulatedSegments;
  readonly store: SimulatedStore;
  readonly driftPpm: number;
  readonly surroundings: ProcessSurroundings<M>;
  readonly recover: (process: SimulatedProcess<M>, prng: Prng, nowUs: number) => M;
  readonly watcher?: ProcessWatcher | undefined;
  /** For tests of the audit: a gate that leaks. */
  readonly gate?: () => OutputGate<GatedEffect>;
}

/** Events that wait for a process's next turn; a message or a request beyond it is dropped, as a full socket does. */
const inboxMax = 8_192;
/** How long after an event the process gets to it: batching comes from here. */
const turnUsMin = 5;
const turnUsMax = 60;
/** A timer never fires early, and late by up to this much. */
const timerLateUsMax = 1_000;
/** Of an exception's stack, in the report of a violation. */
const stackLinesMax = 5;
const clockStartUsMax = 4_000_000_000;

/**
 * The simulator's runner: one member's machine on its disk, its store and its clock, driven by the contract of
 * `core/base/effects.ts`: everything that is ready is stepped, then one sync begins; nothing gated leaves early.
 */
export class SimulatedProcess<M extends ProcessMachine> {
  readonly node: NodeId;
  readonly segments: SimulatedSegments;
  readonly store: SimulatedStore;
  readonly #options: ProcessOptions<M>;
  readonly #world: World;
  readonly #prng: Prng;
  #state: 'down' | 'up' | 'paused' | 'stopped' = 'down';
  /** Counts starts; whoever holds an older number speaks of a process that is gone. */
  #boot = 0;
  /** Packets that boots up to this one sent were reset with their connections. */
  #resetBoot = 0;
  #driftPpm: number;
  #clock: NodeClock;
  #machine: M | undefined;
  #inbox: MemberEvent[] = [];
  #turnDue = false;
  #wakeUs = Infinity;
  #gate: OutputGate<GatedEffect>;
  #audit: DurabilityAudit;
  /** Highest sync number whose appends were made, and the one that the sync under way covers. */
  #appendedSeq = 0;
  #syncingSeq = 0;
  #syncedSeq = 0;
  #removals: { readonly effect: RemoveSegmentsEffect; readonly afterSyncSeq: number }[] = [];
  #crashPlans: { readonly moment: CrashMoment; readonly strike: () => void }[] = [];

  constructor(options: ProcessOptions<M>) {
    this.#options = options;
    this.node = options.node;
    this.segments = options.segments;
    this.store = options.store;
    this.#world = options.world;
    this.#prng = options.prng;
    this.#driftPpm = options.driftPpm;
    this.#clock = new NodeClock({ worldUs: 0, nodeUs: 0, driftPpm: options.driftPpm });
    this.#gate = this.#newGate();
    this.#audit = this.#newAudit();
  }

  get boot(): number {
    return this.#boot;
  }

  /** Has a process, running or paused. */
  get alive(): boolean {
    return this.#state === 'up' || this.#state === 'paused';
  }

  get paused(): boolean {
    return this.#state === 'paused';
  }

  /** The member itself has said that it must not go on. */
  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  get machine(): M | undefined {
    return this.#machine;
  }

  /** What this node's clock shows. */
  get nowUs(): number {
    return this.#clock.at(this.#world.nowUs);
  }

  /** True while packets of this boot still count, those under way when the process died included. */
  connected(boot: number): boolean {
    return boot > this.#resetBoot;
  }

  start(): void {
    assert(this.#state === 'down', 'only a process that is down starts');
    this.#boot += 1;
    this.#state = 'up';
    this.#clock = new NodeClock({
      worldUs: this.#world.nowUs,
      nodeUs: this.#prng.below(clockStartUsMax),
      driftPpm: this.#driftPpm,
    });
    this.#gate = this.#newGate();
    this.#audit = this.#newAudit();
    this.#appendedSeq = this.#syncingSeq = this.#syncedSeq = 0;
    const boot = this.#boot;
    this.store.onStored = (storeSeq) => {
      if (boot === this.#boot && this.alive) this.#queue({ kind: 'stored', storeSeq });
    };
    const machine = this.#guard(() =>
      this.#options.recover(this, this.#prng.fork(`boot ${boot}`), this.nowUs),
    );
    this.#machine = machine;
    this.#options.surroundings.recovered(this, machine);
    this.#scheduleWake();
  }

  /** Hands over an event from outside. @returns false when nobody takes it: down, or drowning in others */
  deliver(event: MemberEvent): boolean {
    if (!this.alive || this.#inbox.length >= inboxMax) return false;
    this.#queue(event);
    return true;
  }

  /** Hands over what the runner itself has to say, which is bounded and never dropped. */
  inform(event: MemberEvent): void {
    if (this.alive) this.#queue(event);
  }

  crash(scope: CrashScope): void {
    if (!this.alive) return;
    this.#end('down');
    this.segments.crash(scope);
    this.store.crash();
  }

  /** Crashes as soon as this moment comes, if it comes while the plan stands. @returns takes the plan back */
  crashAt(moment: CrashMoment, strike: () => void): () => void {
    const plan = { moment, strike };
    this.#crashPlans.push(plan);
    return () => {
      this.#crashPlans = this.#crashPlans.filter((other) => other !== plan);
    };
  }

  pause(): boolean {
    if (this.#state !== 'up') return false;
    this.#state = 'paused';
    this.#options.watcher?.paused(this);
    return true;
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'up';
    this.#options.watcher?.resumed(this);
    this.#scheduleTurn();
  }

  drift(driftPpm: number): void {
    this.#driftPpm = driftPpm;
    this.#clock.drift(this.#world.nowUs, driftPpm);
    if (this.alive) {
      this.#wakeUs = Infinity;
      this.#scheduleWake();
    }
  }

  #newGate(): OutputGate<GatedEffect> {
    return this.#options.gate?.() ?? new OutputGate();
  }

  #newAudit(): DurabilityAudit {
    return new DurabilityAudit(() => this.segments.durable);
  }

  #end(state: 'down' | 'stopped'): void {
    this.#state = state;
    this.#machine = undefined;
    this.#inbox = [];
    this.#removals = [];
    this.#wakeUs = Infinity;
    this.#turnDue = false;
    // A killed process's connections are reset; a machine without power leaves its packets on their way.
    if (this.#prng.chance(1, 2)) this.#resetBoot = this.#boot;
    this.#options.surroundings.ended(this);
  }

  #queue(event: MemberEvent): void {
    this.#options.watcher?.queued(this, event);
    this.#inbox.push(event);
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#turnDue || this.#state !== 'up') return;
    this.#turnDue = true;
    const boot = this.#boot;
    this.#world.after(between(this.#prng, turnUsMin, turnUsMax), () => {
      if (boot !== this.#boot || !this.#turnDue) return;
      this.#turnDue = false;
      if (this.#state === 'up') this.#turn();
    });
  }

  /** One turn of the event loop: what has come, a tick when it is time, then one sync for all of it. */
  #turn(): void {
    const boot = this.#boot;
    const events = this.#inbox;
    this.#inbox = [];
    const due = this.#machine !== undefined && this.#machine.deadlineUs <= this.nowUs;
    // Whether timers or sockets come first is the system's choice.
    const tickFirst = due && this.#prng.chance(1, 2);
    if (tickFirst) this.#step({ kind: 'tick' });
    for (const event of events) {
      if (boot !== this.#boot || !this.alive) return;
      this.#step(event);
    }
    if (boot !== this.#boot || !this.alive) return;
    if (due && !tickFirst) this.#step({ kind: 'tick' });
    if (boot !== this.#boot || !this.alive) return;
    this.#beginSync();
    this.#scheduleWake();
  }

  #step(event: MemberEvent): void {
    const machine = this.#machine;
    if (machine === undefined) return;
    if (event.kind === 'synced') this.#synced(event.syncSeq);
    const installed = this.store.installed;
    const effects = this.#guard(() => machine.step(event, this.nowUs), event);
    this.#options.surroundings.stepped(this, event, effects, machine);
    if (this.store.installed !== installed && this.#strikes('installing')) return;
    const boot = this.#boot;
    for (const effect of effects) {
      this.#apply(effect);
      if (boot !== this.#boot || !this.alive) return;
    }
  }

  #apply(effect: MemberEffect): void {
    switch (effect.kind) {
      case 'persist':
        this.#persist(effect);
        break;
      case 'send':
      case 'reply':
        if (this.#gate.passes(effect)) this.#leave(effect);
        break;
      case 'removeSegments':
        if (this.#syncedSeq >= this.#appendedSeq) this.#remove(effect);
        else this.#removals.push({ effect, afterSyncSeq: this.#appendedSeq });
        break;
      case 'notify':
        this.#options.surroundings.notify(this, effect);
        break;
      case 'endStream':
        this.#options.surroundings.endStream(this, effect);
        break;
      case 'sendSnapshot':
        this.#options.surroundings.sendSnapshot(this, effect);
        break;
      case 'stop':
        this.#stop(effect.reason);
        break;
      default:
        unreachable(effect);
    }
  }

  /** An append that does not fit is the end of the process, as a sync that fails. */
  #persist(effect: PersistEffect): void {
    try {
      for (const { file, bytes } of effect.appends) this.segments.append(file, bytes);
    } catch (failure) {
      if (!(failure instanceof DiskFull)) throw failure;
      this.crash('process');
      this.#options.surroundings.diskFull(this);
      return;
    }
    this.#audit.persisted(effect.syncSeq, this.segments.appended);
    this.#appendedSeq = effect.syncSeq;
  }

  #leave(effect: GatedEffect): void {
    this.#audit.leaves(effect);
    if (effect.kind === 'send') this.#options.surroundings.send(this, effect);
    else this.#options.surroundings.reply(this, effect);
  }

  #synced(syncSeq: number): void {
    this.#syncedSeq = syncSeq;
    this.#syncingSeq = 0;
    for (const effect of this.#gate.synced(syncSeq)) this.#leave(effect);
    while (this.#removals[0] !== undefined && this.#removals[0].afterSyncSeq <= syncSeq) {
      const removal = this.#removals.shift();
      if (removal !== undefined) this.#remove(removal.effect);
    }
  }

  #remove(effect: RemoveSegmentsEffect): void {
    for (const file of effect.files) this.segments.remove(file);
  }

  #beginSync(): void {
    if (this.#syncingSeq !== 0 || this.#appendedSeq === this.#syncedSeq) return;
    const covers = this.#appendedSeq;
    const boot = this.#boot;
    this.#syncingSeq = covers;
    this.segments.sync((failure) => {
      if (boot !== this.#boot || !this.alive) return;
      if (failure === undefined) {
        this.#queue({ kind: 'synced', syncSeq: covers });
        return;
      }
      this.crash('process');
      this.#options.surroundings.syncFailed(this);
    });
    this.#strikes('syncing');
  }

  /** Carries out the first plan for this moment. @returns true when the process is gone */
  #strikes(moment: CrashMoment): boolean {
    const plan = this.#crashPlans.find((candidate) => candidate.moment === moment);
    if (plan === undefined) return false;
    this.#crashPlans = this.#crashPlans.filter((other) => other !== plan);
    plan.strike();
    return !this.alive;
  }

  #stop(reason: string): never {
    this.#end('stopped');
    throw new Violation('member-stopped', `member ${this.node} stopped: ${reason}`);
  }

  #scheduleWake(): void {
    const machine = this.#machine;
    if (machine === undefined) return;
    const dueUs = this.#clock.worldTime(machine.deadlineUs);
    if (dueUs <= this.#world.nowUs) {
      this.#scheduleTurn();
      return;
    }
    if (dueUs >= this.#wakeUs || dueUs === Infinity) return;
    const wakeUs = dueUs + this.#prng.below(timerLateUsMax);
    // A wake that is already set and not much later serves as well; it is set anew when it comes.
    this.#wakeUs = wakeUs;
    const boot = this.#boot;
    this.#world.at(wakeUs, () => {
      if (boot !== this.#boot || this.#wakeUs !== wakeUs) return;
      this.#wakeUs = Infinity;
      if (machine.deadlineUs <= this.nowUs) this.#scheduleTurn();
      else this.#scheduleWake();
    });
  }

  /** A machine that throws, for whatever reason, is what a run looks for: it ends the run, not the process. */
  #guard<T>(body: () => T, event?: MemberEvent): T {
    try {
      return body();
    } catch (failure) {
      if (event !== undefined) this.#options.watcher?.failed(this, event);
      if (failure instanceof Violation || !(failure instanceof Error)) throw failure;
      const where = (failure.stack ?? '')
        .split('\n')
        .slice(1, 1 + stackLinesMax)
        .join('\n');
      const what = `member ${this.node}: ${failure.message}`;
      if (failure instanceof DataLossError) throw new Violation('data-lost', what);
      if (failure instanceof InvariantError) throw new Violation('invariant', `${what}\n${where}`);
      throw new Violation(
        'thrown',
        `${what} (${failure.name})\n${where}`,
        `${failure.message} ${functionOf(where)}`,
      );
    }
  }
}

/** Name of the innermost function of a stack, without file and line, which other builds have otherwise. */
function functionOf(stack: string): string {
  return /^\s*at (?:async )?([^\s(]+) \(/.exec(stack)?.[1] ?? '';
}
