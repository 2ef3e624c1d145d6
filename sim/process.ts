import { assert, present, unreachable } from '../core/base/assert.ts';
import {
  type ActEffect,
  type EndStreamEffect,
  type NotifyEffect,
  type PersistEffect,
  type ReplyEffect,
  type SendEffect,
  type SendSnapshotEffect,
} from '../core/base/effects.ts';
import { type NodeId } from '../core/base/ids.ts';
import { between, type CapturablePrng } from '../core/base/prng.ts';
import { NodeClock } from './clock.ts';
import { AppendFailed, type DiskFailure } from './disk/failure.ts';
import { type SimulatedSegments } from './disk/segments.ts';
import { type SimulatedStore } from './disk/store.ts';
import { CrashPlans } from './crash-plans.ts';
import { type CrashMoment, type CrashScope } from './fault.ts';
import { type OutputGate } from './gate.ts';
import { GatedOutput } from './gated-output.ts';
import { diskFailureOf, isDataLoss, thrownViolation } from './machine-failure.ts';
import {
  type ProcessEffect,
  type ProcessEvent,
  type ProcessMachine,
  type ProcessTypes,
} from './process-protocol.ts';
import { type ProcessWatcher } from './process-watcher.ts';
import { type Disks, Residence } from './residence.ts';
import { ToldWallClock } from './told-wall-clock.ts';
import { Violation } from './types.ts';
import { WakeTimer } from './wake-timer.ts';
import { type World } from './world.ts';

type GatedEffect<T extends ProcessTypes> =
  SendEffect<T['message']> | ReplyEffect<T['response']> | ActEffect<T['act']>;

/** What a process's machine may ask of the world, and who is told what happens in it. */
export interface ProcessSurroundings<M extends ProcessMachine<T>, T extends ProcessTypes> {
  send(from: SimulatedProcess<M, T>, effect: SendEffect<T['message']>): void;
  reply(from: SimulatedProcess<M, T>, effect: ReplyEffect<T['response']>): void;
  /** Not there: the machine has no ports of its own. */
  act?(from: SimulatedProcess<M, T>, effect: ActEffect<T['act']>): void;
  notify(from: SimulatedProcess<M, T>, effect: NotifyEffect<T['stream']['item']>): void;
  endStream(from: SimulatedProcess<M, T>, effect: EndStreamEffect<T['stream']['refusal']>): void;
  sendSnapshot(from: SimulatedProcess<M, T>, effect: SendSnapshotEffect<T['header']>): void;
  recovered(process: SimulatedProcess<M, T>, machine: M): void;
  /** What waited for this sync has left; the machine has not been told yet. */
  synced(process: SimulatedProcess<M, T>, syncSeq: number, machine: M): void;
  stepped(
    process: SimulatedProcess<M, T>,
    event: ProcessEvent<T>,
    effects: readonly ProcessEffect<T>[],
    machine: M,
  ): void;
  /** The disk failed the machine in the midst of a step, which came to nothing; the process ends by it. */
  stepFailed?(process: SimulatedProcess<M, T>, event: ProcessEvent<T>, failure: DiskFailure): void;
  /** The process has ended, however it came to that. */
  ended(process: SimulatedProcess<M, T>): void;
  /**
   * The disk failed the process, which has ended by itself; nobody has yet said when it starts again.
   *
   * @throws Violation when the disk is well
   */
  diskFailed(process: SimulatedProcess<M, T>, failure: DiskFailure, why?: string): void;
}

