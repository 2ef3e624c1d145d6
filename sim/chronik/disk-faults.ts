import { unreachable } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import { type DiskFailure } from '../disk/failure.ts';
import { type FaultOf } from '../faults/scene.ts';
import { type FaultStage } from '../faults/stage.ts';
import { Violation } from '../types.ts';
import { type BrokerProcess } from './broker-process.ts';

export type ChronikDiskFault = FaultOf<
  'slowDisk' | 'diskStall' | 'syncFails' | 'appendFails' | 'readFails' | 'diskFull' | 'storeFull'
>;

/** What supervises a process starts it again so long after its disk has ended it. */
const restartUsMin = 100_000;
const restartUsMax = 3_000_000;

/** Something that a disk does not do for a while. */
interface Lasting {
  readonly fault: FaultOf<'readFails' | 'diskFull' | 'storeFull'>;
  readonly prng: Prng;
  hit: boolean;
}

/**
 * Brokers' disks that are slow, full or fail, and lose nothing that they had acknowledged. Disks that lie and rot are not
 * here: what a replica may lose without anybody noticing, a cluster of brokers cannot do without.
 */
export class ChronikDiskFaults {
  readonly #stage: FaultStage<BrokerProcess>;
  readonly #appends = new Map<NodeId, FaultOf<'appendFails'>>();
  readonly #syncs = new Map<NodeId, FaultOf<'syncFails'>>();
  readonly #lasting: Readonly<Record<'read' | 'full' | 'flush', Map<NodeId, Lasting>>> = {
    read: new Map(),
    full: new Map(),
    flush: new Map(),
  };

  constructor(stage: FaultStage<BrokerProcess>) {
    this.#stage = stage;
  }

  begin(fault: ChronikDiskFault, prng: Prng): void {
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

  /** The disk of this broker has failed it, and its process has ended. @throws Violation when the disk is well */
  failed(process: BrokerProcess, failure: DiskFailure, why = ''): void {
    switch (failure) {
      case 'append':
        this.#struck(process, this.#appends, failure);
        break;
      case 'sync':
        this.#struck(process, this.#syncs, failure);
        break;
      case 'full':
      case 'flush':
      case 'read':
        if (!this.#lasts(process, failure)) unexplained(process, failure, why);
        break;
      case 'damage':
      case 'promises':
        unexplained(process, failure, why);
        break;
      default:
        unreachable(failure);
    }
  }

  end(): void {
    this.#appends.clear();
    this.#syncs.clear();
    for (const lasting of Object.values(this.#lasting)) lasting.clear();
    for (const { segments, store } of this.#stage.cluster.processes) {
      segments.heal();
      store.heal();
    }
  }

  #struck(
    process: BrokerProcess,
    armed: Map<NodeId, FaultOf<'syncFails' | 'appendFails'>>,
    failure: 'append' | 'sync',
  ): void {
    const fault = armed.get(process.node);
    if (fault === undefined) return unexplained(process, failure, '');
    armed.delete(process.node);
    this.#stage.fire(fault, `${failure} of n${process.node} failed`);
    this.#stage.startLater(process, fault.downUs);
  }

  /** @returns false when nothing lasts that this failure could be blamed on */
  #lasts(process: BrokerProcess, failure: 'read' | 'full' | 'flush'): boolean {
    const lasting = this.#lasting[failure].get(process.node);
    if (lasting === undefined) return false;
    if (!lasting.hit) this.#stage.fire(lasting.fault, `n${process.node} ends: ${lasting.fault.kind}`);
    lasting.hit = true;
    this.#stage.startLater(process, between(lasting.prng, restartUsMin, restartUsMax));
    return true;
  }

  #last(
    failure: 'read' | 'full' | 'flush',
    fault: Lasting['fault'],
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
    this.#stage.world.after(fault.forUs, () => {
      if (this.#stage.over) return;
      segments.slow(1);
      store.slow(1);
      if (segments.durable > durable) this.#stage.fire(fault, `disk of n${fault.node} is as fast as before`);
    });
  }
}

function unexplained(process: BrokerProcess, failure: DiskFailure, why: string): never {
  const what = why === '' ? failure : `${failure}: ${why}`;
  throw new Violation(
    'unexplained-disk-failure',
    `n${process.node} ended by its disk (${what}), which is well`,
  );
}
