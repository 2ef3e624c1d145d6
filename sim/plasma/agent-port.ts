import {
  actsWaitingMax,
  type Hypervisor,
  type HypervisorAct,
  type HypervisorReport,
} from '../../core/plasma/hypervisor.ts';
import { type InstanceId } from '../../core/plasma/types.ts';
import { sameInstance, type GuestProcess } from './guest-process.ts';
import { carryOut, type Outcome } from './hypervisor-acts.ts';
import { type ActFault } from './hypervisor-types.ts';
import { type MachineListener, type MachineState } from './machine-state.ts';

/** A hung act is answered after this, or once its virtual machine is gone. */
const hangUsMax = 60_000_000;
/** Acts on the machine as a whole go one after the other, too. */
const wholeMachine = '';

/** The port as one life of an agent holds it: what waits is gone with it, what was begun on the machine is not. */
export class AgentPort implements Hypervisor, MachineListener {
  onReport: (report: HypervisorReport) => void = () => undefined;
  readonly #machine: MachineState;
  readonly #faults: ActFault[];
  /** What waits for its turn, by virtual machine; the first is under way. */
  readonly #waiting = new Map<string, HypervisorAct[]>();
  /** Instances whose end is told. */
  #known: readonly InstanceId[] = [];
  #closed = false;

  constructor(machine: MachineState, faults: ActFault[]) {
    this.#machine = machine;
    this.#faults = faults;
  }

  act(act: HypervisorAct): void {
    if (this.#closed) return;
    if ('instance' in act) this.#knows(act.instance);
    if (act.kind === 'kill') this.#strike(act.instance);
    const vm = vmOf(act);
    const queue = this.#waiting.get(vm) ?? [];
    if (queue.length > actsWaitingMax) {
      const message = `more than ${actsWaitingMax} acts wait for ${vm}`;
      this.#soon(() => this.onReport({ kind: 'failed', actId: act.actId, message }));
      return;
    }
    this.#waiting.set(vm, [...queue, act]);
    if (queue.length === 0) this.#begin(vm, act);
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    if (this.#machine.listener === this) this.#machine.listener = undefined;
  }

  knows({ instance }: GuestProcess): boolean {
    return !this.#closed && this.#isKnown(instance);
  }

  ended({ instance, ended }: GuestProcess): void {
    if (this.#closed || ended === undefined || !this.#isKnown(instance)) return;
    this.#known = this.#known.filter((known) => !sameInstance(known, instance));
    this.onReport({ kind: 'exited', instance, cause: ended });
  }

  arrived({ instance }: GuestProcess): void {
    this.#tell(instance, { kind: 'arrived', instance });
  }

  stopped({ instance }: GuestProcess): void {
    this.#tell(instance, { kind: 'stoppedBeforeHandOver', instance });
  }

  migrationFailed({ instance }: GuestProcess, message: string): void {
    this.#tell(instance, { kind: 'migrationFailed', instance, message });
  }

  silent({ instance }: GuestProcess): void {
    this.#tell(instance, { kind: 'unresponsive', instance });
  }

  panicked({ instance }: GuestProcess): void {
    this.#tell(instance, { kind: 'guestPanicked', instance });
  }

  #tell(instance: InstanceId, report: HypervisorReport): void {
    if (!this.#closed && this.#isKnown(instance)) this.onReport(report);
  }

  #begin(vm: string, act: HypervisorAct): void {
    const at = this.#faults.findIndex((fault) => fault.act === act.kind);
    const [fault] = at < 0 ? [] : this.#faults.splice(at, 1);
    const answer = (outcome: Outcome): void => this.#answer(vm, act, outcome);
    if (fault === undefined) {
      carryOut(act, { machine: this.#machine, lives: () => !this.#closed, answer });
      return;
    }
    const failed = { kind: 'failed', message: `simulated: ${act.kind} ${fault.kind}` } as const;
    if (fault.kind === 'fail') this.#soon(() => answer(failed));
    else this.#hang(act, () => answer(failed), hangUsMax);
  }

  #hang(act: HypervisorAct, answer: () => void, leftUs: number): void {
    const stepUs = 500_000;
    const over = leftUs <= 0 || ('instance' in act && this.#machine.find(act.instance) === undefined);
    this.#machine.later(over ? 1_000 : stepUs, () => {
      if (over) answer();
      else this.#hang(act, answer, leftUs - stepUs);
    });
  }

  /** The turn of the next. */
  #answer(vm: string, act: HypervisorAct, outcome: Outcome): void {
    if (this.#closed) return;
    this.#remember(outcome);
    const [, ...rest] = this.#waiting.get(vm) ?? [];
    if (rest.length === 0) this.#waiting.delete(vm);
    else this.#waiting.set(vm, rest);
    this.onReport(reported(act.actId, outcome));
    const [next] = rest;
    if (next !== undefined && !this.#closed) this.#begin(vm, next);
  }

  #remember(outcome: Outcome): void {
    if (outcome.kind === 'launched') this.#knows(outcome.instance);
    if (outcome.kind === 'inventoried') for (const { instance } of outcome.instances) this.#knows(instance);
  }

  /** A kill needs nobody's answer: it waits for nothing that was begun before. */
  #strike(instance: InstanceId): void {
    this.#machine.later(this.#machine.delayUs(100, 3_000), () => {
      const process = this.#machine.find(instance);
      if (process !== undefined) this.#machine.end(process, process.panicked ? 'guest-panic' : 'killed');
    });
  }

  #knows(instance: InstanceId): void {
    if (!this.#isKnown(instance) && this.#machine.find(instance) !== undefined)
      this.#known = [...this.#known, instance];
  }

  #isKnown(instance: InstanceId): boolean {
    return this.#known.some((known) => sameInstance(known, instance));
  }

  #soon(go: () => void): void {
    this.#machine.later(this.#machine.delayUs(100, 5_000), () => {
      if (!this.#closed) go();
    });
  }
}

function vmOf(act: HypervisorAct): string {
  if (act.kind === 'inventory') return wholeMachine;
  return 'instance' in act ? act.instance.vm : act.vm;
}

function reported(actId: number, outcome: Outcome): HypervisorReport {
  switch (outcome.kind) {
    case 'done':
      return { kind: 'done', actId };
    case 'failed':
      return { kind: 'failed', actId, message: outcome.message };
    case 'launched':
      return { kind: 'launched', actId, instance: outcome.instance, incomingUri: outcome.incomingUri };
    case 'inventoried': {
      const { instances, files, images } = outcome;
      return { kind: 'inventoried', actId, instances, files, images };
    }
  }
}
