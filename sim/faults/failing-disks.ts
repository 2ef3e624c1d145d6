import { unreachable } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import { type DiskFailure } from '../disk/failure.ts';
import { type SimulatedSegments } from '../disk/segments.ts';
import { type SimulatedStore } from '../disk/store.ts';
import { Violation } from '../types.ts';
import { type FaultInForce, type FaultOf } from './scene.ts';
import { type FaultedProcess, type FaultStage } from './stage.ts';

export type FailingDiskFault = FaultOf<
  'slowDisk' | 'diskStall' | StrikingFault['kind'] | LastingFault['kind']
>;
type StrikingFault = FaultOf<'syncFails' | 'appendFails'>;
type LastingFault = FaultOf<'readFails' | 'diskFull' | 'storeFull'>;

interface ProcessWithDisk extends FaultedProcess {
  readonly segments: SimulatedSegments;
  readonly store: SimulatedStore;
}

/** What supervises a process starts it again so long after its disk has ended it. */
const restartUsMin = 100_000;
const restartUsMax = 3_000_000;

/** Something that a disk does not do for a while: every process that needs it ends, and is started again and again. */
interface Lasting {
  readonly fault: LastingFault;
  readonly prng: Prng;
  /** It has stopped a process. */
  hit: boolean;
}

/** Disks that are slow, full or fail, and lose nothing that they had acknowledged. */
export class FailingDisks<P extends ProcessWithDisk> {
  readonly #stage: FaultStage<P>;
  /** What each process's next failing append and sync are blamed on. */
  readonly #appends = new Map<NodeId, StrikingFault>();
  readonly #syncs = new Map<NodeId, StrikingFault>();
  /** What a disk does not do, by what fails. */
  readonly #lasting: Readonly<Record<'read' | 'full' | 'flush', Map<NodeId, Lasting>>> = {
    read: new Map(),
    full: new Map(),
    flush: new Map(),
  };

  /** Disks that are slow, each with whether it has written anything meanwhile. */
  readonly #slowed = new Map<FaultOf<'slowDisk'>, () => boolean>();

  constructor(stage: FaultStage<P>) {
    this.#stage = stage;
  }

  /** Those in force that a write has met. */
  get met(): readonly FaultInForce[] {
    return [...this.#slowed].flatMap(([fault, hasWritten]) =>
      hasWritten() ? [{ fault, fromUs: fault.atUs }] : [],
    );
  }

  begin(fault: FailingDiskFault, prng: Prng): void {
    const { segments, store } = this.#stage.cluster.process(fault.node);
    switch (fault.kind) {
      case 'slowDisk':
        this.#slow(fault);
        break;
      case 'diskStall':
        segments.stallNextSync(fault.forUs, () => {
          this.#stage.fire(fault, `a sync of n${fault.node} takes ${fault.forUs} µs longer`);
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
      case 'readFails':
        this.#last('read', fault, prng, (on) => segments.failReads(on));
        break;
      case 'diskFull':
        this.#last('full', fault, prng, (on) => segments.fill(on));
        break;
      case 'storeFull':
        this.#last('flush', fault, prng, (on) => store.fill(on));
        break;
      default:
        unreachable(fault);
    }
  }

  /**
   * The disk of this process has failed it, and it has ended: blames it on a fault, and starts it again.
   *
   * @returns false when there is none that this failure could be blamed on
   */
  explain(process: P, failure: DiskFailure): boolean {
    switch (failure) {
      case 'append':
        return this.#struck(process, this.#appends, failure);
      case 'sync':
        return this.#struck(process, this.#syncs, failure);
      case 'full':
      case 'flush':
      case 'read':
        return this.#lasts(process, failure);
      case 'damage':
      case 'promises':
        return false;
      default:
        return unreachable(failure);
    }
  }

  end(): void {
    // What is written from here on is written by disks that are as fast as ever.
    for (const [fault, hasWritten] of this.#slowed) if (!hasWritten()) this.#slowed.delete(fault);
    this.#appends.clear();
    this.#syncs.clear();
    for (const lasting of Object.values(this.#lasting)) lasting.clear();
    for (const { segments, store } of this.#stage.cluster.processes) {
      segments.heal();
      store.heal();
    }
  }

  #struck(process: P, armed: Map<NodeId, StrikingFault>, failure: 'append' | 'sync'): boolean {
    const fault = armed.get(process.node);
    if (fault === undefined) return false;
    armed.delete(process.node);
    this.#stage.fire(fault, `${failure} of n${process.node} failed`);
    this.#stage.startLater(process, fault.downUs);
    return true;
  }

  #lasts(process: P, failure: 'read' | 'full' | 'flush'): boolean {
    const lasting = this.#lasting[failure].get(process.node);
    if (lasting === undefined) return false;
    if (!lasting.hit) this.#stage.fire(lasting.fault, `n${process.node} stops: ${lasting.fault.kind}`);
    lasting.hit = true;
    this.#stage.startLater(process, between(lasting.prng, restartUsMin, restartUsMax));
    return true;
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
    this.#stage.noted(`${fault.kind} begins on n${fault.node}`);
    this.#stage.world.after(fault.forUs, () => {
      if (this.#lasting[failure].get(fault.node) !== lasting) return;
      this.#lasting[failure].delete(fault.node);
      set(false);
      this.#stage.noted(`${fault.kind} ends on n${fault.node}`);
    });
  }

  #slow(fault: FaultOf<'slowDisk'>): void {
    const { segments, store } = this.#stage.cluster.process(fault.node);
    const { durable } = segments;
    segments.slow(fault.factor);
    store.slow(fault.factor);
    this.#slowed.set(fault, () => segments.durable > durable);
    this.#stage.world.after(fault.forUs, () => {
      if (this.#stage.over) return;
      this.#slowed.delete(fault);
      segments.slow(1);
      store.slow(1);
      if (segments.durable > durable) this.#stage.fire(fault, `disk of n${fault.node} is as fast as before`);
    });
  }
}

/** A disk that nothing is wrong with was said to have failed. */
export function unexplained(process: FaultedProcess, failure: DiskFailure, why = ''): never {
  const what = why === '' ? failure : `${failure}: ${why}`;
  throw new Violation(
    'unexplained-disk-failure',
    `n${process.node} ended by its disk (${what}), which is well`,
  );
}
