import { unreachable } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type Prng } from '../../core/base/prng.ts';
import { type RaftView } from '../../core/raft/types.ts';
import { type MemberProcess } from '../cluster.ts';
import { type DiskFailure } from '../disk/failure.ts';
import { type Fault, type FaultKind } from '../fault.ts';
import { ClockFaults } from './clock-faults.ts';
import { DiskFaults } from './disk-faults.ts';
import { MembershipFaults } from './membership.ts';
import { NetworkFaults } from './network-faults.ts';
import { ProcessFaults } from './process-faults.ts';
import { type FaultInForce, FaultScene, type FaultSceneOptions } from './scene.ts';

/**
 * Applies the faults of a schedule at their times, each independent of the others and with its own randomness, and counts
 * those that had an effect: a partition that no packet met and a crash of a process that was down count for nothing.
 */
export class FaultInjector {
  readonly #scene: FaultScene;
  readonly #prng: Prng;
  readonly #network: NetworkFaults;
  readonly #disks: DiskFaults;
  readonly #processes: ProcessFaults;
  readonly #clocks: ClockFaults;
  readonly #membership: MembershipFaults;

  constructor(options: FaultSceneOptions & { readonly prng: Prng }) {
    this.#scene = new FaultScene(options);
    this.#prng = options.prng;
    this.#network = new NetworkFaults(this.#scene, options.prng);
    this.#disks = new DiskFaults(this.#scene);
    this.#processes = new ProcessFaults(this.#scene);
    this.#clocks = new ClockFaults(this.#scene);
    this.#membership = new MembershipFaults(this.#scene);
  }

  /** How often each kind had an effect. */
  get fired(): Readonly<Partial<Record<FaultKind, number>>> {
    return this.#scene.fired;
  }

  /** What has had an effect and is not counted, since it is counted at its end. */
  get met(): readonly FaultInForce[] {
    return [...this.#network.met, ...this.#disks.met];
  }

  /** A member whose disk was damaged, and that has not yet got back what it lost. */
  get hurt(): NodeId | undefined {
    return this.#scene.atlas.hurt;
  }

  /** Changes of the members that were asked for may still come about. */
  get membershipUnsettled(): boolean {
    return this.#membership.unsettled;
  }

  schedule(faults: readonly Fault[]): void {
    for (const fault of faults) {
      this.#scene.world.at(fault.atUs, () => {
        if (!this.#scene.over) this.#begin(fault, this.#prng.fork(JSON.stringify(fault)));
      });
    }
  }

  /** This member has become the leader, and nothing that it says as one has left it yet. */
  elected(node: NodeId): void {
    this.#network.elected(node);
  }

  /** A member has made a step. */
  stepped(raft: RaftView): void {
    this.#scene.recoverability.stepped(raft);
  }

  /** The disk of this member has failed it, and its process has ended. @throws Violation when the disk is well */
  diskFailed(process: MemberProcess, failure: DiskFailure, why?: string): void {
    this.#disks.failed(process, failure, why);
  }

  /** This member stays broken to the end of the run: what its disk does to it is nobody's fault any more. */
  leftOut(process: MemberProcess, way: string): void {
    this.#scene.noted(`n${process.node} stays broken: ${way}`);
    this.#disks.leftOut(process);
  }

  /** No fault begins any more, and the network and the disks are as they should be. What is down stays down. */
  end(): void {
    this.#scene.end();
    this.#network.end();
    this.#processes.end();
    this.#membership.end();
    this.#disks.end();
  }

  #begin(fault: Fault, prng: Prng): void {
    switch (fault.kind) {
      case 'crash':
      case 'crashAll':
      case 'pause':
        this.#processes.begin(fault, prng);
        break;
      case 'partition':
      case 'oneWay':
      case 'clientCut':
      case 'lossy':
      case 'clog':
      case 'slowNetwork':
      case 'flap':
      case 'narrowLink':
      case 'longTail':
      case 'partialPartition':
        this.#network.begin(fault, prng);
        break;
      case 'slowDisk':
      case 'diskStall':
      case 'syncFails':
      case 'appendFails':
      case 'readFails':
      case 'bitRot':
      case 'latentSector':
      case 'misdirectedWrite':
      case 'lostSync':
      case 'diskFull':
      case 'storeFull':
      case 'storeRot':
        this.#disks.begin(fault, prng);
        break;
      case 'clockDrift':
      case 'wallJump':
        this.#clocks.begin(fault);
        break;
      case 'replace':
      case 'wipe':
      case 'grow':
      case 'shrink':
      case 'promote':
      case 'moveLeader':
        this.#membership.begin(fault);
        break;
      default:
        unreachable(fault);
    }
  }
}
