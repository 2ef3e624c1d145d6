import { type NodeId, nodeId } from '../../core/base/ids.ts';
import { type SwimConfig } from '../../core/swim/config.ts';
import { SwimNode } from '../../core/swim/node.ts';
import { type SwimEffect, type SwimEvent } from '../../core/swim/types.ts';
import { CaptureCheck } from '../capture-check.ts';
import { defaultNetworkPlan, Network } from '../network/network.ts';
import { seededPrng } from '../prng.ts';
import { StepRecord } from '../step-record.ts';
import { firstMissed, firstViolation, resultOf } from '../system-run.ts';
import { type TraceSink } from '../trace.ts';
import { type RunResult, Violation } from '../types.ts';
import { World } from '../world.ts';
import { type SwimChecker, type SwimGroup, type SwimStep } from './checker.ts';
import { createSwimCheckers } from './checkers/registry.ts';
import { lengthUs, SwimFaults } from './faults.ts';
import { convergenceUs, optionsOf, type SwimScenario } from './plan.ts';
import { SwimProcess } from './process.ts';
import { swimStepLine } from './trace.ts';

export interface SwimRunOptions {
  /** In place of all of them. What watches a run never changes it. */
  readonly checkers?: readonly SwimChecker[];
  readonly trace?: TraceSink | undefined;
  /** Captures the machine after one step in so many, and has one that was restored from that go on: the hash stays the same. */
  readonly recaptureEvery?: number | undefined;
}

const cluster = 'simulated';

/**
 * Runs gossip from its seed to its end or to its first violation, on the simulator's world, clocks and network. The same code,
 * scenario and seed give the same result, hash included, on every machine. A run that proved nothing ends as `idle`.
 */
export function runSwim(plan: SwimScenario, seed: number, options: SwimRunOptions = {}): RunResult {
  return new SwimRun(plan, seed, options).run();
}

class SwimRun implements SwimGroup {
  readonly options;
  readonly processes: readonly SwimProcess[];
  readonly #plan: SwimScenario;
  readonly #seed: number;
  readonly #checkers: readonly SwimChecker[];
  readonly #world = new World();
  readonly #record: StepRecord;
  readonly #network: Network;
  readonly #faults: SwimFaults;
  readonly #covered = new Set<string>();
  readonly #changes = new Map<string, number>();

