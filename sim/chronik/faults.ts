import { type Prng } from '../../core/base/prng.ts';
import { type DiskFailure } from '../disk/failure.ts';
import { type Fault, type FaultKind } from '../fault.ts';
import { ClockFaults } from '../faults/clock-faults.ts';
import { NetworkFaults } from '../faults/network-faults.ts';
import { ProcessFaults } from '../faults/process-faults.ts';
import { type FaultStage } from '../faults/stage.ts';
import { type Network } from '../network/network.ts';
import { type World } from '../world.ts';
import { type BrokerProcess } from './broker-process.ts';
import { type ChronikCluster } from './cluster.ts';
import { ChronikDiskFaults } from './disk-faults.ts';
import { type ChronikFault } from './plan.ts';

/** Applies the faults of a schedule to a cluster of brokers, and counts those that had an effect. */
export class ChronikFaults implements FaultStage<BrokerProcess> {
  readonly world: World;
  readonly network: Network;
  readonly cluster: ChronikCluster;
  readonly noted: (what: string) => void;
  readonly #prng: Prng;
  readonly #onNetwork: NetworkFaults;
  readonly #onProcesses: ProcessFaults;
  readonly #onClocks: ClockFaults;
  readonly #onDisks: ChronikDiskFaults;
  readonly #fired = new Map<FaultKind, number>();
  #over = false;

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly cluster: ChronikCluster;
    readonly prng: Prng;
    readonly noted: (what: string) => void;
  }) {
    this.world = options.world;
    this.network = options.network;
    this.cluster = options.cluster;
    this.noted = options.noted;
    this.#prng = options.prng;
    this.#onNetwork = new NetworkFaults(this, options.prng);
    this.#onProcesses = new ProcessFaults(this);
    this.#onClocks = new ClockFaults(this);
    this.#onDisks = new ChronikDiskFaults(this);
  }

  get over(): boolean {
    return this.#over;
  }

  /** How often each kind had an effect. */
  get fired(): Readonly<Partial<Record<FaultKind, number>>> {
    return Object.fromEntries([...this.#fired].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  schedule(faults: readonly ChronikFault[]): void {
    for (const fault of faults) {
      this.world.at(fault.atUs, () => {
        this.strike(fault);
      });
    }
  }

  /** Now, whatever the fault says. */
  strike(fault: ChronikFault): void {
    if (this.#over) return;
    const prng = this.#prng.fork(JSON.stringify(fault));
    switch (fault.kind) {
      case 'crash':
      case 'crashAll':
      case 'pause':
        this.#onProcesses.begin(fault, prng);
        break;
      case 'clockDrift':
      case 'wallJump':
        this.#onClocks.begin(fault);
        break;
      case 'slowDisk':
      case 'diskStall':
      case 'syncFails':
      case 'appendFails':
      case 'readFails':
      case 'diskFull':
      case 'storeFull':
        this.#onDisks.begin(fault, prng);
        break;
      default:
        this.#onNetwork.begin(fault, prng);
    }
  }

  fire(fault: Fault, what: string): void {
    this.#fired.set(fault.kind, (this.#fired.get(fault.kind) ?? 0) + 1);
    this.noted(what);
  }

  startLater(process: BrokerProcess, downUs: number): void {
    const { boot } = process;
    const over = this.#over;
    this.world.after(downUs, () => {
      if (this.#over !== over || process.boot !== boot || process.alive || process.stopped) return;
      this.noted(`start of n${process.node}`);
      process.start();
    });
  }

  /** @throws Violation when the disk is well */
  diskFailed(process: BrokerProcess, failure: DiskFailure, why?: string): void {
    this.#onDisks.failed(process, failure, why);
  }

  /** No fault begins any more, network and disks are as they should be, and every broker runs. */
  heal(): void {
    this.#over = true;
    this.#onNetwork.end();
    this.#onProcesses.end();
    this.#onDisks.end();
    for (const process of this.cluster.processes) {
      if (process.paused) process.resume();
      else if (!process.alive && !process.stopped) process.start();
    }
  }
}
