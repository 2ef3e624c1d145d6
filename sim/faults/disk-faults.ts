import { unreachable } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import { atlasMember } from '../atlas.ts';
import { type MemberProcess } from '../cluster.ts';
import { type DiskFailure } from '../disk/failure.ts';
import { findStart } from '../found-start.ts';
import { Violation } from '../types.ts';
import { DiskDamage, durableEnd, type SectorDamageFault } from './disk-damage.ts';
import { type FaultInForce, type FaultOf, type FaultScene } from './scene.ts';

export type DiskFault =
  | SectorDamageFault
  | FaultOf<
      | 'slowDisk'
      | 'diskStall'
      | 'syncFails'
      | 'appendFails'
      | 'readFails'
      | 'lostSync'
      | 'diskFull'
      | 'storeFull'
      | 'storeRot'
    >;
type StrikingFault = FaultOf<'syncFails' | 'appendFails'>;
type LastingFault = FaultOf<'readFails' | 'diskFull' | 'storeFull'>;

/** What supervises a process starts it again so long after its disk has ended it. */
const restartUsMin = 100_000;
const restartUsMax = 3_000_000;

/** A disk that lies is found out at the first of so many moments at which nobody else lacks what it loses. */
const revealAttemptsMax = 40;
const revealAgainUs = 50_000;

/** Something that a disk does not do for a while: every process that needs it ends, and is started again and again. */
interface Lasting {
  readonly fault: LastingFault;
  readonly prng: Prng;
  /** It has stopped a process. */
  hit: boolean;
}

