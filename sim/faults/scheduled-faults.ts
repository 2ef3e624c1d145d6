import { type Prng } from '../../core/base/prng.ts';
import { type Fault, type FaultKind } from '../fault.ts';
import { type ClockFault, ClockFaults } from './clock-faults.ts';
import { type NetworkFault, NetworkFaults } from './network-faults.ts';
import { type ProcessFault, ProcessFaults } from './process-faults.ts';
import { type FaultedProcess, FaultStage, type FaultStageOptions } from './stage.ts';

/** The faults that any processes can suffer, whatever they are. */
export type CommonFault = NetworkFault | ProcessFault | ClockFault;

/**
 * Applies the faults of a schedule to a system other than Chainfire's cluster, each with its own randomness, and counts those
 * that had an effect. What only one system can suffer, its own class adds.
 */
export abstract class ScheduledFaults<P extends FaultedProcess, F extends Fault> {
  readonly stage: FaultStage<P>;
  readonly #prng: Prng;
  readonly #network: NetworkFaults;
  readonly #processes: ProcessFaults;
  readonly #clocks: ClockFaults;

  constructor(options: FaultStageOptions<P> & { readonly prng: Prng }) {
    this.stage = new FaultStage(options);
    this.#prng = options.prng;
    this.#network = new NetworkFaults(this.stage, options.prng);
    this.#processes = new ProcessFaults(this.stage);
    this.#clocks = new ClockFaults(this.stage);
  }

  /** No fault begins any more. */
  get over(): boolean {
    return this.stage.over;
  }

  /** How often each kind had an effect. */
  get fired(): Readonly<Partial<Record<FaultKind, number>>> {
    return this.stage.fired;
  }

  schedule(faults: readonly F[]): void {
    for (const fault of faults) this.stage.world.at(fault.atUs, () => this.strike(fault));
  }

  /** Now, whatever the fault says. */
  strike(fault: F): void {
    if (!this.over) this.begin(fault, this.#prng.fork(JSON.stringify(fault)));
  }

  /** No fault begins any more, what faults have left behind is put right, and everything runs, started in the order of the list. */
  heal(): void {
    this.stage.end();
    this.#network.end();
    this.#processes.end();
    this.end();
    for (const process of this.stage.cluster.processes) {
      if (process.paused) process.resume();
      else if (!process.alive && !process.stopped) process.start();
    }
  }

  protected abstract begin(fault: F, prng: Prng): void;

  /** Puts right what only this system can suffer. */
  protected end(): void {}

  protected beginCommon(fault: CommonFault, prng: Prng): void {
    switch (fault.kind) {
      case 'crash':
      case 'crashAll':
      case 'pause':
        this.#processes.begin(fault, prng);
        break;
      case 'clockDrift':
      case 'wallJump':
        this.#clocks.begin(fault);
        break;
      default:
        this.#network.begin(fault, prng);
    }
  }
}