export interface ProcessOptions<M extends ProcessMachine<T>, T extends ProcessTypes> {
  /** The machine's address: it stays, whoever lives there. */
  readonly node: NodeId;
  /** Who begins there; none: nobody does before `setUp`. Default: the member whose id is the address. */
  readonly member?: NodeId | 'none';
  readonly world: World;
  readonly prng: CapturablePrng;
  readonly segments: SimulatedSegments;
  readonly store: SimulatedStore;
  readonly driftPpm: number;
  /** The monotonic clock of the machine that it starts on, where several processes read the same one. Default: its own. */
  readonly clock?: () => NodeClock;
  /** What the wall clock shows when the world begins; none: the machine is told of none. */
  readonly wallUs?: number;
  readonly surroundings: ProcessSurroundings<M, T>;
  readonly recover: (process: SimulatedProcess<M, T>, prng: CapturablePrng, nowUs: number) => M;
  readonly watcher?: ProcessWatcher<ProcessEvent<T>> | undefined;
  /** After each step: the machine that goes on in its place, to show that it can be; undefined: none. */
  readonly exchange?: ((process: SimulatedProcess<M, T>, machine: M) => M | undefined) | undefined;
  /** Whether this member was removed, so that it may stop itself. Default: nobody ever is. */
  readonly mayStop?: (process: SimulatedProcess<M, T>) => boolean;
  /** For tests of the audit: a gate that leaks. */
  readonly gate?: () => OutputGate<GatedEffect<T>>;
}

const nobody = 0 as NodeId;
/** Events that wait for a process's next turn; a message or a request beyond it is dropped, as a full socket does. */
const inboxMax = 8_192;
/** How long after an event the process gets to it: batching comes from here. */
const turnUsMin = 5;
const turnUsMax = 60;
const clockStartUsMax = 4_000_000_000;

/**
 * The simulator's runner: one member's machine on its disk, its store and its clock, driven by the contract of
 * `core/base/effects.ts`: everything that is ready is stepped, then one sync begins; nothing gated leaves early.
 */
export class SimulatedProcess<M extends ProcessMachine<T>, T extends ProcessTypes> {
  readonly node: NodeId;
  readonly #residence: Residence;
  readonly #options: ProcessOptions<M, T>;
  readonly #world: World;
  readonly #prng: CapturablePrng;
  #state: 'down' | 'up' | 'paused' | 'stopped' = 'down';
  /** Counts starts; whoever holds an older number speaks of a process that is gone. */
  #boot = 0;
  /** Packets that boots up to this one sent were reset with their connections. */
  #resetBoot = 0;
  #driftPpm: number;
  #clock: NodeClock;
  readonly #wall: ToldWallClock;
  #machine: M | undefined;
  #inbox: ProcessEvent<T>[] = [];
  #turnDue = false;
  readonly #timer: WakeTimer;
  /** The machine's, as it was after its last step: asking costs more than remembering. */
  #deadlineUs = Infinity;
  #output: GatedOutput<GatedEffect<T>>;
  readonly #crashPlans = new CrashPlans();

