import { assert, present } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type MemberProcess } from '../../sim/cluster.ts';
import { Run } from '../../sim/run.ts';
import { type Scenario } from '../../sim/types.ts';
import { type WatchedProcess } from '../../sim/process-watcher.ts';
import { QuietWatcher } from '../../sim/watcher.ts';
import { processState } from './node-state.ts';
import { type NodeState, type StepNumber } from './types.ts';

/**
 * Steps before the one that is wanted whose states are kept too, so that going back by one is not a run from the start: the
 * more, the longer that run is.
 */
const backMin = 32;
const backMax = 400;
const backShare = 100;
/** Steps whose states are held; more than one look back takes. */
const heldMax = 1_024;

/**
 * Each node's state after any step of a run, by running the same machines again. A live run is held at the newest step that
 * was asked for, and goes on from there; what lies before it is run anew, a little earlier than needed, since who goes back
 * by one step goes back by more.
 */
export class Inspector {
  readonly #scenario: Scenario;
  readonly #seed: number;
  /** Newest last. */
  readonly #held = new Map<StepNumber, readonly NodeState[]>();
  #run: Run;
  #eye: Eye;

  constructor(scenario: Scenario, seed: number) {
    this.#scenario = scenario;
    this.#seed = seed;
    this.#eye = new Eye(this.#held);
    this.#run = this.#newRun();
  }

  /**
   * Every node after this step, by id.
   *
   * @throws RangeError when the run has no such step
   */
  at(step: StepNumber): readonly NodeState[] {
    assert(Number.isSafeInteger(step) && step >= 0, 'steps are counted from 0');
    const held = this.#held.get(step);
    if (held !== undefined) return held;
    if (this.#eye.next > step) this.#run = this.#newRun();
    const back = Math.min(backMax, Math.max(backMin, Math.floor(step / backShare)));
    this.#eye.from = Math.max(this.#eye.next, step - back);
    this.#run.advance(step + 1);
    this.#trim();
    const states = this.#held.get(step);
    if (states === undefined) {
      throw new RangeError(`step ${step}: the run has steps 0 to ${this.#eye.next - 1}`);
    }
    return states;
  }

  /** Without checkers: up to the step at which one of them would object, the run is the same, and faster. */
  #newRun(): Run {
    this.#eye = new Eye(this.#held);
    const run = new Run(this.#scenario, this.#seed, {
      checkers: [],
      restoredCheckers: [],
      watcher: this.#eye,
    });
    this.#eye.run = run;
    return run;
  }

  #trim(): void {
    for (const step of this.#held.keys()) {
      if (this.#held.size <= heldMax) return;
      this.#held.delete(step);
    }
  }
}

/** Every node after one step; for many steps of one run an Inspector is far cheaper. */
export function inspectAt(scenario: Scenario, seed: number, step: StepNumber): readonly NodeState[] {
  return new Inspector(scenario, seed).at(step);
}

/** Takes the states down after every step from one on. */
class Eye extends QuietWatcher {
  readonly #held: Map<StepNumber, readonly NodeState[]>;
  run: Run | undefined;
  from: StepNumber = Infinity;
  /** Number of the step that comes next. */
  next: StepNumber = 0;
  #before: Seen | undefined;

  constructor(held: Map<StepNumber, readonly NodeState[]>) {
    super();
    this.#held = held;
  }

  override stepped(process: WatchedProcess): void {
    this.#look(process);
  }

  /** The machine threw in the midst of it: what it had done by then shows. */
  override failed(process: WatchedProcess): void {
    this.#look(process);
  }

  #look({ node }: WatchedProcess): void {
    const step = this.next;
    this.next += 1;
    if (step < this.from || this.run === undefined) return;
    const { processes, nowUs } = this.run;
    const before = this.#before;
    // In one turn of a process nothing happens anywhere else.
    const sameTurn = before?.node === node && before.atUs === nowUs && before.step === step - 1;
    const states = processes.map((process, position) =>
      sameTurn && process.node !== node ? before.states[position] : undefined,
    );
    const seen = states.map((state, position) => state ?? stateOf(processes, position));
    this.#before = { node, atUs: nowUs, step, states: seen };
    this.#held.delete(step);
    this.#held.set(step, seen);
  }
}

interface Seen {
  readonly node: NodeId;
  readonly atUs: number;
  readonly step: StepNumber;
  readonly states: readonly NodeState[];
}

function stateOf(processes: readonly MemberProcess[], position: number): NodeState {
  return processState(present(processes[position], 'positions are those of processes'));
}
