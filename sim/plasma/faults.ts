import { present } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type Prng } from '../../core/base/prng.ts';
import { type Fault, type FaultKind } from '../fault.ts';
import { ClockFaults } from '../faults/clock-faults.ts';
import { NetworkFaults } from '../faults/network-faults.ts';
import { ProcessFaults } from '../faults/process-faults.ts';
import { type FaultStage } from '../faults/stage.ts';
import { type Network } from '../network/network.ts';
import { type World } from '../world.ts';
import { type PlasmaFault } from './plan.ts';
import { type FaultTarget } from './targets.ts';

/** Applies the faults of a schedule to a cloud, and counts those that had an effect. */
export class PlasmaFaults implements FaultStage<FaultTarget> {
  readonly world: World;
  readonly network: Network;
  readonly cluster: FaultStage<FaultTarget>['cluster'];
  readonly noted: (what: string) => void;
  readonly #prng: Prng;
  readonly #onNetwork: NetworkFaults;
  readonly #onProcesses: ProcessFaults;
  readonly #onClocks: ClockFaults;
  readonly #fired = new Map<FaultKind, number>();
  #over = false;

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly targets: readonly FaultTarget[];
    readonly prng: Prng;
    readonly noted: (what: string) => void;
  }) {
    this.world = options.world;
    this.network = options.network;
    this.noted = options.noted;
    const { targets } = options;
    const byNode = new Map<NodeId, FaultTarget>(targets.map((target) => [target.node, target]));
    this.cluster = {
      processes: targets,
      process: (node) => present(byNode.get(node), `something of the cloud, not ${node}`),
    };
    this.#prng = options.prng;
    this.#onNetwork = new NetworkFaults(this, options.prng);
    this.#onProcesses = new ProcessFaults(this);
    this.#onClocks = new ClockFaults(this);
  }

  get over(): boolean {
    return this.#over;
  }

  /** How often each kind had an effect. */
  get fired(): Readonly<Partial<Record<FaultKind, number>>> {
    return Object.fromEntries([...this.#fired].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  schedule(faults: readonly PlasmaFault[]): void {
    for (const fault of faults) this.world.at(fault.atUs, () => this.strike(fault));
  }

  /** Now, whatever the fault says. */
  strike(fault: PlasmaFault): void {
    if (this.#over) return;
    const prng = this.#prng.fork(JSON.stringify(fault));
    switch (fault.kind) {
      case 'crash':
      case 'pause':
        this.#onProcesses.begin(fault, prng);
        break;
      case 'clockDrift':
      case 'wallJump':
        this.#onClocks.begin(fault);
        break;
      default:
        this.#onNetwork.begin(fault, prng);
    }
  }

  fire(fault: Fault, what: string): void {
    this.#fired.set(fault.kind, (this.#fired.get(fault.kind) ?? 0) + 1);
    this.noted(what);
  }

  startLater(target: FaultTarget, downUs: number): void {
    const { boot } = target;
    const over = this.#over;
    this.world.after(downUs, () => {
      if (this.#over !== over || target.boot !== boot || target.alive || target.stopped) return;
      this.noted(`start of n${target.node}`);
      target.start();
    });
  }

  /** No fault begins any more, the network is as it should be, and everything runs. Machines come last in the list, and first here. */
  heal(): void {
    this.#over = true;
    this.#onNetwork.end();
    this.#onProcesses.end();
    for (const target of [...this.cluster.processes].reverse()) {
      if (target.paused) target.resume();
      else if (!target.alive && !target.stopped) target.start();
    }
  }
}
