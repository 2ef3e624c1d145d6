import { type NodeId } from '../core/base/ids.ts';
import { RollingHash } from '../core/base/rolling-hash.ts';
import { stepLine, type TracedStep, type TraceSink, worldLine } from './trace.ts';
import { type World } from './world.ts';

/** What any run leaves behind of the steps in it, whichever machines make them: a hash, their number, and a trace. */
export class StepRecord {
  readonly hash = new RollingHash();
  readonly #world: World;
  readonly #trace: TraceSink | undefined;
  readonly #lineOf: (step: TracedStep) => string;
  #steps = 0;

  /** @param lineOf says in the trace what a step was */
  constructor(world: World, trace: TraceSink | undefined, lineOf = stepLine) {
    this.#world = world;
    this.#trace = trace;
    this.#lineOf = lineOf;
  }

  get steps(): number {
    return this.#steps;
  }

  /** Something happened to the world: for those who read the trace. */
  line(what: string): void {
    this.#trace?.(worldLine(this.#world.nowUs, what));
  }

  /** A machine was built. */
  began(node: NodeId): void {
    this.hash.number(this.#world.nowUs);
    this.hash.number(node);
  }

  /** @param where the name of who has stepped, in the trace */
  stepped(
    node: NodeId,
    event: TracedStep['event'],
    effects: TracedStep['effects'],
    where: NodeId = node,
  ): void {
    const { nowUs } = this.#world;
    this.#steps += 1;
    this.hash.number(nowUs);
    this.hash.number(node);
    this.hash.value(event);
    this.hash.value(effects);
    this.#trace?.(this.#lineOf({ nowUs, node: where, event, effects }));
  }
}
