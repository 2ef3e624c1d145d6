import { type NodeId } from '../../core/base/ids.ts';
import { type CrashMoment, type CrashScope } from '../fault.ts';
import { type FaultedProcess } from '../faults/stage.ts';
import { type SimulatedProcess } from '../process.ts';
import { type ProcessMachine, type ProcessTypes } from '../process-protocol.ts';
import { type PlasmaCloud } from './cloud.ts';
import { type ComputeNode } from './compute-node.ts';

/** Told of a watchdog that runs no more, or again. */
export type WatchdogNews = (node: ComputeNode) => void;

/** Whatever a fault can strike in a cloud, each by its number: processes, watchdogs, and machines as a whole. */
export function targetsOf(
  cloud: PlasmaCloud,
  news: { readonly watchdog: WatchdogNews; readonly thawed: WatchdogNews },
): readonly FaultedProcess[] {
  return [
    ...cloud.chainfire.processes,
    ...cloud.servers.processes,
    cloud.storage.process,
    ...cloud.nodes.map((node) => new ProcessOnNode(node, node.agent, () => undefined)),
    ...cloud.nodes.map((node) => new ProcessOnNode(node, node.watchdog, () => news.watchdog(node))),
    ...cloud.nodes.map((node) => new WholeMachine(node, () => news.thawed(node))),
  ];
}

/** A process of a compute node alone: its machine, and what runs there besides, goes on. */
class ProcessOnNode<M extends ProcessMachine<T>, T extends ProcessTypes> implements FaultedProcess {
  readonly node: NodeId;
  readonly #node: ComputeNode;
  readonly #process: SimulatedProcess<M, T>;
  readonly #changed: () => void;

  constructor(node: ComputeNode, process: SimulatedProcess<M, T>, changed: () => void) {
    this.node = process.node;
    this.#node = node;
    this.#process = process;
    this.#changed = changed;
  }

  get boot(): number {
    return this.#process.boot;
  }

  /** One that stands still with its machine is left alone. */
  get alive(): boolean {
    return this.#process.alive && !this.#node.frozen;
  }

  get paused(): boolean {
    return this.#process.paused;
  }

  /** Without power it starts with its machine. */
  get stopped(): boolean {
    return !this.#node.powered || this.#node.frozen;
  }

  start(): void {
    this.#process.start();
    this.#changed();
  }

  crash(_scope: CrashScope): void {
    this.#process.crash('process');
    this.#changed();
  }

  crashAt(moment: CrashMoment, strike: () => void): () => void {
    return this.#process.crashAt(moment, strike);
  }

  pause(): boolean {
    const paused = !this.#node.frozen && this.#process.pause();
    if (paused) this.#changed();
    return paused;
  }

  resume(): void {
    if (this.#node.frozen) return;
    this.#process.resume();
    this.#changed();
  }

  drift(driftPpm: number): void {
    this.#node.drift(driftPpm);
  }

  jumpWall(): void {}
}

/** A crash is a loss of power, a pause freezes all that is on it. */
class WholeMachine implements FaultedProcess {
  readonly node: NodeId;
  readonly #node: ComputeNode;
  readonly #thawed: () => void;

  constructor(node: ComputeNode, thawed: () => void) {
    this.node = node.machineAddress;
    this.#node = node;
    this.#thawed = thawed;
  }

  get boot(): number {
    return this.#node.boots;
  }

  get alive(): boolean {
    return this.#node.powered;
  }

  get paused(): boolean {
    return this.#node.frozen;
  }

  get stopped(): boolean {
    return false;
  }

  start(): void {
    this.#node.powerOn();
  }

  crash(_scope: CrashScope): void {
    this.#node.powerOff();
  }

  crashAt(): () => void {
    return () => undefined;
  }

  pause(): boolean {
    return this.#node.freeze();
  }

  resume(): void {
    if (!this.#node.frozen) return;
    this.#thawed();
    this.#node.thaw();
    for (const process of [this.#node.agent, this.#node.watchdog]) if (!process.alive) process.start();
  }

  drift(driftPpm: number): void {
    this.#node.drift(driftPpm);
  }

  jumpWall(): void {}
}