  constructor(options: ProcessOptions<M, T>) {
    this.#options = options;
    this.node = options.node;
    const member = options.member === 'none' ? nobody : (options.member ?? options.node);
    this.#residence = new Residence(member, options);
    if (options.member === 'none') this.#state = 'stopped';
    this.#world = options.world;
    this.#prng = options.prng;
    this.#driftPpm = options.driftPpm;
    this.#clock = new NodeClock({ worldUs: 0, nodeUs: 0, driftPpm: options.driftPpm });
    const { wallUs, driftPpm } = options;
    this.#wall = new ToldWallClock(options.world, { wallUs, driftPpm });
    this.#timer = new WakeTimer(options.world, options.prng, () => {
      if (this.#deadlineUs <= this.nowUs) this.#scheduleTurn();
      else this.#scheduleWake();
    });
    this.#output = this.#newOutput();
  }

  /** Who lives here: the member's id; 0 while nobody does. */
  get member(): NodeId {
    return this.#residence.member;
  }

  get segments(): SimulatedSegments {
    return this.#residence.segments;
  }

  get store(): SimulatedStore {
    return this.#residence.store;
  }

  /** Snapshots that members here have installed. */
  get snapshotsInstalled(): number {
    return this.#residence.snapshotsInstalled;
  }

  /** The member's log was durable at some time: that it is to be found again is what it has promised. */
  get hasSynced(): boolean {
    return this.#residence.hasSynced;
  }

  /** All that this life has written is durable, and the machine was told so. */
  get settled(): boolean {
    return this.#output.settled;
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

  /** Nobody is to start here: nobody lives here yet, the member has said that it must not go on, or it was taken down for good. */
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
    this.#clock =
      this.#options.clock?.() ??
      new NodeClock({
        worldUs: this.#world.nowUs,
        nodeUs: this.#prng.below(clockStartUsMax),
        driftPpm: this.#driftPpm,
      });
    this.#output = this.#newOutput();
    const boot = this.#boot;
    this.store.onStored = (storeSeq) => {
      if (boot === this.#boot && this.alive) this.#queue({ kind: 'stored', storeSeq });
    };
    this.store.onFailed = () => {
      if (boot === this.#boot && this.alive) this.#failed('flush');
    };
    const machine = this.#guard(() =>
      this.#options.recover(this, this.#prng.fork(`boot ${boot}`), this.nowUs),
    );
    if (machine === undefined) return;
    this.#machine = machine;
    this.#options.surroundings.recovered(this, machine);
    this.#wall.begin((wallUs) => this.#tellWallClock(boot, wallUs));
    this.#scheduleWake();
  }

  /** The disks of a process that is down are gone, and others with nothing on them are in their place. */
  wipe(disks: Disks): void {
    assert(!this.alive, 'a disk goes while nobody uses it');
    this.#residence.replace(disks);
  }

  /** Nobody starts here any more, before somebody else is set up. */
  retire(): void {
    if (this.alive) this.crash('process');
    this.#state = 'stopped';
  }

  /**
   * Another member moves in, on empty disks unless it was made from a backup; what is on its way to the former finds nobody.
   *
   * @param given.hasStarted its log is there, and is to be found
   */
  setUp(member: NodeId, disks: Disks, given: { readonly hasStarted: boolean } = { hasStarted: false }): void {
    assert(this.stopped, 'one member leaves before the next moves in');
    this.wipe(disks);
    this.#residence.member = member;
    this.#residence.hasSynced = given.hasStarted;
    this.#state = 'down';
  }

  /** Hands over an event from outside. @returns false when nobody takes it: down, or drowning in others */
  deliver(event: ProcessEvent<T>): boolean {
    if (!this.alive || this.#inbox.length >= inboxMax) return false;
    this.#queue(event);
    return true;
  }

  /** Hands over what the runner itself has to say, which is bounded and never dropped. */
  inform(event: ProcessEvent<T>): void {
    if (this.alive) this.#queue(event);
  }

  /** A process that is down may still lose what its machine's cache holds. */
  crash(scope: CrashScope): void {
    if (this.alive) {
      this.#end('down');
      this.store.crash();
    } else if (scope === 'process' || this.stopped) {
      return;
    }
    this.segments.crash(scope);
  }

  /** Crashes as soon as this moment comes, if it comes while the plan stands. @returns takes the plan back */
  crashAt(moment: CrashMoment, strike: () => void): () => void {
    return this.#crashPlans.add(moment, strike);
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
    this.#wall.drift(driftPpm);
    if (this.alive) {
      this.#timer.unset();
      this.#scheduleWake();
    }
  }

  /** The wall clock shows another time from now on, earlier where negative. */
  jumpWall(byUs: number): void {
    this.#wall.jump(byUs);
  }

  /** What this machine's wall clock shows, µs since 1970. */
  get wallUs(): number | undefined {
    return this.#wall.wallUs;
  }

  /** A paused process is told of none that it missed. */
  #tellWallClock(boot: number, wallUs: number): boolean {
    if (boot !== this.#boot || !this.alive) return false;
    if (!this.paused) this.#queue({ kind: 'wallClock', wallUs });
    return true;
  }

  #newOutput(): GatedOutput<GatedEffect<T>> {
    return new GatedOutput<GatedEffect<T>>({
      segments: this.segments,
      gate: this.#options.gate?.(),
      leave: (effect) => {
        const { surroundings } = this.#options;
        if (effect.kind === 'send') surroundings.send(this, effect);
        else if (effect.kind === 'reply') surroundings.reply(this, effect);
        else present(surroundings.act?.bind(surroundings), 'its surroundings have its ports')(this, effect);
      },
    });
  }

  #end(state: 'down' | 'stopped'): void {
    this.#state = state;
    this.#machine = undefined;
    this.#inbox = [];
    this.#timer.stop();
    this.#turnDue = false;
    // A killed process's connections are reset; a machine without power leaves its packets on their way.
    if (this.#prng.chance(1, 2)) this.#resetBoot = this.#boot;
    this.#options.surroundings.ended(this);
  }

  #queue(event: ProcessEvent<T>): void {
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
    const due = this.#deadlineUs <= this.nowUs;
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

  #step(event: ProcessEvent<T>): void {
    const machine = this.#machine;
    if (machine === undefined) return;
    if (event.kind === 'synced') {
      this.#residence.hasSynced = true;
      this.#output.synced(event.syncSeq);
      this.#options.surroundings.synced(this, event.syncSeq, machine);
    }
    const installed = this.store.installed;
    const effects = this.#guard(() => machine.step(event, this.nowUs), event);
    if (effects === undefined) return;
    this.#options.surroundings.stepped(this, event, effects, machine);
    if (this.store.installed !== installed && this.#strikes('installing')) return;
    const boot = this.#boot;
    for (const effect of effects) {
      this.#apply(effect);
      if (boot !== this.#boot || !this.alive) return;
    }
    const { exchange } = this.#options;
    if (exchange !== undefined) this.#machine = this.#guard(() => exchange(this, machine)) ?? machine;
  }

  #apply(effect: ProcessEffect<T>): void {
    switch (effect.kind) {
      case 'persist':
        this.#persist(effect);
        break;
      case 'send':
      case 'reply':
      case 'act':
        this.#output.say(effect);
        break;
      case 'removeSegments':
        this.#output.remove(effect);
        break;
      case 'cutSegments':
        this.#output.cut(effect);
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

  /** An append that does not fit or is not taken is the end of the process, as a sync that fails. */
  #persist(effect: PersistEffect): void {
    try {
      this.#output.persist(effect);
    } catch (failure) {
      if (!(failure instanceof AppendFailed)) throw failure;
      this.#failed(failure.failure);
    }
  }

  #beginSync(): void {
    const boot = this.#boot;
    const begun = this.#output.beginSync((covers, failure) => {
      if (boot !== this.#boot || !this.alive) return;
      if (failure === undefined) this.#queue({ kind: 'synced', syncSeq: covers });
      else this.#failed('sync');
    });
    if (begun) this.#strikes('syncing');
  }

  /** Carries out the first plan for this moment. @returns true when the process is gone */
  #strikes(moment: CrashMoment): boolean {
    return this.#crashPlans.strike(moment) && !this.alive;
  }

  #failed(failure: DiskFailure): void {
    this.crash('process');
    this.#options.surroundings.diskFailed(this, failure);
  }

  #stop(reason: string): void {
    this.#end('stopped');
    if (this.#options.mayStop?.(this) === true) return;
    throw new Violation('member-stopped', `member ${this.member} stopped: ${reason}`);
  }

  #scheduleWake(): void {
    const machine = this.#machine;
    if (machine === undefined) return;
    this.#deadlineUs = machine.deadlineUs;
    const dueUs = this.#clock.worldTime(this.#deadlineUs);
    if (dueUs <= this.#world.nowUs) {
      this.#scheduleTurn();
      return;
    }
    this.#timer.set(dueUs);
  }

  /**
   * A machine that throws is what a run looks for: it ends the run, not the process. Unless it throws what its disk has
   * thrown at it, which ends the process.
   *
   * @returns undefined when the process is gone
   */
  #guard<Result>(body: () => Result, event?: ProcessEvent<T>): Result | undefined {
    try {
      return body();
    } catch (failure) {
      const byDisk = diskFailureOf(failure);
      if (byDisk !== undefined) {
        if (event !== undefined) this.#options.surroundings.stepFailed?.(this, event, byDisk);
        this.#failed(byDisk);
        return undefined;
      }
      if (event !== undefined) this.#options.watcher?.failed(this, event);
      if (failure instanceof Violation || !(failure instanceof Error)) throw failure;
      if (isDataLoss(failure)) {
        this.#end('stopped');
        this.#options.surroundings.diskFailed(this, 'promises', failure.message);
        return undefined;
      }
      throw thrownViolation(`member ${this.member}`, failure);
    }
  }
}
