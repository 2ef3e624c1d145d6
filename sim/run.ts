import { type Prng } from '../core/base/prng.ts';
import { type ChainfireMember, defaultMemberConfig } from '../core/chainfire/member.ts';
import { type MemberEffect, type MemberEvent } from '../core/chainfire/member-protocol.ts';
import { atlasMember, FaultAtlas } from './atlas.ts';
import { CaptureCheck } from './capture-check.ts';
import { createCheckers } from './checkers/registry.ts';
import { ClientLogs } from './client-logs.ts';
import { Coverage } from './coverage.ts';
import { SimulatedClient } from './clients.ts';
import { Cluster, type ClusterObserver, type MemberProcess } from './cluster.ts';
import { type DiskFailure } from './disk/failure.ts';
import { FaultInjector } from './faults/injector.ts';
import { History } from './history.ts';
import { LivenessPhase } from './liveness.ts';
import { defaultNetworkPlan, Network } from './network/network.ts';
import { seededPrng } from './prng.ts';
import { RollingHash } from '../core/base/rolling-hash.ts';
import { Unrecoverable } from './recoverability.ts';
import { countServices } from './service-counts.ts';
import { stepLine, type TraceSink, worldLine } from './trace.ts';
import {
  type Checker,
  type Operation,
  type RunEnd,
  type RunResult,
  type Scenario,
  type StepObservation,
  type SyncObservation,
  Violation,
} from './types.ts';
import { behindWall } from './wall.ts';
import { type RunWatcher } from './watcher.ts';
import { userOfClient } from './workload-users.ts';
import { WorkloadClient } from './workload.ts';
import { World } from './world.ts';

export interface RunOptions {
  /** In place of the scenario's own. What watches a run never changes it. */
  readonly checkers?: readonly Checker[];
  readonly trace?: TraceSink;
  /** Sees more than a checker, and changes as little. */
  readonly watcher?: RunWatcher | undefined;
  /** Captures the machine after one step in so many, and has one that was restored from that go on: the hash stays the same. */
  readonly recaptureEvery?: number | undefined;
}

type Stepper = Checker & Required<Pick<Checker, 'onStep'>>;
type SyncWatcher = Checker & Required<Pick<Checker, 'onSynced'>>;

/** Members start within this time. */
const startUsMax = 500_000;
/** Clients leave a silent stream sooner than by default: several times within the bound of the liveness phase. */
const streamSilenceUsMax = 4_000_000;

/**
 * Runs a scenario from its seed to its end or to its first violation, in virtual time. The same code, scenario and seed
 * give the same result, hash included, on every machine.
 */
export function runScenario(scenario: Scenario, seed: number, options: RunOptions = {}): RunResult {
  return new Run(scenario, seed, options).run();
}

/** One run, from its beginning, to its end or as far as it is wanted. */
export class Run implements ClusterObserver {
  readonly #scenario: Scenario;
  readonly #seed: number;
  readonly #prng: Prng;
  readonly #world = new World();
  readonly #history = new History();
  readonly #logs = new ClientLogs();
  readonly #hash = new RollingHash();
  readonly #coverage = new Coverage();
  readonly #checkers: readonly Checker[];
  /** How those of them look that look at every step. Looked up once: a step is short, and the checkers are many. */
  readonly #onSteps: readonly ((step: StepObservation) => void)[];
  readonly #onSyncs: readonly ((sync: SyncObservation) => void)[];
  readonly #trace: TraceSink | undefined;
  readonly #watcher: RunWatcher | undefined;
  readonly #network: Network;
  readonly #cluster: Cluster;
  readonly #injector: FaultInjector;
  readonly #clients: readonly SimulatedClient<ChainfireMember>[];
  /** Gives the times that are to be reached, one after the other; between them it looks at what has come of it. */
  readonly #phases: Iterator<number, void>;
  /** The one that is being reached. */
  #untilUs: number | undefined;
  #violation: Violation | undefined;
  /** Why nothing could bring back what was promised. */
  #unrecoverable: string | undefined;
  #over = false;
  #events = 0;
  #elections = 0;
  /** Highest term that had a leader. */
  #ledTerm = 0;

