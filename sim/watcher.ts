import { type NodeId } from '../core/base/ids.ts';
import { type ChainfireMember } from '../core/chainfire/member.ts';
import { type MemberEvent } from '../core/chainfire/member-protocol.ts';
import { type FaultInForce } from './faults/scene.ts';
import { type NetworkWatcher, type Packet } from './network/network.ts';
import { type ProcessWatcher, type WatchedProcess } from './process-watcher.ts';
import { type Fault } from './fault.ts';
import { type Operation, type StepObservation } from './types.ts';

/**
 * Who wants to see all of a run, to show it: more than a checker, and at more cost. Nobody who watches can change what
 * happens, and a run that nobody watches pays a comparison.
 */
export interface RunWatcher extends NetworkWatcher, ProcessWatcher<MemberEvent> {
  /** Called first; the clock is the world's, and live. */
  began(run: { readonly nowUs: number }, nodes: readonly NodeId[]): void;
  recovered(process: WatchedProcess, member: ChainfireMember): void;
  /** A step was made. Called before the checkers look at it: one that they reject has been seen. */
  stepped(process: WatchedProcess, step: StepObservation): void;
  ended(process: WatchedProcess): void;
  /** This fault has had an effect. */
  fired(fault: Fault): void;
  /** What the simulator did to the world, in words. */
  noted(what: string): void;
  /** The run is over: what clients had asked and were told by then, and the faults that have had an effect without having fired. */
  over(operations: readonly Operation[], met: readonly FaultInForce[]): void;
}

/** Looks away: for those who want to see a part. */
export class QuietWatcher implements RunWatcher {
  began(_run: { readonly nowUs: number }, _nodes: readonly NodeId[]): void {}
  recovered(_process: WatchedProcess, _member: ChainfireMember): void {}
  stepped(_process: WatchedProcess, _step: StepObservation): void {}
  failed(_process: WatchedProcess, _event: MemberEvent): void {}
  ended(_process: WatchedProcess): void {}
  paused(_process: WatchedProcess): void {}
  resumed(_process: WatchedProcess): void {}
  queued(_process: WatchedProcess, _event: MemberEvent): void {}
  fired(_fault: Fault): void {}
  noted(_what: string): void {}
  over(_operations: readonly Operation[], _met: readonly FaultInForce[]): void {}
  sent(_packet: Packet): void {}
  arriving(_packet: Packet): void {}
  arrived(_packet: Packet): void {}
}
