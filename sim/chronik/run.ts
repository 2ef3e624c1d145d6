import { type CapturablePrng } from '../../core/base/prng.ts';
import { usPerSecond } from '../../core/base/units.ts';
import { type ChronikBroker, defaultBrokerSettings } from '../../core/chronik/broker.ts';
import { defaultRaftOptions } from '../../core/raft/types.ts';
import { type KafkaCall } from '../../core/wire/kafka/apis.ts';
import { type DiskFailure } from '../disk/failure.ts';
import { defaultNetworkPlan, Network } from '../network/network.ts';
import { seededPrng } from '../prng.ts';
import { StepRecord } from '../step-record.ts';
import { firstViolation, resultOf } from '../system-run.ts';
import { type TraceSink } from '../trace.ts';
import { type RunResult, Violation } from '../types.ts';
import { World } from '../world.ts';
import { Acts } from './acts.ts';
import { type BrokerEffect, type BrokerEvent, type BrokerProcess } from './broker-process.ts';
import { type BrokerAnswer, type BrokerStep, type ChronikChecker, type StepAnswer } from './checker.ts';
import { createChronikCheckers } from './checkers/registry.ts';
import { SimulatedAdmin } from './clients/admin.ts';
import { SimulatedConsumer } from './clients/consumer.ts';
import { TransactionalProducer } from './clients/transactional-producer.ts';
import { SimulatedGroupMember } from './clients/group-member.ts';
import { KafkaLink } from './clients/link.ts';
import { SimulatedProducer } from './clients/producer.ts';
import { type BrokerObserver, ChronikCluster } from './cluster.ts';
import { ChronikFaults } from './faults.ts';
import { missedFloor } from './floors.ts';
import { ChronikHistory } from './history.ts';
import { type ChronikClients, ChronikLiveness } from './liveness.ts';
import { type ChronikScenario } from './plan.ts';
import { ChronikState } from './state.ts';
import { learnFrom } from './told.ts';

export interface ChronikRunOptions {
  /** In place of the scenario's own. What watches a run never changes it. */
  readonly checkers?: readonly ChronikChecker[];
  readonly trace?: TraceSink | undefined;
}

/** Elections that a healed cluster may need, each at most two time-outs long. */
const electionsMax = 15;
/** For sessions to begin anew, replicas to catch up and clients to hear of it. */
const catchUpUs = 40 * usPerSecond;

/**
 * Runs a cluster of brokers from its seed to its end or to its first violation, on the simulator's world, clocks, disks and
 * network. The same code, scenario and seed give the same result, hash included, on every machine. A run that proved nothing
 * ends as `idle`.
 */
export function runChronik(plan: ChronikScenario, seed: number, options: ChronikRunOptions = {}): RunResult {
  return new ChronikRun(plan, seed, options).run();
}

/** A run that can be looked at when it is over. */
export class ChronikRun implements BrokerObserver {
  readonly state: ChronikState;
  readonly history = new ChronikHistory();
  readonly faults: ChronikFaults;
  readonly #plan: ChronikScenario;
  readonly #seed: number;
  readonly #checkers: readonly ChronikChecker[];
  readonly #world = new World();
  readonly #record: StepRecord;
  readonly #prng: CapturablePrng;
  readonly #cluster: ChronikCluster;
  readonly #clients: ChronikClients;
  readonly #acts: Acts;
  readonly #covered = new Set<string>();
  /** Calls that brokers have begun to answer, by request. */
  readonly #calls = new Map<number, KafkaCall>();

