import { nodeId, type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import {
  type MemberEffect,
  type MemberEvent,
  type MemberRequest,
} from '../../core/chainfire/member-protocol.ts';
import { type FaultInForce } from '../../sim/faults/scene.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { type Packet } from '../../sim/network/network.ts';
import { type Fault } from '../../sim/fault.ts';
import { type Operation, type RunResult, type Scenario, type StepObservation } from '../../sim/types.ts';
import { type WatchedProcess } from '../../sim/process-watcher.ts';
import { type RunWatcher } from '../../sim/watcher.ts';
import { type BuilderOptions, EvidenceBuilder } from './builder.ts';
import { faultRecords } from './fault-records.ts';
import { Endpoints, type PacketLoad, PacketRecord } from './packets.ts';
import { type RunEvidence, type StepNumber } from './types.ts';

/**
 * Runs a scenario from its seed with all that judges it, and keeps what happened. The run is the very same as without: its
 * result, hash included, does not depend on who looks.
 */
export function collectEvidence(scenario: Scenario, seed: number, options: BuilderOptions = {}): RunEvidence {
  const collector = new Collector(scenario, options);
  const result = runJudged(scenario, seed, { watcher: collector });
  return collector.finish(result);
}

/** Watches a run for the builder: joins packets with the steps that sent them and the steps that were given them. */
class Collector implements RunWatcher {
  readonly #scenario: Scenario;
  readonly #builder: EvidenceBuilder;
  readonly #endpoints = new Endpoints();
  /** By what they carry, which is an effect of theirs. */
  readonly #stepsByEffect = new WeakMap<object, StepNumber>();
  readonly #underWay = new WeakMap<Packet, PacketRecord>();
  /** What events came by. */
  readonly #broughtBy = new WeakMap<MemberEvent, PacketRecord>();
  /** The one that is arriving at this moment. */
  #arriving: PacketRecord | undefined;
  readonly #firedUs = new Map<Fault, number>();
  readonly #requests = new Map<number, MemberRequest>();
  /** By the members from and to whom: the step that sent the newest snapshot. */
  readonly #snapshots = new Map<string, StepNumber>();
  readonly #requestSteps = new Map<MemberRequest, StepNumber[]>();
  #operations: readonly Operation[] = [];
  #world = { nowUs: 0 };
  readonly #members = new Map<NodeId, ChainfireMember>();

  constructor(scenario: Scenario, options: BuilderOptions) {
    this.#scenario = scenario;
    this.#builder = new EvidenceBuilder(options);
  }

  finish(result: RunResult): RunEvidence {
    const { violation } = result;
    if (violation !== undefined)
      this.#builder.note(violation.atUs, undefined, `violation: ${violation.detail}`);
    const operations = this.#operations;
    return this.#builder.finish({
      result,
      clients: this.#scenario.workload.clients,
      faults: faultRecords(this.#scenario, this.#firedUs, result.simulatedUs),
      operations,
      operationSteps: operations.map(({ request }) => this.#requestSteps.get(request) ?? []),
    });
  }

  began(run: { readonly nowUs: number }, nodes: readonly NodeId[]): void {
    this.#world = run;
    this.#builder.begin(nodes);
  }

  recovered({ node, boot, nowUs: nodeUs }: WatchedProcess, member: ChainfireMember): void {
    this.#members.set(node, member);
    this.#builder.booted({ atUs: this.#world.nowUs, node, boot, nodeUs, member });
    this.#builder.note(this.#world.nowUs, node, `n${node} starts, boot ${boot}`);
  }

  stepped(process: WatchedProcess, step: StepObservation): void {
    const number = this.#step(process, step.event, step.effects, step.member);
    if (step.event.kind === 'requested') {
      this.#requests.set(step.event.requestId, step.event.request);
      this.#served(step.event.request, number);
    }
    for (const effect of step.effects) {
      this.#stepsByEffect.set(effect, number);
      if (effect.kind === 'sendSnapshot') this.#snapshots.set(`${step.node} ${effect.to}`, number);
      if (effect.kind !== 'reply') continue;
      const request = this.#requests.get(effect.requestId);
      if (request !== undefined) this.#served(request, number);
      this.#requests.delete(effect.requestId);
    }
  }

  failed(process: WatchedProcess, event: MemberEvent): void {
    const member = this.#members.get(process.node);
    if (member !== undefined) this.#step(process, event, undefined, member);
  }

  ended({ node }: WatchedProcess): void {
    this.#builder.ended(node, this.#world.nowUs);
  }

  paused({ node }: WatchedProcess): void {
    this.#builder.paused(node, this.#world.nowUs);
  }

  resumed({ node }: WatchedProcess): void {
    this.#builder.resumed(node, this.#world.nowUs);
  }

  fired(fault: Fault): void {
    if (!this.#firedUs.has(fault)) this.#firedUs.set(fault, this.#world.nowUs);
  }

  noted(what: string): void {
    const named = /\bn(\d+)\b/.exec(what)?.[1];
    this.#builder.note(this.#world.nowUs, named === undefined ? undefined : nodeId(Number(named)), what);
  }

  over(operations: readonly Operation[], met: readonly FaultInForce[]): void {
    this.#operations = operations;
    // As if their end had come: that is when such faults fire.
    for (const { fault, fromUs } of met)
      if (!this.#firedUs.has(fault)) this.#firedUs.set(fault, fromUs + ('forUs' in fault ? fault.forUs : 0));
  }

  sent(packet: Packet): void {
    const load: PacketLoad = packet.carries ?? unknownLoad;
    const record = new PacketRecord({
      from: this.#endpoints.at(packet.from),
      to: this.#endpoints.at(packet.to),
      sentUs: this.#world.nowUs,
      sentBy: this.#stepsByEffect.get(load),
      load,
    });
    this.#underWay.set(packet, record);
    this.#builder.packet(record);
  }

  arriving(packet: Packet): void {
    let record = this.#underWay.get(packet);
    if (record?.arrivedUs !== undefined) {
      record = record.twin();
      this.#builder.packet(record);
    }
    if (record !== undefined) record.arrivedUs = this.#world.nowUs;
    this.#arriving = record;
  }

  arrived(): void {
    this.#arriving = undefined;
  }

  queued(_process: WatchedProcess, event: MemberEvent): void {
    if (this.#arriving !== undefined) this.#broughtBy.set(event, this.#arriving);
  }

  #step(
    { node, boot, nowUs: nodeUs }: WatchedProcess,
    event: MemberEvent,
    effects: readonly MemberEffect[] | undefined,
    member: ChainfireMember,
  ): StepNumber {
    const packet = this.#broughtBy.get(event);
    const cause = packet?.sentBy ?? this.#snapshotCause(event, member);
    const causes = cause === undefined ? [] : [cause];
    const atUs = this.#world.nowUs;
    const number = this.#builder.step({ atUs, node, boot, event, effects, member, nodeUs, causes });
    if (packet !== undefined) packet.takenBy = number;
    return number;
  }

  /** A process that was paused takes the end of a snapshot later than its last packet arrived. */
  #snapshotCause(event: MemberEvent, member: ChainfireMember): StepNumber | undefined {
    if (event.kind !== 'snapshotReceived') return undefined;
    return this.#snapshots.get(`${event.from} ${member.view.raft.id}`);
  }

  #served(request: MemberRequest, step: StepNumber): void {
    const steps = this.#requestSteps.get(request);
    if (steps === undefined) this.#requestSteps.set(request, [step]);
    else if (steps.at(-1) !== step) steps.push(step);
  }
}

const unknownLoad = { kind: 'packet' };
