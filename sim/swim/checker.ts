import { type NodeId } from '../../core/base/ids.ts';
import { type SwimOptions } from '../../core/swim/config.ts';
import { type SwimNode } from '../../core/swim/node.ts';
import { type SwimEffect, type SwimEvent } from '../../core/swim/types.ts';

/** What a checker of gossip sees: everything, after every step of every member. */
export interface SwimChecker {
  readonly name: string;
  /** @throws Violation */
  onStep?(step: SwimStep): void;
  /** Every fault is over, and what may take its time has had it. @throws Violation */
  onEnd?(group: SwimGroup): void;
}

export interface SwimStep {
  readonly nowUs: number;
  readonly process: WatchedSwimProcess;
  /** As the step has left it. */
  readonly machine: SwimNode;
  readonly event: SwimEvent;
  readonly effects: readonly SwimEffect[];
  readonly group: SwimGroup;
}

export interface WatchedSwimProcess {
  readonly node: NodeId;
  readonly name: string;
  readonly boot: number;
  /** Undefined while it is down. */
  readonly machine: SwimNode | undefined;
  /** Since when it is up, or down. */
  readonly sinceUs: number;
}

export interface SwimGroup {
  readonly nowUs: number;
  readonly options: SwimOptions;
  readonly processes: readonly WatchedSwimProcess[];
  /** Whether a fault that is not the loss of single datagrams touched it in this time: it was slow, or not all could reach it. */
  disturbed(node: NodeId, fromUs: number, toUs: number): boolean;
}

export function processNamed(group: SwimGroup, name: string): WatchedSwimProcess | undefined {
  return group.processes.find((process) => process.name === name);
}
