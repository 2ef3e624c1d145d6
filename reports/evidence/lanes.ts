import { assert } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { type Change, type NodeLanes, type StepNumber } from './types.ts';

/** A clock that drifts moves with every step; it is drawn when it has moved by so much. */
const clockGrainUs = 1_000;

/** One line of a lane: a value from each change on. */
class Line<T> {
  #changes: Change<T>[] = [];

  get changes(): readonly Change<T>[] {
    return this.#changes;
  }

  get value(): T | undefined {
    return this.#changes.at(-1)?.value;
  }

  set(atUs: number, step: StepNumber, value: T): void {
    const last = this.#changes.at(-1);
    if (last?.value === value) return;
    // Two changes at one step are one; back to what was before is none.
    if (last?.step === step && last.atUs === atUs) {
      this.#changes.pop();
      if (this.#changes.at(-1)?.value === value) return;
    }
    this.#changes.push({ atUs, step, value });
  }

  /** What it was before this step is not needed, but for the value that stood then. */
  forget(before: StepNumber): void {
    const kept = this.#changes.findIndex(({ step }) => step > before);
    const from = kept === -1 ? this.#changes.length - 1 : kept - 1;
    if (from > 0) this.#changes = this.#changes.slice(from);
  }
}

interface Booted {
  readonly atUs: number;
  readonly step: StepNumber;
  readonly boot: number;
  readonly member: ChainfireMember;
  readonly nodeUs?: number;
}

interface Stepped {
  readonly atUs: number;
  readonly event: MemberEvent;
  readonly effects: readonly MemberEffect[] | undefined;
  readonly member: ChainfireMember;
  readonly nodeUs?: number;
}

/**
 * What changes on one node, as its steps show it. Bytes of the log are counted from the first start on, as the process was
 * told of them: at a start, what was not reported as durable counts as gone.
 */
export class LaneRecorder {
  readonly #role = new Line<NodeLanes['role'][number]['value']>();
  readonly #term = new Line<number>();
  readonly #commitIndex = new Line<number>();
  readonly #appliedIndex = new Line<number>();
  readonly #clockOffsetUs = new Line<number>();
  readonly #appendedBytes = new Line<number>();
  readonly #durableBytes = new Line<number>();
  #boot = 0;
  /** Who lives here: another brings empty disks. */
  #member: NodeId | undefined;
  #lastStep: StepNumber | undefined;
  /** What the world's clock and the node's showed at its start. */
  #startUs = 0;
  #startNodeUs = 0;
  #appended = 0;
  #durable = 0;
  /** Appends that are not known to be durable, oldest first: the sync number and all bytes up to it. */
  #pending: { readonly syncSeq: number; readonly bytes: number }[] = [];

  constructor() {
    this.#role.set(0, 0, 'down');
  }

  /** 0: it has not started. */
  get boot(): number {
    return this.#boot;
  }

  /** Of this boot; undefined: none yet. */
  get lastStep(): StepNumber | undefined {
    return this.#lastStep;
  }

  get lanes(): NodeLanes {
    return {
      role: this.#role.changes,
      term: this.#term.changes,
      commitIndex: this.#commitIndex.changes,
      appliedIndex: this.#appliedIndex.changes,
      clockOffsetUs: this.#clockOffsetUs.changes,
      appendedBytes: this.#appendedBytes.changes,
      durableBytes: this.#durableBytes.changes,
    };
  }

  booted(start: Booted): void {
    assert(start.boot > this.#boot, 'starts are counted');
    this.#boot = start.boot;
    this.#lastStep = undefined;
    this.#startUs = start.atUs;
    this.#startNodeUs = start.nodeUs ?? start.atUs;
    this.#pending = [];
    const { id } = start.member.view.raft;
    if (id !== this.#member) this.#durable = 0;
    this.#member = id;
    this.#appended = this.#durable;
    this.#look(start, start.step);
  }

  stepped(given: Stepped, step: StepNumber): void {
    this.#lastStep = step;
    const { event } = given;
    if (event.kind === 'synced') this.#synced(event.syncSeq);
    for (const effect of given.effects ?? []) {
      if (effect.kind !== 'persist') continue;
      for (const { bytes } of effect.appends) this.#appended += bytes.length;
      this.#pending.push({ syncSeq: effect.syncSeq, bytes: this.#appended });
    }
    this.#look(given, step);
  }

  ended(atUs: number, step: StepNumber): void {
    this.#role.set(atUs, step, 'down');
  }

  paused(atUs: number, step: StepNumber): void {
    this.#role.set(atUs, step, 'paused');
  }

  resumed(atUs: number, step: StepNumber): void {
    const before = this.#role.changes.findLast(({ value }) => value !== 'paused');
    if (before !== undefined) this.#role.set(atUs, step, before.value);
  }

  forget(before: StepNumber): void {
    this.#role.forget(before);
    this.#term.forget(before);
    this.#commitIndex.forget(before);
    this.#appliedIndex.forget(before);
    this.#clockOffsetUs.forget(before);
    this.#appendedBytes.forget(before);
    this.#durableBytes.forget(before);
  }

  #look({ atUs, member, nodeUs }: Pick<Stepped, 'atUs' | 'member' | 'nodeUs'>, step: StepNumber): void {
    const { raft, appliedIndex } = member.view;
    this.#role.set(atUs, step, raft.role);
    this.#term.set(atUs, step, raft.term);
    this.#commitIndex.set(atUs, step, raft.commitIndex);
    this.#appliedIndex.set(atUs, step, appliedIndex);
    this.#appendedBytes.set(atUs, step, this.#appended);
    this.#durableBytes.set(atUs, step, this.#durable);
    if (nodeUs === undefined) return;
    const offsetUs = nodeUs - this.#startNodeUs - (atUs - this.#startUs);
    const shown = this.#clockOffsetUs.value;
    if (shown === undefined || Math.abs(offsetUs - shown) >= clockGrainUs) {
      this.#clockOffsetUs.set(atUs, step, offsetUs);
    }
  }

  #synced(syncSeq: number): void {
    let covered = 0;
    for (const pending of this.#pending) {
      if (pending.syncSeq > syncSeq) break;
      this.#durable = pending.bytes;
      covered += 1;
    }
    if (covered > 0) this.#pending = this.#pending.slice(covered);
  }
}