/** Disks that are slow, full, that fail, lie and lose what they held. */
export class DiskFaults {
  readonly #scene: FaultScene;
  readonly #damage: DiskDamage;
  /** What each member's next failing append and sync are blamed on. */
  readonly #appends = new Map<NodeId, StrikingFault>();
  readonly #syncs = new Map<NodeId, StrikingFault>();
  /** What a disk does not do, by what fails. */
  readonly #lasting: Readonly<Record<'read' | 'full' | 'flush', Map<NodeId, Lasting>>> = {
    read: new Map(),
    full: new Map(),
    flush: new Map(),
  };

  readonly #leftOut = new Set<NodeId>();
  /** Disks that are slow, each with whether it has written anything meanwhile. */
  readonly #slowed = new Map<FaultOf<'slowDisk'>, () => boolean>();

  constructor(scene: FaultScene) {
    this.#scene = scene;
    this.#damage = new DiskDamage(scene);
  }

  /** Those in force that a write has met. */
  get met(): readonly FaultInForce[] {
    return [...this.#slowed].flatMap(([fault, hasWritten]) =>
      hasWritten() ? [{ fault, fromUs: fault.atUs }] : [],
    );
  }

  begin(fault: DiskFault, prng: Prng): void {
    const { segments, store } = this.#scene.cluster.process(fault.node);
    switch (fault.kind) {
      case 'slowDisk':
        this.#slowDisk(fault);
        break;
      case 'diskStall':
        segments.stallNextSync(fault.forUs, () => {
          this.#scene.fire(fault, `a sync of n${fault.node} takes ${fault.forUs} µs longer`);
        });
        break;
      case 'syncFails':
        this.#syncs.set(fault.node, fault);
        segments.failNextSync();
        break;
      case 'appendFails':
        this.#appends.set(fault.node, fault);
        segments.failNextAppend();
        break;
      case 'bitRot':
      case 'latentSector':
      case 'misdirectedWrite':
        this.#damage.begin(fault, prng);
        break;
      case 'lostSync':
        this.#lostSync(fault);
        break;
      case 'readFails':
        this.#last('read', fault, prng, (on) => segments.failReads(on));
        break;
      case 'diskFull':
        this.#last('full', fault, prng, (on) => segments.fill(on));
        break;
      case 'storeFull':
        this.#last('flush', fault, prng, (on) => store.fill(on));
        break;
      case 'storeRot':
        if (!store.rot(prng)) return;
        this.#scene.fire(fault, `a row in the store of n${fault.node} has changed on its disk`);
        this.#scene.rotted(fault.node);
        break;
      default:
        unreachable(fault);
    }
  }

  /** The disk of this member may fail it from now on, and whoever breaks it sees to its starts. */
  leftOut(process: MemberProcess): void {
    this.#leftOut.add(process.node);
  }

  /** The disk of this member has failed it, and its process has ended. */
  failed(process: MemberProcess, failure: DiskFailure, why = ''): void {
    if (failure !== 'promises' && failure !== 'damage' && this.#leftOut.has(process.node)) return;
    switch (failure) {
      case 'append':
        this.#struck(process, this.#appends, failure);
        break;
      case 'sync':
        this.#struck(process, this.#syncs, failure);
        break;
      case 'full':
      case 'flush':
        if (!this.#lasts(process, failure)) this.#unexplained(process, failure);
        break;
      case 'read':
        if (!this.#lasts(process, failure) && !this.#cameAcross(process)) this.#unexplained(process, failure);
        break;
      case 'promises':
        // Within the atlas nobody loses them; beyond it this is the right thing to say.
        if (!this.#damage.ignoredAtlas(process)) throw new Violation('data-lost', `n${process.node}: ${why}`);
        this.#scene.noted(`n${process.node} refuses to start: ${why}`);
        break;
      case 'damage':
        if (!this.#cameAcross(process)) this.#unexplained(process, failure);
        break;
      default:
        unreachable(failure);
    }
  }

  end(): void {
    // What is written from here on is written by disks that are as fast as ever.
    for (const [fault, hasWritten] of this.#slowed) if (!hasWritten()) this.#slowed.delete(fault);
    this.#damage.end();
    this.#appends.clear();
    this.#syncs.clear();
    for (const lasting of Object.values(this.#lasting)) lasting.clear();
    for (const process of this.#scene.cluster.processes) {
      process.segments.heal();
      process.store.heal();
    }
  }

  #struck(process: MemberProcess, armed: Map<NodeId, StrikingFault>, failure: 'append' | 'sync'): void {
    const fault = armed.get(process.node);
    if (fault === undefined) return this.#unexplained(process, failure);
    armed.delete(process.node);
    this.#scene.fire(fault, `${failure} of n${process.node} failed`);
    this.#scene.startLater(process, fault.downUs);
  }

  /** @returns false when nothing lasts that this failure could be blamed on */
  #lasts(process: MemberProcess, failure: 'read' | 'full' | 'flush'): boolean {
    const lasting = this.#lasting[failure].get(process.node);
    if (lasting === undefined) return false;
    if (!lasting.hit) this.#scene.fire(lasting.fault, `n${process.node} stops: ${lasting.fault.kind}`);
    lasting.hit = true;
    this.#scene.startLater(process, between(lasting.prng, restartUsMin, restartUsMax));
    return true;
  }

  /** What was damaged is found by reading, unless the member has started since: then it knows what it cannot read. */
  #cameAcross(process: MemberProcess): boolean {
    return this.#damage.found(process);
  }

  /** A disk that nothing is wrong with was said to have failed. */
  #unexplained(process: MemberProcess, failure: DiskFailure): never {
    throw new Violation(
      'unexplained-disk-failure',
      `n${process.node} ended by its disk (${failure}), which is well`,
    );
  }

  #last(
    failure: 'read' | 'full' | 'flush',
    fault: LastingFault,
    prng: Prng,
    set: (on: boolean) => void,
  ): void {
    const lasting: Lasting = { fault, prng, hit: false };
    this.#lasting[failure].set(fault.node, lasting);
    set(true);
    this.#scene.noted(`${fault.kind} begins on n${fault.node}`);
    this.#scene.world.after(fault.forUs, () => {
      if (this.#lasting[failure].get(fault.node) !== lasting) return;
      this.#lasting[failure].delete(fault.node);
      set(false);
      this.#scene.noted(`${fault.kind} ends on n${fault.node}`);
    });
  }

  #slowDisk(fault: FaultOf<'slowDisk'>): void {
    const { segments, store } = this.#scene.cluster.process(fault.node);
    const { durable } = segments;
    segments.slow(fault.factor);
    store.slow(fault.factor);
    this.#slowed.set(fault, () => segments.durable > durable);
    this.#scene.world.after(fault.forUs, () => {
      if (this.#scene.over) return;
      this.#slowed.delete(fault);
      segments.slow(1);
      store.slow(1);
      if (segments.durable > durable) this.#scene.fire(fault, `disk of n${fault.node} is as fast as before`);
    });
  }

  /** Where the loss is not allowed in the end, the disk has written everything after all. */
  #lostSync(fault: FaultOf<'lostSync'>): void {
    const process = this.#scene.cluster.process(fault.node);
    const { segments, boot } = process;
    if (!process.alive || segments.lying) return;
    const { appended } = segments;
    segments.beginLies();
    this.#scene.noted(`syncs of n${fault.node} lie`);
    this.#scene.world.after(fault.forUs, () => {
      this.#reveal(fault, { boot, appended }, revealAttemptsMax);
    });
  }

  /** The power fails as soon as nobody would miss what it takes; a crash before that ends the lies without harm. */
  #reveal(
    fault: FaultOf<'lostSync'>,
    since: { readonly boot: number; readonly appended: number },
    attempts: number,
  ): void {
    const { atlas, cluster, world } = this.#scene;
    const process = cluster.process(fault.node);
    const { segments } = process;
    const end = durableEnd(process);
    // A crash of the machine has ended the lies; a start since has written what must not be lost.
    const stands = !this.#scene.over && segments.lying && process.boot === since.boot && end !== undefined;
    if (!stands || attempts === 0) return segments.forgiveLies();
    const lost = segments.appended - since.appended;
    if (lost === 0 || !(fault.atlas === 'ignored' || atlas.mayLose(atlasMember(process), end))) {
      world.after(revealAgainUs, () => {
        this.#reveal(fault, since, attempts - 1);
      });
      return;
    }
    const before = findStart(segments.copy());
    segments.revealLies();
    process.crash('machine');
    atlas.lost(process, end);
    this.#scene.fire(fault, `n${fault.node} lost its power and up to ${lost} appends`);
    this.#scene.damaged(fault.node);
    this.#scene.judge(fault, process, { before, end });
    this.#scene.startLater(process, fault.downUs);
  }
}