  constructor(plan: SwimScenario, seed: number, options: SwimRunOptions) {
    this.#plan = plan;
    this.#seed = seed;
    this.#checkers = options.checkers ?? createSwimCheckers();
    this.options = optionsOf(plan);
    const world = this.#world;
    this.#record = new StepRecord(world, options.trace, swimStepLine);
    const prng = seededPrng(`photon swim ${seed}`);
    this.#network = new Network({ world, prng: prng.fork('network'), plan: defaultNetworkPlan });
    const exchange = this.#exchange(options.recaptureEvery);
    this.processes = Array.from({ length: plan.members }, (_, at) => {
      const node = nodeId(at + 1);
      return new SwimProcess({
        node,
        name: nameOf(node),
        world,
        prng: prng.fork(`process ${node}`),
        start: (process, machinePrng, nowUs) => new SwimNode(this.#configOf(process), machinePrng, nowUs),
        stepped: (process, event, effects) => {
          this.#stepped(process, event, effects);
        },
        exchange,
      });
    });
    this.#faults = new SwimFaults({
      world,
      network: this.#network,
      prng: prng.fork('faults'),
      faults: plan.faults,
      processOf: (node) => this.#processOf(node),
      noted: (what) => this.#record.line(what),
    });
    const starts = prng.fork('starts');
    for (const process of this.processes) {
      world.at(starts.below(Math.max(1, plan.startWithinUs)), () => {
        process.start();
      });
    }
  }

  get nowUs(): number {
    return this.#world.nowUs;
  }

  disturbed(node: NodeId, fromUs: number, toUs: number): boolean {
    return this.#faults.disturbed(node, fromUs, toUs);
  }

  run(): RunResult {
    const violation = firstViolation(this.#record, () => {
      this.#faults.schedule();
      this.#world.runUntil(this.#endUs);
      for (const checker of this.#checkers) checker.onEnd?.(this);
      const missed = firstMissed({ ...this.#plan.floors }, Object.fromEntries(this.#changes));
      if (missed !== undefined) throw new Violation('idle', `members ${missed}`);
    });
    return this.#result(violation);
  }

  /** Long enough behind the last fault, and the last who came back, that everything has settled. */
  get #endUs(): number {
    const { faults, durationUs, members } = this.#plan;
    let lastUs = durationUs;
    for (const fault of faults) {
      const downUs =
        'downUs' in fault && fault.kind !== 'flap' && fault.downUs !== Infinity ? fault.downUs : 0;
      lastUs = Math.max(lastUs, fault.atUs + lengthUs(fault) + downUs);
    }
    return lastUs + convergenceUs(this.options, members);
  }

  #configOf(process: SwimProcess): SwimConfig {
    const { node, name } = process;
    const self = {
      name,
      gossipAddress: String(node),
      clientAddress: `client-${node}-${process.boot}`,
      peerAddress: `peer-${node}`,
      note: '',
    };
    const seeds = Array.from({ length: this.#plan.seeds }, (_, at) => String(at + 1));
    return { ...this.options, cluster, self, seeds };
  }

  #exchange(
    every: number | undefined,
  ): ((process: SwimProcess, machine: SwimNode) => SwimNode | undefined) | undefined {
    if (every === undefined) return undefined;
    const check = new CaptureCheck(seededPrng(`recapture ${this.#seed}`), every);
    return check.exchangeOf((captured, process: SwimProcess) => {
      const other = seededPrng('of no matter: what was captured takes its place');
      return SwimNode.restore(this.#configOf(process), other, captured, process.nowUs);
    });
  }

  #processOf(node: NodeId): SwimProcess {
    const process = this.processes[node - 1];
    if (process === undefined) throw new RangeError(`there is no member ${node}`);
    return process;
  }

  #stepped(process: SwimProcess, event: SwimEvent, effects: readonly SwimEffect[]): void {
    const { machine } = process;
    if (machine === undefined) throw new RangeError('who steps has a machine');
    const { nowUs } = this;
    this.#record.stepped(process.node, event, effects);
    this.#covered.add(`swim event ${event.kind}`);
    for (const effect of effects) this.#apply(process, effect);
    const step: SwimStep = { nowUs, process, machine, event, effects, group: this };
    for (const checker of this.#checkers) checker.onStep?.(step);
  }

  #apply(from: SwimProcess, effect: SwimEffect): void {
    this.#covered.add(`swim effect ${effect.kind}`);
    if (effect.kind === 'memberChanged') {
      this.#covered.add(`swim change ${effect.change}`);
      this.#changes.set(effect.change, (this.#changes.get(effect.change) ?? 0) + 1);
    }
    if (effect.kind !== 'send') return;
    const to = this.processes[Number(effect.to) - 1];
    if (to === undefined) return;
    const { datagram } = effect;
    this.#network.send({
      from: from.node,
      to: to.node,
      bytes: datagram.length,
      carriage: 'datagram',
      arrived: () => {
        to.deliver({ kind: 'received', from: String(from.node), datagram });
      },
    });
  }

  #result(violation: Violation | undefined): RunResult {
    const { fired } = this.#faults;
    const run = {
      seed: this.#seed,
      world: this.#world,
      record: this.#record,
      covered: this.#covered,
      processes: [],
      violation,
    };
    return resultOf(run, {
      scenario: this.#plan.name,
      operations: { answered: 0, refused: 0, unknown: 0 },
      elections: 0,
      faultsFired: Object.fromEntries([...fired].filter(([kind]) => kind !== 'leave' && kind !== 'move')),
    });
  }
}

function nameOf(node: NodeId): string {
  return `member-${node}`;
}
