import { unreachable } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { membersOf } from '../../core/raft/configuration.ts';
import { atlasMember } from '../atlas.ts';
import { type Cluster, type MemberProcess } from '../cluster.ts';
import { configurationsInForce, leavers } from '../membership/core.ts';
import {
  grow,
  type JobOptions,
  type JobSite,
  type Lost,
  moveLeader,
  promote,
  replace,
  replaceLost,
  shrink,
} from '../membership/jobs.ts';
import { Operator, type OperatorJob } from '../membership/operator.ts';
import { Violation } from '../types.ts';
import { type LogEnd } from '../found-start.ts';
import { type FaultOf, type FaultScene } from './scene.ts';

export type MembershipFault = FaultOf<'replace' | 'wipe' | 'grow' | 'shrink' | 'promote' | 'moveLeader'>;

/** The operator's number among the clients: behind those of every workload, and those that probe. */
const operatorClient = 1_000;
/** What does not come about within this time is given up; a lost disk is not. */
const patienceUs = 20_000_000;
const wipePatienceUs = 1_000_000_000;
/** Where the atlas does not allow a disk to go yet, it is asked again so many times, so long after one another. */
const wipeAttemptsMax = 40;
const wipeRetryUs = 50_000;
/** A wiped machine is started once more by whatever supervises it, before its operator takes notice. */
const superviseUs = 50_000;

/** Members that come and go while other faults are on, and disks that go with all that is on them. */
export class MembershipFaults {
  readonly #scene: FaultScene;
  readonly #site: JobSite;
  readonly #operator: Operator;
  /** Those whose machine has not been started since. */
  readonly #unnoticed = new Set<Lost>();

  constructor(scene: FaultScene) {
    const { world, cluster, noted, atlas } = scene;
    this.#scene = scene;
    this.#site = { world, cluster, noted, isHurt: () => atlas.hurt !== undefined };
    this.#operator = new Operator({
      world,
      calls: cluster.calls,
      client: operatorClient,
      nodes: cluster.nodes,
    });
  }

  /** What was asked for may still come about. */
  get unsettled(): boolean {
    return this.#operator.unsettled;
  }

  begin(fault: MembershipFault): void {
    if (fault.kind === 'wipe') this.#wipe(fault, wipeAttemptsMax);
    else this.#operator.take(this.#job(fault));
  }

  /** Nothing more is changed. Who was removed and has not heard of it must be able to. */
  end(): void {
    this.#operator.end();
    // Else whoever heals would start them as if they had only been down.
    for (const lost of [...this.#unnoticed]) this.#notice(lost);
    const { cluster } = this.#scene;
    const configurations = configurationsInForce(cluster);
    const members = configurations.flatMap(membersOf);
    const left = new Set(members.filter((member) => cluster.home(member)?.stopped === false));
    for (const process of leavers(cluster, configurations)) {
      if (!knowsSome(cluster, process, left)) this.#restart(process);
    }
  }

  /** All whom it knows have left, so its operator starts it once more, and says who there is by now. */
  #restart(process: MemberProcess): void {
    this.#scene.noted(`member ${process.member} was removed, knows nobody who is left, and is started again`);
    process.crash('process');
    this.#startsNot(process);
  }

  #job(fault: Exclude<MembershipFault, FaultOf<'wipe'>>): OperatorJob {
    const { cluster } = this.#scene;
    const done = (what: string): void => {
      this.#scene.fire(fault, what);
    };
    const options: JobOptions = { patienceUs, done };
    switch (fault.kind) {
      case 'replace':
        return replace(this.#site, cluster.process(fault.node), options);
      case 'grow':
        return grow(this.#site, { ...options, asLearner: fault.as === 'learner' });
      case 'shrink':
        return shrink(this.#site, cluster.process(fault.node), options);
      case 'promote':
        return promote(this.#site, options);
      case 'moveLeader':
        return moveLeader(this.#site, cluster.process(fault.node), options);
      default:
        return unreachable(fault);
    }
  }

  /**
   * The machine loses its power and its disks. The member there must not come back: what it finds is nothing, though it
   * has promised. The operator takes it out of the cluster, and adds another in its place.
   */
  #wipe(fault: FaultOf<'wipe'>, attempts: number): void {
    const { cluster, atlas, world } = this.#scene;
    const process = cluster.process(fault.node);
    const raft = process.machine?.view.raft;
    if (raft === undefined || raft.repairing || !process.hasSynced) return;
    const end: LogEnd = { index: raft.syncedIndex, term: raft.termAt(raft.syncedIndex) ?? 0 };
    if (!atlas.allows(fault.node, end)) {
      // Others lack what it would lose; a little later they may hold it.
      if (attempts === 1) return;
      world.after(wipeRetryUs, () => {
        if (!this.#scene.over) this.#wipe(fault, attempts - 1);
      });
      return;
    }
    const { member } = process;
    process.crash('machine');
    process.wipe(cluster.newDisks());
    atlas.lost(atlasMember(process), end);
    this.#scene.fire(fault, `the disks of n${fault.node} are gone, and with them member ${member}`);
    const lost: Lost = { process, member };
    this.#unnoticed.add(lost);
    world.after(superviseUs, () => {
      this.#notice(lost);
    });
  }

  /** The machine is started once more, and then its operator knows. */
  #notice(lost: Lost): void {
    if (!this.#unnoticed.delete(lost)) return;
    const { process, member } = lost;
    // Who was taking the member out anyway may have been here first.
    if (process.stopped || process.member !== member) return;
    this.#startsNot(process);
    const options = { patienceUs: wipePatienceUs, done: this.#scene.noted };
    this.#operator.take(replaceLost(this.#site, lost, options), 'next');
  }

  /** A member that comes back with nothing says so and does not start; one that does is up for the checkers to see. */
  #startsNot(process: MemberProcess): void {
    try {
      process.start();
    } catch (failure) {
      if (!(failure instanceof Violation) || failure.invariant !== 'data-lost') throw failure;
      process.retire();
    }
  }
}

/** Whether one of these would hear it ask: they are in its log, or it was told of them when it started. */
function knowsSome(cluster: Cluster, process: MemberProcess, members: ReadonlySet<NodeId>): boolean {
  const found = process.machine === undefined ? [] : membersOf(process.machine.view.raft.configuration);
  const known = [...found, ...cluster.contactsOf(process)];
  return known.some((member) => members.has(member));
}
