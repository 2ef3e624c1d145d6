import { type Prng } from '../../core/base/prng.ts';
import { type Hypervisor } from '../../core/plasma/hypervisor.ts';
import { type FenceToken, type InstanceId, type NodeName, type VmId } from '../../core/plasma/types.ts';
import { type World } from '../world.ts';
import { AgentPort } from './agent-port.ts';
import { type GuestWatch } from './guest-process.ts';
import { type ImageSupply } from './image-fetches.ts';
import { type NodeImageFiles } from './node-images.ts';
import { endOfGuest } from './hypervisor-acts.ts';
import {
  type ActFault,
  type EndedProcess,
  type Execution,
  type GuestDeed,
  type GuestWrite,
  type SimulatedInstance,
  type SimulatedMachine,
} from './hypervisor-types.ts';
import { MachineState, type Waiting } from './machine-state.ts';

export interface SimulatedHypervisorsOptions {
  readonly world: World;
  readonly prng: Prng;
  /** The write may be refused, late or lost: that is for whoever serves the disk. */
  readonly write: (write: GuestWrite) => void;
  /** Whether bytes of a migration get from one node to the other now. Default: always. */
  readonly reaches?: (from: NodeName, to: NodeName) => boolean;
  /** Told when an instance begins and ceases to execute, by the true clock. */
  readonly executionBegan?: (execution: Execution) => void;
  readonly executionEnded?: (execution: Execution) => void;
  /** Told of each process that is no more. */
  readonly processEnded?: (ended: EndedProcess) => void;
  /** Default 100,000. */
  readonly guestTickUs?: number;
  /** One in so many requests to shut down is heard by no guest; 0: all are heard. Default 10. */
  readonly deafOneIn?: number;
  /** Who serves images to a node. Default: every image is there when it is needed. */
  readonly imageSupply?: (node: NodeName) => ImageSupply;
}

const nothing = (): void => undefined;

/** The machines under all nodes of a simulated cloud: they outlive the agents on them, and know what executes where. */
export class SimulatedHypervisors {
  readonly #options: SimulatedHypervisorsOptions;
  readonly #watch: GuestWatch;
  readonly #machines = new Map<NodeName, Machine>();

  constructor(options: SimulatedHypervisorsOptions) {
    this.#options = options;
    this.#watch = {
      write: options.write,
      executionBegan: options.executionBegan ?? nothing,
      executionEnded: options.executionEnded ?? nothing,
      processEnded: options.processEnded ?? nothing,
    };
  }

  /** The machine of this name; made when first asked for. */
  machine(node: NodeName): SimulatedMachine {
    const there = this.#machines.get(node);
    if (there !== undefined) return there;
    const { world, prng, guestTickUs = 100_000, deafOneIn = 10 } = this.#options;
    const state = new MachineState({
      world,
      prng: prng.fork(`machine ${node}`),
      node,
      guestTickUs,
      deafOneIn,
      watch: this.#watch,
      reach: (from, uri) => {
        const waiting = this.#reach(from, uri);
        return waiting?.machine.frozen === true ? undefined : waiting;
      },
      reachInTime: (from, uri) => this.#reach(from, uri),
      imageSupply: this.#options.imageSupply?.(node),
    });
    const made = new Machine(state);
    this.#machines.set(node, made);
    return made;
  }

  /** Everything that executes now, by the true clock. A frozen machine's guests do not. */
  executing(): readonly Execution[] {
    return [...this.#machines.values()].flatMap(({ state }) =>
      state.processes.flatMap(({ execution }) => (execution === undefined ? [] : [execution])),
    );
  }

  #reach(from: NodeName, uri: string): Waiting | undefined {
    for (const [node, { state }] of this.#machines) {
      const process = state.processes.find(({ incomingUri }) => incomingUri === uri);
      if (process === undefined) continue;
      const reaches = this.#options.reaches ?? (() => true);
      return reaches(from, node) ? { machine: state, process } : undefined;
    }
    return undefined;
  }
}

class Machine implements SimulatedMachine {
  readonly state: MachineState;
  readonly #faults: ActFault[] = [];
  #port: AgentPort | undefined;

  constructor(state: MachineState) {
    this.state = state;
  }

  get instances(): readonly SimulatedInstance[] {
    return this.state.processes;
  }

  get images(): NodeImageFiles {
    return this.state.images;
  }

  snapshotsOf(vm: VmId, fenceToken: FenceToken): readonly string[] {
    const files = [...this.state.files.values()].find(
      (one) => one.vm === vm && one.fenceToken === fenceToken,
    );
    return [...(files?.snapshots.keys() ?? [])];
  }

  get fetching(): boolean {
    return this.state.fetches.underWay;
  }

  hypervisor(): Hypervisor {
    this.agentDied();
    this.#port = new AgentPort(this.state, this.#faults);
    this.state.listener = this.#port;
    return this.#port;
  }

  agentDied(): void {
    this.#port?.close();
    this.#port = undefined;
    this.state.fetches.agentDied();
  }

  freeze(): void {
    this.state.freeze();
  }

  thaw(): void {
    this.state.thaw();
  }

  powerOff(): void {
    this.agentDied();
    this.state.powerOff();
  }

  freezeInstance(instance: InstanceId): void {
    const process = this.state.find(instance);
    if (process !== undefined) this.state.freezeInstance(process);
  }

  thawInstance(instance: InstanceId): void {
    this.state.find(instance)?.thaw();
  }

  killProcess(pid: number, startTicks: number): boolean {
    const process = this.state.processes.find(
      ({ instance }) => instance.pid === pid && instance.startTicks === startTicks,
    );
    if (process === undefined) return false;
    this.state.end(process, 'process-died');
    return true;
  }

  guest(instance: InstanceId, does: GuestDeed): void {
    const process = this.state.find(instance);
    if (process?.executing !== true) return;
    if (does === 'shutdown' || does === 'panic') process.deed = does;
    process.does(does);
    if (does === 'shutdown') endOfGuest(this.state, process);
    if (does === 'panic')
      this.state.later(this.state.delayUs(1_000, 10_000), () => this.state.listener?.panicked(process));
  }

  processDies(instance: InstanceId): void {
    const process = this.state.find(instance);
    if (process === undefined) return;
    process.deed = 'die';
    this.state.end(process, 'process-died');
  }

  fault(fault: ActFault): void {
    this.#faults.push(fault);
  }
}
