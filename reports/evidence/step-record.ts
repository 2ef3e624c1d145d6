import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { summary } from '../../sim/trace.ts';
import { type StepNumber, type StepRecord } from './types.ts';

const threw: readonly string[] = ['threw'];

/** A step that keeps what it was given, and makes words of it when asked. What machines are given and give never changes. */
export class KeptStep implements StepRecord {
  readonly atUs: number;
  readonly node: NodeId;
  readonly member?: NodeId;
  readonly boot: number;
  readonly kind: MemberEvent['kind'];
  readonly causes: readonly StepNumber[];
  readonly #event: MemberEvent;
  /** Undefined: the machine threw. */
  readonly #effects: readonly MemberEffect[] | undefined;

  constructor(
    given: {
      readonly atUs: number;
      readonly node: NodeId;
      readonly boot: number;
      readonly member: ChainfireMember;
      readonly event: MemberEvent;
      readonly effects: readonly MemberEffect[] | undefined;
    },
    causes: readonly StepNumber[],
  ) {
    this.atUs = given.atUs;
    this.node = given.node;
    const { id } = given.member.view.raft;
    if (id !== given.node) this.member = id;
    this.boot = given.boot;
    this.kind = given.event.kind;
    this.causes = causes;
    this.#event = given.event;
    this.#effects = given.effects;
  }

  get event(): string {
    return summary(this.#event);
  }

  get effects(): readonly string[] {
    return this.#effects?.map(summary) ?? threw;
  }

  /** Whole: an encoder does not see what is made on demand. */
  toJSON(): StepRecord {
    const { atUs, node, member, boot, kind, event, effects, causes } = this;
    return { atUs, node, ...(member === undefined ? {} : { member }), boot, kind, event, effects, causes };
  }
}
