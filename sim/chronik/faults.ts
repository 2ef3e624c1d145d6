import { type Prng } from '../../core/base/prng.ts';
import { type DiskFailure } from '../disk/failure.ts';
import { FailingDisks, unexplained } from '../faults/failing-disks.ts';
import { ScheduledFaults } from '../faults/scheduled-faults.ts';
import { type BrokerProcess } from './broker-process.ts';
import { type ChronikFault } from './plan.ts';

/**
 * Faults of a cluster of brokers. Disks that lie and rot are not among them: what a replica may lose without anybody
 * noticing, a cluster of brokers cannot do without.
 */
export class ChronikFaults extends ScheduledFaults<BrokerProcess, ChronikFault> {
  readonly #disks = new FailingDisks(this.stage);

  /** The disk of this broker has failed it, and its process has ended. @throws Violation when the disk is well */
  diskFailed(process: BrokerProcess, failure: DiskFailure, why?: string): void {
    if (!this.#disks.explain(process, failure)) unexplained(process, failure, why);
  }

  protected override begin(fault: ChronikFault, prng: Prng): void {
    switch (fault.kind) {
      case 'slowDisk':
      case 'diskStall':
      case 'syncFails':
      case 'appendFails':
      case 'readFails':
      case 'diskFull':
      case 'storeFull':
        this.#disks.begin(fault, prng);
        break;
      default:
        this.beginCommon(fault, prng);
    }
  }

  protected override end(): void {
    this.#disks.end();
  }
}
