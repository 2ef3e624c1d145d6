import { type NodeId } from '../core/base/ids.ts';
import { type MemberEvent } from '../core/chainfire/member-protocol.ts';
import { type Packet } from './network/network.ts';
import { type Fault, type StepObservation } from './types.ts';

/** What happens on the network. */
export interface NetworkWatcher {
  sent(packet: Packet): void;
  /** It is there. What its receiver makes of it happens before `arrived`; a packet that was doubled comes twice. */
  arriving(packet: Packet): void;
  arrived(packet: Packet): void;
}

/** A process, as far as its watchers need to know it. */
export interface WatchedProcess {
  readonly node: NodeId;
  /** Counts starts, from 1. */
  readonly boot: number;
  /** What its own clock shows. */
  readonly nowUs: number;
}

/** What happens in processes. */
export interface ProcessWatcher {
  /** It will be stepped with this event, unless it ends before. */
  queued(process: WatchedProcess, event: MemberEvent): void;
  /** Its machine threw: nothing came of the event. */
  failed(process: WatchedProcess, event: MemberEvent): void;
  paused(process: WatchedProcess): void;
  resumed(process: WatchedProcess): void;
}

/**
 * Who wants to see all of a run, to show it: more than a checker, and at more cost. Nobody who watches can change what
 * happens, and a run that nobody watches pays a comparison.
 */
export interface RunWatcher extends NetworkWatcher, ProcessWatcher {
  recovered(process: WatchedProcess): void;
  /** A step was made. Called before the checkers look at it: one that they reject has been seen. */
  stepped(process: WatchedProcess, step: StepObservation): void;
  ended(process: WatchedProcess): void;
  /** This fault has had an effect. */
  fired(fault: Fault): void;
  /** What the simulator did to the world, in words. */
  noted(what: string): void;
}
