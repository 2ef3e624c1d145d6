import { assert, unreachable } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import { atlasMember, type LogEnd } from '../atlas.ts';
import { type MemberProcess } from '../cluster.ts';
import { type FaultOf, type FaultScene } from './scene.ts';

export type DiskFault = FaultOf<'slowDisk' | 'syncFails' | 'bitRot' | 'lostSync' | 'diskFull'>;

/** What supervises a process that ended by a full disk starts it again after so long. */
const fullRestartUsMin = 100_000;
const fullRestartUsMax = 3_000_000;

interface FullDisk {
  readonly fault: FaultOf<'diskFull'>;
  readonly prng: Prng;
  /** It has stopped a process. */
  hit: boolean;
}

/** Disks that are slow, full, that fail, lie and rot. */
export class DiskFaults {
  readonly #scene: FaultScene;
  /** What each member's next failing sync is blamed on. */
  readonly #armed = new Map<NodeId, FaultOf<'syncFails'>>();
  /** Disks without room, with the fault that took it. */
  readonly #full = new Map<NodeId, FullDisk>();

  constructor(scene: FaultScene) {
    this.#scene = scene;
  }

  begin(fault: DiskFault, prng: Prng): void {
    switch (fault.kind) {
      case 'slowDisk':
        this.#slowDisk(fault);
        break;
      case 'syncFails':
        this.#armed.set(fault.node, fault);
        this.#scene.cluster.process(fault.node).segments.failNextSync();
        break;
      case 'bitRot':
        this.#bitRot(fault, prng);
        break;
      case 'lostSync':
        this.#lostSync(fault);
        break;
      case 'diskFull':
        this.#diskFull(fault, prng);
        break;
      default:
        unreachable(fault);
    }
  }

  /** A sync of this member failed, and its process with it. */
  syncFailed(process: MemberProcess): void {
    const fault = this.#armed.get(process.node);
    assert(fault !== undefined, 'a sync fails only when a fault says so');
    this.#armed.delete(process.node);
    this.#scene.fire(fault, `sync of n${process.node} failed`);
    this.#scene.startLater(process, fault.downUs);
  }

  /** An append of this member did not fit, and its process has ended. It is started again and again. */
  diskFull(process: MemberProcess): void {
    const full = this.#full.get(process.node);
    assert(full !== undefined, 'a disk is full only when a fault says so');
    if (!full.hit) this.#scene.fire(full.fault, `n${process.node} stops: its disk is full`);
    full.hit = true;
    this.#scene.startLater(process, between(full.prng, fullRestartUsMin, fullRestartUsMax));
  }

  end(): void {
    this.#armed.clear();
    this.#full.clear();
    for (const process of this.#scene.cluster.processes) {
      process.segments.heal();
      process.store.slow(1);
    }
  }

  #slowDisk(fault: FaultOf<'slowDisk'>): void {
    const { segments, store } = this.#scene.cluster.process(fault.node);
    const { durable } = segments;
    segments.slow(fault.factor);
    store.slow(fault.factor);
    this.#scene.world.after(fault.forUs, () => {
      if (this.#scene.over) return;
      segments.slow(1);
      store.slow(1);
      if (segments.durable > durable) this.#scene.fire(fault, `disk of n${fault.node} is as fast as before`);
    });
  }

  #bitRot(fault: FaultOf<'bitRot'>, prng: Prng): void {
    const { atlas, cluster } = this.#scene;
    const process = cluster.process(fault.node);
    const end = durableEnd(process);
    if (end === undefined || !atlas.allows(fault.node, end)) return;
    process.crash('machine');
    const rotten = atlas.rot(atlasMember(process), end, prng);
    if (rotten !== undefined) {
      this.#scene.fire(fault, `rot on n${fault.node} in ${rotten.file}, sector ${rotten.sector}`);
      this.#scene.damaged(fault.node);
    }
    this.#scene.startLater(process, fault.downUs);
  }

  /** Where the loss is not allowed in the end, the disk has written everything after all. */
  #lostSync(fault: FaultOf<'lostSync'>): void {
    const { atlas, cluster } = this.#scene;
    const process = cluster.process(fault.node);
    const { segments, boot } = process;
    if (!process.alive || segments.lying) return;
    const { appended } = segments;
    segments.beginLies();
    this.#scene.noted(`syncs of n${fault.node} lie`);
    this.#scene.world.after(fault.forUs, () => {
      const end = durableEnd(process);
      // A crash of the machine has ended the lies; a start since has written what must not be lost.
      if (this.#scene.over || !segments.lying || process.boot !== boot || end === undefined) {
        segments.forgiveLies();
        return;
      }
      if (segments.appended === appended || !atlas.mayLose(atlasMember(process), end)) {
        segments.forgiveLies();
        return;
      }
      segments.revealLies();
      process.crash('machine');
      atlas.lost(fault.node, end);
      this.#scene.fire(
        fault,
        `n${fault.node} lost its power and up to ${segments.appended - appended} appends`,
      );
      this.#scene.damaged(fault.node);
      this.#scene.startLater(process, fault.downUs);
    });
  }

  #diskFull(fault: FaultOf<'diskFull'>, prng: Prng): void {
    const { segments } = this.#scene.cluster.process(fault.node);
    const full = { fault, prng, hit: false };
    this.#full.set(fault.node, full);
    segments.fill(true);
    this.#scene.noted(`the disk of n${fault.node} is full`);
    this.#scene.world.after(fault.forUs, () => {
      if (this.#full.get(fault.node) !== full) return;
      this.#full.delete(fault.node);
      segments.fill(false);
      this.#scene.noted(`the disk of n${fault.node} has room again`);
    });
  }
}

/** Where the durable log of a member ends that runs and is whole; undefined of any other. */
function durableEnd(process: MemberProcess): LogEnd | undefined {
  const raft = process.machine?.view.raft;
  if (raft === undefined || raft.repairing) return undefined;
  return { index: raft.syncedIndex, term: raft.termAt(raft.syncedIndex) ?? 0 };
}
