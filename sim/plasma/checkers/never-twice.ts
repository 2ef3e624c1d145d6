import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { type Execution } from '../hypervisor-types.ts';
import { type PlasmaState } from '../state.ts';

/** A machine that stood still as a whole and goes on is given so long for its watchdog to have its turn. */
const wakingUsMax = 250_000;

/**
 * At most one node executes a virtual machine at any instant, by the true clock (invariant 2).
 *
 * Assumes that the watchdog runs: what began to execute on a node before its watchdog was last down or stood still is not held
 * against it. Not verified either: the first moments of a machine that was frozen as a whole and wakes up past its deadline,
 * before its watchdog has had its turn. What such guests write is refused (`newest-token-writes`).
 */
export class NeverTwice implements PlasmaChecker {
  readonly name = 'never-twice';
  /** By virtual machine, what executes. */
  readonly #executing = new Map<string, Execution[]>();

  onExecution(execution: Execution, state: PlasmaState): void {
    const { vm } = execution.instance;
    const others = this.#executing.get(vm) ?? [];
    this.#executing.set(vm, [...others, execution]);
    this.#judge(vm, state);
  }

  onExecutionEnded({ instance, node }: Execution): void {
    const { vm, pid, startTicks } = instance;
    const left = (this.#executing.get(vm) ?? []).filter(
      (other) =>
        other.node !== node || other.instance.pid !== pid || other.instance.startTicks !== startTicks,
    );
    if (left.length === 0) this.#executing.delete(vm);
    else this.#executing.set(vm, left);
  }

  onLook(state: PlasmaState): void {
    for (const [vm, executions] of this.#executing) if (executions.length > 1) this.#judge(vm, state);
  }

  #judge(vm: string, state: PlasmaState): void {
    const held = (this.#executing.get(vm) ?? []).filter((execution) => isHeldAgainst(execution, state));
    const [first, second] = held;
    if (first === undefined || second === undefined) return;
    const where = held
      .map(({ node, instance, fromUs }) => `on ${node} under token ${instance.fenceToken} since ${fromUs} µs`)
      .join(' and ');
    throw new Violation('never-twice', `${vm} executes ${where}`, 'two execute');
  }
}

function isHeldAgainst({ node, fromUs }: Execution, state: PlasmaState): boolean {
  if (state.unwatchedUs(node) >= fromUs) return false;
  return state.nowUs - state.thawedUs(node) > wakingUsMax;
}
