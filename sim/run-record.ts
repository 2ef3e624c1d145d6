import { type NodeId } from '../core/base/ids.ts';
import { type ChainfireMember } from '../core/chainfire/member.ts';
import { type MemberEvent } from '../core/chainfire/member-protocol.ts';
import { Coverage } from './coverage.ts';
import { type MemberProcess } from './cluster.ts';
import { type DiskFailure } from './disk/failure.ts';
import { StepRecord } from './step-record.ts';
import { failedStepLine, type TraceSink } from './trace.ts';
import { type StepObservation } from './types.ts';
import { type RunWatcher } from './watcher.ts';
import { type World } from './world.ts';

/** What a run leaves behind of all that happens in it, whichever cluster it happens to. */
export class RunRecord {
  readonly coverage = new Coverage();
  readonly watcher: RunWatcher | undefined;
  readonly #world: World;
  readonly #trace: TraceSink | undefined;
  readonly #record: StepRecord;

  constructor(
    world: World,
    options: { readonly trace?: TraceSink | undefined; readonly watcher?: RunWatcher | undefined },
  ) {
    this.#world = world;
    this.#trace = options.trace;
    this.#record = new StepRecord(world, options.trace);
    this.watcher = options.watcher;
  }

  /** See `StepRecord`. */
  get hash(): string {
    return this.#record.hash.digest();
  }

  /** Steps that members have made. */
  get steps(): number {
    return this.#record.steps;
  }

  /** Something happened to the world: for those who read the trace. */
  line(what: string): void {
    this.#record.line(what);
  }

  /** The simulator did something to the world. */
  noted(what: string): void {
    this.line(what);
    this.watcher?.noted(what);
  }

  recovered(process: MemberProcess, member: ChainfireMember): void {
    this.#record.began(process.node);
    this.line(`n${process.node} recovered, boot ${process.boot}`);
    this.watcher?.recovered(process, member);
  }

  /** @param where the member's name in the trace: its id, or its address where another cluster has members of that id */
  stepped(process: MemberProcess, step: StepObservation, where = step.node): void {
    const { event, effects, member } = step;
    this.#record.stepped(process.node, event, effects, where);
    this.coverage.step(event, effects, member);
    this.watcher?.stepped(process, step);
  }

  /** A step that nothing came of, for those who read the trace. */
  stepFailed(node: NodeId, event: MemberEvent, failure: DiskFailure): void {
    if (this.#trace !== undefined)
      this.#trace(failedStepLine({ nowUs: this.#world.nowUs, node, event }, failure));
  }
}
