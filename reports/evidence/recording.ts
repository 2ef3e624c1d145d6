import { assert } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { usPerSecond } from '../../core/base/units.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { type RunResult } from '../../sim/types.ts';
import { type BuilderOptions, EvidenceBuilder } from './builder.ts';
import { type MemberDisks, memberState } from './node-state.ts';
import { type NodeState, type RunEvidence } from './types.ts';

export interface RecordingOptions extends BuilderOptions {
  readonly node: NodeId;
  /** Of the newest steps so many are kept with the node's state after them. */
  readonly statesMax?: number;
}

export interface RecordedStep {
  /** Counts the process's starts; never less than before. */
  readonly boot: number;
  /** By the process's own clock, which begins anew with each boot. */
  readonly atUs: number;
  readonly event: MemberEvent;
  readonly effects: readonly MemberEffect[];
  /** As it is after the step. */
  readonly member: ChainfireMember;
  readonly disks?: MemberDisks;
}

export interface RecordingEnd {
  /** What stands where a run has its scenario's name. */
  readonly name: string;
  /** Of all effects, as far as the replay came. */
  readonly hash: string;
  /** Where the replay did not do what was recorded; undefined: it did. */
  readonly difference: string | undefined;
}

/** A state comes to a few kilobytes in a page. */
const statesMaxDefault = 1_000;
/** Nobody has recorded how long a process was gone: it is drawn as this. */
const goneUs = usPerSecond;

/** The evidence of what one real process did, as the replay of its recording goes on. */
export class RecordingEvidence {
  readonly #node: NodeId;
  readonly #statesMax: number;
  readonly #builder: EvidenceBuilder;
  #states: NodeState[] = [];
  #boot = 0;
  /** What is added to the process's clock, so that times go on from boot to boot. */
  #offsetUs = 0;
  #atUs = 0;
  #steps = 0;
  #leaderships = 0;
  #wasLeader = false;

  constructor(options: RecordingOptions) {
    this.#node = options.node;
    this.#statesMax = options.statesMax ?? statesMaxDefault;
    assert(Number.isSafeInteger(this.#statesMax) && this.#statesMax >= 0, 'states are counted');
    this.#builder = new EvidenceBuilder(options);
    this.#builder.begin([options.node]);
  }

  step(step: RecordedStep): void {
    const { boot, event, effects, member } = step;
    const node = this.#node;
    if (boot !== this.#boot) this.#began(step);
    this.#atUs = step.atUs + this.#offsetUs;
    this.#builder.step({ atUs: this.#atUs, node, boot, event, effects, member });
    this.#steps += 1;
    const leads = member.view.raft.role === 'leader';
    if (leads && !this.#wasLeader) this.#leaderships += 1;
    this.#wasLeader = leads;
    if (this.#statesMax === 0) return;
    this.#states.push(memberState(node, member, step.disks));
    if (this.#states.length >= 2 * this.#statesMax) this.#states = this.#states.slice(-this.#statesMax);
  }

  /** Something that is no step: a gap, a damaged segment. */
  note(text: string): void {
    this.#builder.note(this.#atUs, this.#node, text);
  }

  finish(end: RecordingEnd): { readonly evidence: RunEvidence; readonly states: readonly NodeState[] } {
    const violation =
      end.difference === undefined
        ? undefined
        : {
            invariant: 'replay',
            site: 'replay',
            detail: `replay: ${end.difference}`,
            atUs: this.#atUs,
          };
    const states = this.#statesMax === 0 ? [] : this.#states.slice(-this.#statesMax);
    return { evidence: this.#builder.finish({ result: this.#result(end, violation) }), states };
  }

  #began({ boot, atUs, member }: RecordedStep): void {
    assert(boot > this.#boot, 'boots come in their order');
    const beginUs = this.#boot === 0 ? 0 : this.#atUs + goneUs;
    if (this.#boot !== 0) this.#builder.ended(this.#node, this.#atUs);
    this.#boot = boot;
    this.#offsetUs = beginUs - atUs;
    this.#wasLeader = false;
    this.#builder.booted({ atUs: beginUs, node: this.#node, boot, member });
    this.#builder.note(beginUs, this.#node, `n${this.#node} starts, boot ${boot}`);
  }

  /** Clients are others' business here, and nobody has planted a fault. */
  #result({ name, hash }: RecordingEnd, violation: RunResult['violation']): RunResult {
    const outcomes = { answered: 0, refused: 0, failed: 0, unknown: 0 };
    const services = { watchEvents: 0, leasesGranted: 0, leasesExpired: 0, locksHeld: 0 };
    return {
      scenario: name,
      seed: 0,
      violation,
      hash,
      simulatedUs: this.#atUs,
      events: this.#steps,
      operations: { ...outcomes, ...services },
      elections: this.#leaderships,
      snapshotsInstalled: 0,
      faultsFired: {},
      coverage: [],
    };
  }
}
