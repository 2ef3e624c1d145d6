import { assert } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { type Operation, type RunResult } from '../../sim/types.ts';
import { LaneRecorder } from './lanes.ts';
import { type PacketRecord } from './packets.ts';
import { KeptStep } from './step-record.ts';
import {
  type FaultRecord,
  type NodeLanes,
  type Note,
  type Packet,
  type RunEvidence,
  type StepNumber,
} from './types.ts';

export interface BuilderOptions {
  /** Of the newest steps so many are kept, and the packets and notes of their time. */
  readonly stepsMax?: number;
  /** Number of the first step that is told: of a recording, how many were made before. 0: the run is told from its begin. */
  readonly firstStep?: StepNumber;
}

/** What a step is told with. */
export interface StepGiven {
  /** Time of the world, or of the process's own clock where there is no other; never behind the step before. */
  readonly atUs: number;
  readonly node: NodeId;
  /** Counts the process's starts, from 1. */
  readonly boot: number;
  readonly event: MemberEvent;
  /** Undefined: the machine threw, and nothing came of the event. */
  readonly effects: readonly MemberEffect[] | undefined;
  /** As it is after the step. */
  readonly member: ChainfireMember;
  /** What the node's own clock shows, where the world has another. */
  readonly nodeUs?: number;
  /** Steps whose packets it was given. */
  readonly causes?: readonly StepNumber[];
}

/** What is known only when all of it was seen. */
export interface EvidenceEnd {
  readonly result: RunResult;
  readonly clients?: number;
  readonly faults?: readonly FaultRecord[];
  readonly operations?: readonly Operation[];
  readonly operationSteps?: readonly (readonly StepNumber[])[];
}

/** A step with its packets comes to 1.2 KB while its texts are unmade: this many to 240 MB, which a page bears. */
export const stepsMaxDefault = 200_000;

/**
 * Puts the evidence of a run together, step by step, as a simulated run or the replay of a recording goes on. Texts are made
 * when somebody reads them: of most steps nobody does.
 */
export class EvidenceBuilder {
  readonly #stepsMax: number;
  readonly #lanes = new Map<NodeId, LaneRecorder>();
  #steps: KeptStep[] = [];
  #packets: PacketRecord[] = [];
  #notes: Note[] = [];
  /** Number of the first that is kept. */
  #firstStep: StepNumber;
  #atUs = 0;

  constructor(options: BuilderOptions = {}) {
    this.#stepsMax = options.stepsMax ?? stepsMaxDefault;
    this.#firstStep = options.firstStep ?? 0;
    assert(Number.isSafeInteger(this.#stepsMax) && this.#stepsMax > 0, 'at least one step is kept');
    assert(Number.isSafeInteger(this.#firstStep) && this.#firstStep >= 0, 'steps are counted from 0');
  }

  /** Number of the step that comes next. */
  get nextStep(): StepNumber {
    return this.#firstStep + this.#steps.length;
  }

  /** Whoever takes part, all of them down. */
  begin(nodes: readonly NodeId[]): void {
    for (const node of nodes) this.#lanes.set(node, new LaneRecorder());
  }

  /** A process has started, as its disk left it. The first step of a boot that was not announced does it by itself. */
  booted(given: Pick<StepGiven, 'atUs' | 'node' | 'boot' | 'member' | 'nodeUs'>): void {
    this.#lane(given.node).booted({ ...given, step: this.nextStep });
  }

  step(given: StepGiven): StepNumber {
    assert(given.atUs >= this.#atUs, 'steps come in the order of time');
    this.#atUs = given.atUs;
    const lane = this.#lane(given.node);
    const number = this.nextStep;
    if (lane.boot !== given.boot) lane.booted({ ...given, step: number });
    const before = lane.lastStep;
    const causes = [...(before === undefined ? [] : [before]), ...(given.causes ?? [])];
    this.#steps.push(new KeptStep(given, causes));
    lane.stepped(given, number);
    if (this.#steps.length >= 2 * this.#stepsMax) this.#forget();
    return number;
  }

  ended(node: NodeId, atUs: number): void {
    this.#lane(node).ended(atUs, this.nextStep);
  }

  paused(node: NodeId, atUs: number): void {
    this.#lane(node).paused(atUs, this.nextStep);
  }

  resumed(node: NodeId, atUs: number): void {
    this.#lane(node).resumed(atUs, this.nextStep);
  }

  packet(packet: PacketRecord): void {
    this.#packets.push(packet);
  }

  note(atUs: number, node: NodeId | undefined, text: string): void {
    this.#notes.push({ atUs, node, text });
  }

  finish(end: EvidenceEnd): RunEvidence {
    if (this.#steps.length > this.#stepsMax) this.#forget();
    const operations = end.operations ?? [];
    const nodes = [...this.#lanes.keys()];
    return {
      result: end.result,
      nodes,
      clients: Math.max(end.clients ?? 0, ...operations.map(({ client }) => client + 1)),
      steps: this.#steps,
      packets: this.#packets satisfies readonly Packet[],
      faults: end.faults ?? [],
      notes: this.#notes,
      lanes: new Map<NodeId, NodeLanes>([...this.#lanes].map(([node, lane]) => [node, lane.lanes])),
      operations,
      operationSteps: end.operationSteps ?? operations.map(() => []),
      firstStep: this.#firstStep,
    };
  }

  /** Keeps the newest, and what else was going on in their time. */
  #forget(): void {
    const surplus = this.#steps.length - this.#stepsMax;
    this.#steps = this.#steps.slice(surplus);
    this.#firstStep += surplus;
    const fromUs = this.#steps[0]?.atUs ?? 0;
    this.#packets = this.#packets.filter((packet) => (packet.arrivedUs ?? packet.sentUs) >= fromUs);
    this.#notes = this.#notes.filter((note) => note.atUs >= fromUs);
    for (const lane of this.#lanes.values()) lane.forget(this.#firstStep);
  }

  #lane(node: NodeId): LaneRecorder {
    let lane = this.#lanes.get(node);
    if (lane === undefined) {
      lane = new LaneRecorder();
      this.#lanes.set(node, lane);
    }
    return lane;
  }
}
