import { assert } from '../../core/base/assert.ts';
import { type FoundInstance } from '../../core/plasma/hypervisor.ts';
import { type EndCause, type InstanceId, type NodeName, type VmSpec } from '../../core/plasma/types.ts';
import { type World } from '../world.ts';
import {
  type EndedProcess,
  type Execution,
  type GuestDeed,
  type GuestWrite,
  type OwnEndDeed,
  type SimulatedInstance,
} from './hypervisor-types.ts';

/** What a process tells those who look at it from outside of the simulated world. */
export interface GuestWatch {
  readonly write: (write: GuestWrite) => void;
  readonly executionBegan: (execution: Execution) => void;
  readonly executionEnded: (execution: Execution) => void;
  readonly processEnded: (ended: EndedProcess) => void;
}

/** On its way to another machine. */
export interface OutgoingMigration {
  readonly uri: string;
  /** Whether the guest ran before: it runs again if nothing comes of it. */
  readonly wasRunning: boolean;
  /** `sending`: the guest runs. `stopped`: it stands, until it is handed over or taken back. */
  phase: 'sending' | 'stopped';
}

export interface GuestProcessOptions {
  readonly world: World;
  readonly node: NodeName;
  readonly instance: InstanceId;
  readonly spec: VmSpec;
  readonly exports: Readonly<Record<string, string>>;
  readonly incomingUri: string | undefined;
  readonly tickUs: number;
  readonly watch: GuestWatch;
}

/** A hypervisor's process and the guest in it. Its guest executes while it is let run and nothing above it is frozen. */
export class GuestProcess implements SimulatedInstance {
  readonly instance: InstanceId;
  readonly spec: VmSpec;
  /** Where its shared disks are served, by name. */
  readonly exports: Map<string, string>;
  /** Where it waits for its state; undefined once it has it. */
  incomingUri: string | undefined;
  migration: OutgoingMigration | undefined;
  /** Once set, never unset: its guest never executes again. */
  handedOver = false;
  /** Whether its guest runs once the state is here. */
  runsOnArrival = false;
  ended: EndCause | undefined;
  /** The guest's end, which waits for an agent that notes it. */
  shutDown = false;
  panicked = false;
  deed: OwnEndDeed | undefined;
  tick = 0;
  #hung = false;
  #running = false;
  #frozen = false;
  #machineFrozen = false;
  #execution: Execution | undefined;
  readonly #options: GuestProcessOptions;
  /** Run once it is frozen no more. */
  readonly #afterThaw: (() => void)[] = [];

  constructor(options: GuestProcessOptions) {
    this.#options = options;
    this.instance = options.instance;
    this.spec = options.spec;
    this.exports = new Map(Object.entries(options.exports));
    this.incomingUri = options.incomingUri;
  }

  get executing(): boolean {
    return this.#execution !== undefined;
  }

  get execution(): Execution | undefined {
    return this.#execution;
  }

  get running(): boolean {
    return this.#running;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  get hung(): boolean {
    return this.#hung;
  }

  get state(): FoundInstance['state'] {
    if (this.#frozen) return 'unresponsive';
    if (this.incomingUri !== undefined) return 'incoming';
    if (this.handedOver || this.migration?.phase === 'stopped') return 'handing-over';
    return this.#running ? 'running' : 'paused';
  }

  run(): void {
    assert(!this.handedOver, 'what has handed over never runs its guest again');
    this.#running = true;
    this.#update();
  }

  stand(): void {
    this.#running = false;
    this.#update();
  }

  freeze(): void {
    this.#frozen = true;
    this.#update();
  }

  thaw(): void {
    this.#frozen = false;
    this.#update();
    for (const go of this.#afterThaw.splice(0)) go();
  }

  machineFroze(): void {
    this.#machineFrozen = true;
    this.#update();
  }

  machineThawed(): void {
    this.#machineFrozen = false;
    this.#update();
  }

  /** When the process itself does something: at once, or when it is frozen no more, or never if it ends before. */
  whenAwake(go: () => void): void {
    if (this.ended !== undefined) return;
    if (this.#frozen) this.#afterThaw.push(() => this.whenAwake(go));
    else go();
  }

  /** Nothing of it executes any more, ever. */
  end(cause: EndCause): void {
    if (this.ended !== undefined) return;
    this.ended = cause;
    this.#running = false;
    this.#afterThaw.length = 0;
    this.#update();
    const { node, watch } = this.#options;
    watch.processEnded({ node, instance: this.instance, cause, deed: this.deed });
  }

  does(deed: GuestDeed): void {
    switch (deed) {
      case 'hang':
        this.#hung = true;
        return;
      case 'reset':
        this.#hung = false;
        return;
      case 'panic':
        this.panicked = true;
        this.stand();
        return;
      case 'shutdown':
        this.shutDown = true;
        this.stand();
    }
  }

  #update(): void {
    const executes = this.#running && !this.#frozen && !this.#machineFrozen && this.ended === undefined;
    if (executes === (this.#execution !== undefined)) return;
    const { world, node, watch } = this.#options;
    if (executes) {
      const execution = { node, instance: this.instance, fromUs: world.nowUs, toUs: undefined };
      this.#execution = execution;
      watch.executionBegan(execution);
      this.#tickLater(execution);
      return;
    }
    const ended = { ...(this.#execution as Execution), toUs: world.nowUs };
    this.#execution = undefined;
    watch.executionEnded(ended);
  }

  #tickLater(execution: Execution): void {
    const { world, node, watch, tickUs } = this.#options;
    world.after(tickUs, () => {
      if (this.#execution !== execution) return;
      if (!this.#hung) {
        this.tick += 1;
        for (const [disk, exportUri] of this.exports)
          watch.write({ node, instance: this.instance, disk, exportUri, tick: this.tick });
      }
      this.#tickLater(execution);
    });
  }
}

export function sameInstance(left: InstanceId, right: InstanceId): boolean {
  return (
    left.pid === right.pid &&
    left.startTicks === right.startTicks &&
    left.vm === right.vm &&
    left.fenceToken === right.fenceToken
  );
}
