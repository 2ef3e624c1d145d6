import { type NodeId } from '../../core/base/ids.ts';
import { type Prng } from '../../core/base/prng.ts';
import { atlasMember } from '../atlas.ts';
import { type MemberProcess } from '../cluster.ts';
import { type DiskFailure } from '../disk/failure.ts';
import { findStart } from '../found-start.ts';
import { Violation } from '../types.ts';
import { DiskDamage, durableEnd, type SectorDamageFault } from './disk-damage.ts';
import { type FailingDiskFault, FailingDisks, unexplained } from './failing-disks.ts';
import { type FaultInForce, type FaultOf, type FaultScene } from './scene.ts';

export type DiskFault = FailingDiskFault | SectorDamageFault | FaultOf<'lostSync' | 'storeRot'>;

/** A disk that lies is found out at the first of so many moments at which nobody else lacks what it loses. */
const revealAttemptsMax = 40;
const revealAgainUs = 50_000;

/** Disks that are slow, full, that fail, lie and lose what they held. */
export class DiskFaults {
  readonly #scene: FaultScene;
  readonly #damage: DiskDamage;
  readonly #failing: FailingDisks<MemberProcess>;
  readonly #leftOut = new Set<NodeId>();

  constructor(scene: FaultScene) {
    this.#scene = scene;
    this.#damage = new DiskDamage(scene);
    this.#failing = new FailingDisks(scene);
  }

  /** Those in force that a write has met. */
  get met(): readonly FaultInForce[] {
    return this.#failing.met;
  }

  begin(fault: DiskFault, prng: Prng): void {
    switch (fault.kind) {
      case 'bitRot':
      case 'latentSector':
      case 'misdirectedWrite':
        this.#damage.begin(fault, prng);
        break;
      case 'lostSync':
        this.#lostSync(fault);
        break;
      case 'storeRot':
        if (!this.#scene.cluster.process(fault.node).store.rot(prng)) return;
        this.#scene.fire(fault, `a row in the store of n${fault.node} has changed on its disk`);
        this.#scene.rotted(fault.node);
        break;
      default:
        this.#failing.begin(fault, prng);
    }
  }

  /** The disk of this member may fail it from now on, and whoever breaks it sees to its starts. */
  leftOut(process: MemberProcess): void {
    this.#leftOut.add(process.node);
  }

  /** The disk of this member has failed it, and its process has ended. */
  failed(process: MemberProcess, failure: DiskFailure, why = ''): void {
    if (failure !== 'promises' && failure !== 'damage' && this.#leftOut.has(process.node)) return;
    if (this.#failing.explain(process, failure)) return;
    if (failure === 'promises') {
      // Within the atlas nobody loses them; beyond it this is the right thing to say.
      if (!this.#damage.ignoredAtlas(process)) throw new Violation('data-lost', `n${process.node}: ${why}`);
      this.#scene.noted(`n${process.node} refuses to start: ${why}`);
      return;
    }
    // What was damaged is found by reading, unless the member has started since: then it knows what it cannot read.
    const cameAcross = (failure === 'read' || failure === 'damage') && this.#damage.found(process);
    if (!cameAcross) unexplained(process, failure);
  }

  end(): void {
    this.#damage.end();
    this.#failing.end();
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
