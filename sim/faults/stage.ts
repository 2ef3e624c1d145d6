import { type NodeId } from '../../core/base/ids.ts';
import { type CrashMoment, type CrashScope, type Fault, type FaultKind } from '../fault.ts';
import { type Network } from '../network/network.ts';
import { type World } from '../world.ts';

/** A process, as far as faults that any process can suffer need to know it. */
export interface FaultedProcess {
  readonly node: NodeId;
  readonly boot: number;
  readonly alive: boolean;
  readonly paused: boolean;
  /** Down, and not to be started by anybody who heals. */
  readonly stopped: boolean;
  start(): void;
  crash(scope: CrashScope): void;
  crashAt(moment: CrashMoment, strike: () => void): () => void;
  pause(): boolean;
  resume(): void;
  drift(driftPpm: number): void;
  jumpWall(byUs: number): void;
}

export interface FaultStageOptions<P extends FaultedProcess> {
  readonly world: World;
  readonly network: Network;
  readonly cluster: { process(node: NodeId): P; readonly processes: readonly P[] };
  /** Told what happens, for the trace. */
  readonly noted: (what: string) => void;
}

/** What faults of every kind share: the world that they strike, whatever processes are in it, and their count. */
export class FaultStage<P extends FaultedProcess = FaultedProcess> {
  readonly world: World;
  readonly network: Network;
  readonly cluster: FaultStageOptions<P>['cluster'];
  readonly noted: (what: string) => void;
  readonly #fired = new Map<FaultKind, number>();
  #over = false;

  constructor(options: FaultStageOptions<P>) {
    this.world = options.world;
    this.network = options.network;
    this.cluster = options.cluster;
    this.noted = options.noted;
  }

  /** Faults are over: none begins any more, and nobody whom one has ended before is started again. */
  get over(): boolean {
    return this.#over;
  }

  end(): void {
    this.#over = true;
  }

  /** How often each kind had an effect. */
  get fired(): Readonly<Partial<Record<FaultKind, number>>> {
    return Object.fromEntries([...this.#fired].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** This fault has had an effect. */
  fire(fault: Fault, what: string): void {
    this.#fired.set(fault.kind, (this.#fired.get(fault.kind) ?? 0) + 1);
    this.noted(what);
  }

  /**
   * Starts a process that is down, unless somebody else has by then. With faults over in between that is left to whoever
   * heals; one that ends afterwards, by what they have left behind, is started as ever.
   */
  startLater(process: P, downUs: number): void {
    const { boot } = process;
    const over = this.#over;
    this.world.after(downUs, () => {
      if (this.#over !== over || process.boot !== boot || process.alive || process.stopped) return;
      this.noted(`start of n${process.node}`);
      process.start();
    });
  }
}
