import { type NodeId } from '../../core/base/ids.ts';
import { type CrashMoment, type CrashScope, type Fault } from '../fault.ts';
import { type Network } from '../network/network.ts';
import { type World } from '../world.ts';

/** A process, as far as faults that any process can suffer need to know it. */
export interface FaultedProcess {
  readonly node: NodeId;
  readonly boot: number;
  readonly alive: boolean;
  crash(scope: CrashScope): void;
  crashAt(moment: CrashMoment, strike: () => void): () => void;
  pause(): boolean;
  resume(): void;
  drift(driftPpm: number): void;
  jumpWall(byUs: number): void;
}

/** Where such faults strike, whatever the processes are: a part of what a `FaultScene` is. */
export interface FaultStage<P extends FaultedProcess = FaultedProcess> {
  readonly world: World;
  readonly network: Network;
  readonly cluster: { process(node: NodeId): P; readonly processes: readonly P[] };
  /** Faults are over: none begins any more. */
  readonly over: boolean;
  readonly noted: (what: string) => void;
  /** This fault has had an effect. */
  fire(fault: Fault, what: string): void;
  /** Starts a process that is down, unless somebody else has by then. */
  startLater(process: P, downUs: number): void;
}