  constructor(plan: ChronikScenario, seed: number, options: ChronikRunOptions) {
    this.#plan = plan;
    this.#seed = seed;
    this.#checkers = options.checkers ?? createChronikCheckers(plan.checks);
    const world = this.#world;
    this.#record = new StepRecord(world, options.trace);
    const prng = seededPrng(`photon chronik ${seed}`);
    this.#prng = prng;
    const network = new Network({ world, prng: prng.fork('network'), plan: defaultNetworkPlan });
    this.#cluster = new ChronikCluster({
      world,
      network,
      prng: prng.fork('cluster'),
      plan: plan.cluster,
      observer: this,
    });
    this.state = new ChronikState(this.#cluster, this.history);
    this.faults = new ChronikFaults({
      world,
      network,
      cluster: this.#cluster,
      prng: prng.fork('faults'),
      noted: (what) => this.#record.line(what),
    });
    this.#clients = this.#newClients();
    const { admin } = this.#clients;
    this.#acts = new Acts({ world, state: this.state, faults: this.faults, admin });
  }

  run(): RunResult {
    const violation = firstViolation(this.#record, () => {
      this.#begin();
      this.#world.runUntil(this.#plan.durationUs);
      new ChronikLiveness({
        world: this.#world,
        state: this.state,
        faults: this.faults,
        clients: this.#clients,
        boundUs: this.#livenessBoundUs,
      }).run();
      for (const checker of this.#checkers) checker.onEnd?.(this.state);
      const missed = missedFloor(this.#plan.floors, this.state, this.faults.fired);
      if (missed !== undefined) throw new Violation('idle', missed);
    });
    return this.#result(violation);
  }

  recovered(process: BrokerProcess, broker: ChronikBroker): void {
    this.state.recovered(process);
    this.#record.began(process.node);
    for (const checker of this.#checkers) checker.onRecovered?.(process, broker, this.state);
  }

  synced(): void {}

  stepped(
    process: BrokerProcess,
    event: BrokerEvent,
    effects: readonly BrokerEffect[],
    broker: ChronikBroker,
  ): void {
    const { nowUs } = this.#world;
    this.#record.stepped(process.node, event, effects);
    this.#cover(event, effects);
    const answers = this.#answersIn(event, effects);
    const { state } = this;
    const logEvents = state.logEvents(process.node, broker, effects);
    const metadata = state.metadataChanges(broker);
    const replicas = state.replicaChanges(process.node, broker);
    state.account({ logEvents, metadata, replicas });
    const step: BrokerStep = {
      nowUs,
      process,
      broker,
      event,
      effects,
      answers,
      logEvents,
      metadata,
      replicas,
      state,
    };
    for (const checker of this.#checkers) checker.onStep?.(step);
  }

  answered(process: BrokerProcess, call: KafkaCall, body: unknown, broker: ChronikBroker): void {
    const answer: BrokerAnswer = { nowUs: this.#world.nowUs, process, broker, call, body, state: this.state };
    for (const checker of this.#checkers) checker.onAnswered?.(answer);
    for (const told of learnFrom(answer)) for (const checker of this.#checkers) checker.onTold?.(told);
  }

  ended(process: BrokerProcess): void {
    this.state.ended(process.node);
    this.#record.line(`n${process.node} has ended`);
  }

  diskFailed(process: BrokerProcess, failure: DiskFailure, why?: string): void {
    this.faults.diskFailed(process, failure, why);
  }

  #begin(): void {
    for (const process of this.#cluster.processes) process.start();
    this.faults.schedule(this.#plan.faults);
    this.#acts.schedule(this.#plan.acts ?? []);
    const { admin, producers, consumers, groups, transactional } = this.#clients;
    for (const client of [admin, ...producers, ...consumers, ...groups.flat(), ...transactional])
      client.start();
  }

  #newClients(): ChronikClients {
    const { workload, cluster } = this.#plan;
    const { topics } = workload;
    const { history } = this;
    let client = -1;
    const next = () => {
      client += 1;
      const prng = this.#prng.fork(`client ${client}`);
      const link = new KafkaLink({
        client,
        world: this.#world,
        nodes: this.#cluster.nodes,
        calls: this.#cluster.calls,
        prng: prng.fork('link'),
        throughCodec: cluster.throughCodec,
      });
      return { link, topics, prng, history };
    };
    return {
      admin: new SimulatedAdmin({ ...next(), plan: workload.admin }),
      producers: workload.producers.map((plan) => new SimulatedProducer({ ...next(), plan })),
      consumers: workload.consumers.map((plan) => new SimulatedConsumer({ ...next(), plan })),
      groups: (workload.groups ?? []).map((plan) =>
        Array.from({ length: plan.members }, (_, at) => {
          const instanceId = at < plan.staticMembers ? `${plan.groupId}-${at}` : undefined;
          return new SimulatedGroupMember({ ...next(), plan, instanceId });
        }),
      ),
      transactional: (workload.transactional ?? []).map(
        (plan) => new TransactionalProducer({ ...next(), plan }),
      ),
    };
  }

  get #livenessBoundUs(): number {
    const { cluster, workload } = this.#plan;
    const settings = { ...defaultBrokerSettings, ...cluster.settings };
    const { electionTimeoutUs } = { ...defaultRaftOptions, ...cluster.raft };
    const timeouts = [...workload.producers, ...workload.consumers].map(
      ({ requestTimeoutUs }) => requestTimeoutUs,
    );
    return (
      electionsMax * 2 * electionTimeoutUs +
      4 * (settings.brokerSessionTimeoutUs + settings.replicaLagTimeMaxUs) +
      4 * Math.max(0, ...timeouts) +
      catchUpUs
    );
  }

  #cover(event: BrokerEvent, effects: readonly BrokerEffect[]): void {
    this.#covered.add(`chronik event ${event.kind}`);
    if (event.kind === 'received')
      for (const { kind } of event.messages) this.#covered.add(`chronik message ${kind}`);
    if (event.kind === 'requested') {
      const { request } = event;
      this.#covered.add(`chronik call ${request.kind === 'call' ? request.call.api : request.kind}`);
    }
    for (const { kind } of effects) this.#covered.add(`chronik effect ${kind}`);
  }

  #answersIn(event: BrokerEvent, effects: readonly BrokerEffect[]): readonly StepAnswer[] {
    if (event.kind === 'requested' && event.request.kind === 'call') {
      this.#calls.set(event.requestId, event.request.call as KafkaCall);
    } else if (event.kind === 'cancelled') {
      this.#calls.delete(event.requestId);
    }
    const answers: StepAnswer[] = [];
    for (const effect of effects) {
      if (effect.kind !== 'reply') continue;
      const call = this.#calls.get(effect.requestId);
      this.#calls.delete(effect.requestId);
      if (call !== undefined && effect.response.kind === 'answered')
        answers.push({ call, body: effect.response.body });
    }
    return answers;
  }

  #result(violation: Violation | undefined): RunResult {
    const { produced, admin } = this.history;
    const outcomes = produced.map(({ outcome }) => outcome.kind);
    const countOf = (kind: (typeof outcomes)[number]): number =>
      outcomes.filter((other) => other === kind).length;
    const run = {
      seed: this.#seed,
      world: this.#world,
      record: this.#record,
      covered: this.#covered,
      processes: this.#cluster.processes,
      violation,
    };
    return resultOf(run, {
      scenario: this.#plan.name,
      operations: {
        answered: countOf('acknowledged') + admin.filter(({ errors }) => errors !== undefined).length,
        refused: countOf('refused'),
        unknown: countOf('unknown') + countOf('open'),
      },
      elections: this.state.counts.elections,
      faultsFired: this.faults.fired,
    });
  }
}