  constructor(scenario: Scenario, seed: number, options: RunOptions) {
    this.#scenario = scenario;
    this.#seed = seed;
    this.#trace = options.trace;
    this.#watcher = options.watcher;
    this.#checkers = options.checkers ?? createCheckers(scenario.checks);
    this.#onSteps = this.#checkers.filter(isStepper).map((checker) => checker.onStep.bind(checker));
    this.#onSyncs = this.#checkers.filter(isSyncWatcher).map((checker) => checker.onSynced.bind(checker));
    // Not by the scenario's name: a schedule that was shrunk or renamed runs in the same world.
    const prng = seededPrng(`photon ${seed}`);
    this.#prng = prng;
    const world = this.#world;
    this.#network = new Network({
      world,
      prng: prng.fork('network'),
      plan: defaultNetworkPlan,
      watcher: options.watcher,
    });
    const { recaptureEvery } = options;
    this.#cluster = new Cluster({
      world,
      network: this.#network,
      prng: prng.fork('cluster'),
      plan: scenario.cluster,
      observer: this,
      watcher: options.watcher,
      captureCheck:
        recaptureEvery === undefined
          ? undefined
          : new CaptureCheck(seededPrng(`recapture ${seed}`), recaptureEvery),
    });
    this.#injector = new FaultInjector({
      world,
      network: this.#network,
      cluster: this.#cluster,
      prng: prng.fork('faults'),
      atlas: new FaultAtlas(this.#cluster.processes.map(atlasMember), (member) =>
        this.#cluster.isLeaving(member),
      ),
      noted: (what) => {
        this.#trace?.(worldLine(world.nowUs, what));
        this.#watcher?.noted(what);
      },
      struck: (fault) => this.#watcher?.fired(fault),
      damaged: (node) => {
        const { member } = this.#cluster.process(node);
        for (const checker of this.#checkers) checker.onDamaged?.(member, world.nowUs);
      },
    });
    this.#clients = this.#newClients(prng.fork('clients'));
    this.#phases = this.#phasesInTurn();
    this.#watcher?.began(world, this.#cluster.nodes);
  }

  /** Steps that members have made. */
  get steps(): number {
    return this.#events;
  }

  get nowUs(): number {
    return this.#world.nowUs;
  }

  /** By id, those that are down included. */
  get processes(): readonly MemberProcess[] {
    return this.#cluster.processes;
  }

  /** What clients have asked and were told so far. */
  get operations(): readonly Operation[] {
    return this.#history.operations;
  }

  /** Goes on to the end or to the first violation. */
  run(): RunResult {
    this.#goOn();
    this.#watcher?.over(this.#history.operations, this.#injector.met);
    return this.#result(this.#violation);
  }

  /**
   * Goes on until this many steps were made; those of the turn in which that happens are all made.
   *
   * @returns false when the run is over before
   */
  advance(steps: number): boolean {
    if (this.#events < steps) this.#goOn(() => this.#events >= steps);
    return this.#events >= steps;
  }

  #goOn(enough?: () => boolean): void {
    if (this.#over) return;
    behindWall(() => {
      try {
        this.#reachAll(enough);
      } catch (failure) {
        if (failure instanceof Unrecoverable) {
          this.#trace?.(worldLine(this.#world.nowUs, `unrecoverable: ${failure.message}`));
          this.#unrecoverable = failure.message;
          this.#over = true;
          return;
        }
        if (!(failure instanceof Violation)) throw failure;
        this.#trace?.(worldLine(this.#world.nowUs, `violation: ${failure.message}`));
        this.#violation = failure;
        this.#over = true;
      }
    });
  }

  #reachAll(enough: (() => boolean) | undefined): void {
    for (;;) {
      if (this.#untilUs === undefined) {
        const next = this.#phases.next();
        if (next.done === true) {
          this.#over = true;
          return;
        }
        this.#untilUs = next.value;
      }
      this.#world.runUntil(this.#untilUs, enough);
      if (enough?.() === true) return;
      this.#untilUs = undefined;
    }
  }

  *#phasesInTurn(): Generator<number, void> {
    this.#begin();
    yield this.#scenario.durationUs;
    const liveness = this.#liveness();
    yield* liveness.waits();
    const end: RunEnd = {
      nowUs: this.#world.nowUs,
      history: this.#history.operations,
      members: liveness.members,
      watches: this.#logs.watches,
      holds: this.#logs.holds,
    };
    for (const checker of this.#checkers) checker.onEnd?.(end);
  }

  recovered(process: MemberProcess, member: ChainfireMember): void {
    this.#hash.number(this.#world.nowUs);
    this.#hash.number(process.node);
    this.#trace?.(worldLine(this.#world.nowUs, `n${process.node} recovered, boot ${process.boot}`));
    this.#watcher?.recovered(process, member);
    for (const checker of this.#checkers) checker.onRecovered?.(process.member, member, this.#world.nowUs);
  }

  stepped(
    process: MemberProcess,
    event: MemberEvent,
    effects: readonly MemberEffect[],
    member: ChainfireMember,
  ): void {
    const { nowUs } = this.#world;
    const { node } = process;
    this.#events += 1;
    this.#hash.number(nowUs);
    this.#hash.number(node);
    this.#hash.value(event);
    this.#hash.value(effects);
    this.#coverage.step(event, effects, member);
    const { raft } = member.view;
    this.#injector.stepped(raft);
    if (raft.role === 'leader' && raft.term > this.#ledTerm) {
      this.#ledTerm = raft.term;
      this.#elections += 1;
      this.#injector.elected(node);
    }
    const step = { nowUs, node: process.member, event, effects, member };
    if (this.#trace !== undefined) this.#trace(stepLine(step));
    this.#watcher?.stepped(process, step);
    for (const onStep of this.#onSteps) onStep(step);
  }

  synced(process: MemberProcess, syncSeq: number, member: ChainfireMember): void {
    const sync = { node: process.member, syncSeq, member };
    for (const onSynced of this.#onSyncs) onSynced(sync);
  }

  ended(process: MemberProcess): void {
    this.#watcher?.ended(process);
    for (const checker of this.#checkers) checker.onCrashed?.(process.member, this.#world.nowUs);
  }

  diskFailed(process: MemberProcess, failure: DiskFailure, why?: string): void {
    this.#injector.diskFailed(process, failure, why);
  }

  /** Faults are on; nothing wrong may ever be observed. */
  #begin(): void {
    const starts = this.#prng.fork('starts');
    for (const process of this.#cluster.processes) {
      if (process.stopped) continue;
      this.#world.at(starts.below(startUsMax), () => {
        process.start();
      });
    }
    for (const client of this.#clients) client.start();
    this.#injector.schedule(this.#scenario.faults);
  }

  #liveness(): LivenessPhase {
    const raft = this.#scenario.cluster.config.raft ?? defaultMemberConfig.raft;
    return new LivenessPhase({
      world: this.#world,
      network: this.#network,
      cluster: this.#cluster,
      injector: this.#injector,
      clients: this.#clients,
      history: this.#history,
      prng: this.#prng.fork('liveness'),
      electionTimeoutUs: raft.electionTimeoutUs,
      callTimeoutUs: this.#scenario.workload.callTimeoutUs,
      clockDriftPpmMax:
        this.#scenario.cluster.config.clockDriftPpmMax ?? defaultMemberConfig.clockDriftPpmMax,
    });
  }

  #newClients(prng: Prng): readonly SimulatedClient<ChainfireMember>[] {
    const plan = this.#scenario.workload;
    const { nodes, calls, streams } = this.#cluster;
    return Array.from({ length: plan.clients }, (_, client) => {
      const workload = new WorkloadClient({
        client,
        plan,
        endpoints: nodes.length,
        config: { streamSilenceUsMax },
        prng: prng.fork(`client ${client}`),
        nowUs: 0,
        history: this.#history,
        logs: this.#logs,
      });
      const first = client % nodes.length;
      const endpoints = [...nodes.slice(first), ...nodes.slice(0, first)];
      return new SimulatedClient({
        world: this.#world,
        calls,
        streams,
        prng: prng.fork(`transport ${client}`),
        client,
        by: userOfClient(plan, client),
        workload,
        endpoints,
      });
    });
  }

  #result(violation: Violation | undefined): RunResult {
    const outcomes = { answered: 0, refused: 0, failed: 0, unknown: 0 };
    for (const { outcome } of this.#history.operations) outcomes[outcome.kind] += 1;
    const services = countServices(this.#history.operations, this.#logs);
    let snapshotsInstalled = 0;
    for (const process of this.#cluster.processes) snapshotsInstalled += process.snapshotsInstalled;
    const atUs = this.#world.nowUs;
    return {
      scenario: this.#scenario.name,
      seed: this.#seed,
      violation:
        violation === undefined
          ? undefined
          : { invariant: violation.invariant, site: violation.site, detail: violation.message, atUs },
      hash: this.#hash.digest(),
      simulatedUs: atUs,
      events: this.#events,
      operations: { ...outcomes, ...services },
      elections: this.#elections,
      snapshotsInstalled,
      faultsFired: this.#injector.fired,
      unrecoverable: this.#unrecoverable,
      coverage: this.#coverage.names,
    };
  }
}

function isStepper(checker: Checker): checker is Stepper {
  return checker.onStep !== undefined;
}

function isSyncWatcher(checker: Checker): checker is SyncWatcher {
  return checker.onSynced !== undefined;
}
