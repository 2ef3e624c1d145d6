import { type CapturablePrng } from '../../core/base/prng.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { usPerSecond } from '../../core/base/units.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { type HypervisorAct } from '../../core/plasma/hypervisor.ts';
import { type StorageRequest, type StorageResponse } from '../../core/plasma/storage-protocol.ts';
import { type ImageFetchAct } from '../../core/plasma/images/image-fetch.ts';
import { type Digest, type NodeName } from '../../core/plasma/types.ts';
import { nodeLostAfterUs } from '../../core/plasma/control-plane/settings.ts';
import { type ClusterObserver, type MemberProcess } from '../cluster.ts';
import { defaultNetworkPlan, Network } from '../network/network.ts';
import { seededPrng } from '../prng.ts';
import { StepRecord } from '../step-record.ts';
import { firstViolation, resultOf } from '../system-run.ts';
import { type TraceSink } from '../trace.ts';
import { type RunResult, Violation } from '../types.ts';
import { World } from '../world.ts';
import { PlasmaActs } from './acts.ts';
import { type PlasmaChecker } from './checker.ts';
import { createPlasmaCheckers } from './checkers/registry.ts';
import { type CloudObserver, PlasmaCloud } from './cloud.ts';
import { PlasmaFaults } from './faults.ts';
import { missedFloor } from './floors.ts';
import { PlasmaHistory } from './history.ts';
import { type EndedProcess, type Execution, type GuestWrite } from './hypervisor-types.ts';
import { PlasmaLiveness } from './liveness.ts';
import { type PlasmaScenario } from './plan.ts';
import { type PlasmaStep } from './processes.ts';
import { controlPlaneSettingsOf } from './servers.ts';
import { PlasmaState } from './state.ts';
import { type CarriedOutWrite, type WriteOutcome } from './storage.ts';
import { targetsOf } from './targets.ts';
import { PlasmaTruth } from './truth.ts';
import { SimulatedUser } from './user.ts';

export interface PlasmaRunOptions {
  /** In place of the scenario's own. What watches a run never changes it. */
  readonly checkers?: readonly PlasmaChecker[];
  readonly trace?: TraceSink | undefined;
}

/** For elections of the store and of a server, agents to come back, and guests to start. */
const catchUpUs = 60 * usPerSecond;
/** What waits for nothing but time is looked at so often. */
const lookUs = 20_000;

/**
 * Runs a cloud from its seed to its end or to its first violation: the store's members, servers, agents and their machines,
 * watchdogs, a storage node and users, on the simulator's world. The same code, scenario and seed give the same result, hash
 * included, on every machine. A run that proved nothing ends as `idle`.
 */
export function runPlasma(plan: PlasmaScenario, seed: number, options: PlasmaRunOptions = {}): RunResult {
  return new PlasmaRun(plan, seed, options).run();
}

/** A run that can be looked at when it is over. */
export class PlasmaRun implements CloudObserver {
  readonly state: PlasmaState;
  readonly faults: PlasmaFaults;
  readonly #plan: PlasmaScenario;
  readonly #seed: number;
  readonly #checkers: readonly PlasmaChecker[];
  readonly #world = new World();
  readonly #record: StepRecord;
  readonly #prng: CapturablePrng;
  readonly #cloud: PlasmaCloud;
  readonly #users: readonly SimulatedUser[];
  readonly #acts: PlasmaActs;
  readonly #covered = new Set<string>();

  constructor(plan: PlasmaScenario, seed: number, options: PlasmaRunOptions) {
    this.#plan = plan;
    this.#seed = seed;
    this.#checkers = options.checkers ?? createPlasmaCheckers(plan.checks);
    const world = this.#world;
    this.#record = new StepRecord(world, options.trace);
    const prng = seededPrng(`photon plasma ${seed}`);
    this.#prng = prng;
    const network = new Network({ world, prng: prng.fork('network'), plan: defaultNetworkPlan });
    this.#cloud = new PlasmaCloud({
      world,
      network,
      prng: prng.fork('cloud'),
      plan: plan.cloud,
      observer: this,
      chainfireObserver: this.#chainfireObserver(),
    });
    const { prefix } = controlPlaneSettingsOf(plan.cloud);
    this.state = new PlasmaState({
      world,
      plan,
      cloud: this.#cloud,
      history: new PlasmaHistory(),
      truth: new PlasmaTruth(prefix),
    });
    this.faults = new PlasmaFaults({
      world,
      network,
      targets: targetsOf(this.#cloud, {
        watchdog: ({ name }) => this.state.unwatched(name),
        thawed: ({ name }) => this.state.thawed(name),
      }),
      prng: prng.fork('faults'),
      noted: (what) => this.#record.line(what),
    });
    this.#users = this.#newUsers();
    this.#acts = new PlasmaActs({ world, state: this.state, faults: this.faults });
  }

  run(): RunResult {
    const violation = firstViolation(this.#record, () => {
      this.#cloud.start();
      this.faults.schedule(this.#plan.faults);
      this.#acts.schedule(this.#plan.acts ?? []);
      for (const user of this.#users) user.start();
      this.#lookAgain();
      this.#world.runUntil(this.#plan.durationUs);
      new PlasmaLiveness({
        world: this.#world,
        state: this.state,
        faults: this.faults,
        users: this.#users,
        boundUs: this.#livenessBoundUs,
      }).run();
      for (const checker of this.#checkers) checker.onEnd?.(this.state);
      const missed = missedFloor(this.#plan.floors, this.state, this.faults.fired);
      if (missed !== undefined) throw new Violation('idle', missed);
    });
    return this.#result(violation);
  }

  started(node: NodeId): void {
    this.#record.began(node);
  }

  stepped(step: PlasmaStep): void {
    const { process, event, effects } = step;
    this.#record.stepped(process.node, event, effects);
    for (const { kind } of effects) this.#covered.add(`plasma ${step.of} effect ${kind}`);
    this.#covered.add(`plasma ${step.of} event ${event.kind}`);
    for (const checker of this.#checkers) checker.onStep?.(step, this.state);
  }

  ended(node: NodeId): void {
    this.#record.line(`n${node} has ended`);
  }

  acting(node: NodeName, act: HypervisorAct): void {
    this.#covered.add(`plasma hypervisor ${act.kind}`);
    for (const checker of this.#checkers) checker.onAct?.(node, act, this.state);
  }

  imageActing(node: NodeName, digest: Digest, act: ImageFetchAct): void {
    this.#covered.add(`plasma image ${act.kind}`);
    for (const checker of this.#checkers) checker.onImageAct?.(node, digest, act, this.state);
  }

  watchdogKilled(node: NodeName): void {
    this.state.counts.watchdogKills += 1;
    this.#record.line(`the watchdog of ${node} kills`);
  }

  executionBegan(execution: Execution): void {
    this.state.counts.executions += 1;
    const { node, instance } = execution;
    this.#record.line(
      `${instance.vm} executes on ${node}, token ${instance.fenceToken}, pid ${instance.pid}`,
    );
    for (const checker of this.#checkers) checker.onExecution?.(execution, this.state);
  }

  executionEnded(execution: Execution): void {
    const { node, instance } = execution;
    this.#record.line(`${instance.vm} executes no more on ${node}, token ${instance.fenceToken}`);
    for (const checker of this.#checkers) checker.onExecutionEnded?.(execution, this.state);
  }

  processEnded(ended: EndedProcess): void {
    const { instance, cause, node } = ended;
    this.#record.line(`${instance.vm} has ended on ${node}: ${cause}`);
    this.state.ends.set(instance.vm, ended);
    for (const checker of this.#checkers) checker.onProcessEnded?.(ended, this.state);
  }

  written(write: CarriedOutWrite): void {
    this.state.counts.writes += 1;
    for (const checker of this.#checkers) checker.onWritten?.(write, this.state);
  }

  writeEnded(_write: GuestWrite, outcome: WriteOutcome): void {
    if (outcome === 'refused') this.state.counts.writesRefused += 1;
  }

  storageAnswered(request: StorageRequest, response: StorageResponse): void {
    this.#covered.add(`plasma storage ${request.kind} ${response.kind}`);
    if (response.kind === 'deleted') this.state.counts.disksDeleted += 1;
    for (const checker of this.#checkers) checker.onStorageAnswered?.(request, response, this.state);
  }

  #chainfireObserver(): ClusterObserver {
    return {
      recovered: (process, member) => {
        this.started(process.node);
        this.#look(process.node, member);
      },
      synced: () => undefined,
      stepped: (process, event, effects, member) => this.#memberStepped(process, event, effects, member),
      ended: (process) => this.ended(process.node),
      diskFailed: (process, failure, why) => {
        throw new Violation('data-lost', `n${process.node} ended by its disk (${failure}): ${why ?? ''}`);
      },
    };
  }

  #memberStepped(
    process: MemberProcess,
    event: MemberEvent,
    effects: readonly MemberEffect[],
    member: ChainfireMember,
  ): void {
    this.#record.stepped(process.node, event, effects);
    this.#look(process.node, member);
  }

  /** What is new in the store is judged at once, commit by commit. */
  #look(node: NodeId, member: ChainfireMember): void {
    for (const commit of this.state.truth.look(node, member, this.#world.nowUs)) {
      this.state.count(commit);
      for (const { table, after } of commit.rows)
        this.#covered.add(`plasma row ${table} ${after === undefined ? 'removed' : 'put'}`);
      for (const checker of this.#checkers) checker.onCommit?.(commit, this.state);
    }
  }

  #lookAgain(): void {
    this.#world.after(lookUs, () => {
      for (const checker of this.#checkers) checker.onLook?.(this.state);
      this.#lookAgain();
    });
  }

  #newUsers(): readonly SimulatedUser[] {
    const { cloud, workload } = this.#plan;
    return workload.users.map(
      (plan, user) =>
        new SimulatedUser({
          user,
          client: user,
          world: this.#world,
          prng: this.#prng.fork(`user ${user}`),
          plan,
          servers: cloud.servers,
          nodes: cloud.nodes.length,
          calls: this.#cloud.servers.calls,
          images: this.#cloud.images.images,
          history: this.state.history,
        }),
    );
  }

  get #livenessBoundUs(): number {
    const { cloud, workload } = this.#plan;
    const settings = controlPlaneSettingsOf(cloud);
    const timeouts = workload.users.map(({ requestTimeoutUs }) => requestTimeoutUs);
    return (
      2 * nodeLostAfterUs(settings) +
      3 * settings.leaderTtlSeconds * usPerSecond +
      2 * settings.migrationTimeoutUs +
      4 * Math.max(0, ...timeouts) +
      catchUpUs
    );
  }

  #result(violation: Violation | undefined): RunResult {
    const { operations, committed } = this.state.history;
    const over = operations.filter((asked) => asked.over).length;
    const run = {
      seed: this.#seed,
      world: this.#world,
      record: this.#record,
      covered: this.#covered,
      processes: this.#cloud.chainfire.processes,
      violation,
    };
    return resultOf(run, {
      scenario: this.#plan.name,
      operations: { answered: committed, refused: over - committed, unknown: operations.length - over },
      elections: this.state.truth.terms,
      faultsFired: this.faults.fired,
    });
  }
}
