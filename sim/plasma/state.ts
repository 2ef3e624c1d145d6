import { type Tables } from '../../core/plasma/control-plane/rows.ts';
import { type NodeName, type VmId } from '../../core/plasma/types.ts';
import { type World } from '../world.ts';
import { type PlasmaCloud } from './cloud.ts';
import { type EndedProcess } from './hypervisor-types.ts';
import { type PlasmaHistory } from './history.ts';
import { type PlasmaScenario } from './plan.ts';
import { type PlasmaTruth, type TrueCommit } from './truth.ts';

export interface PlasmaCounts {
  executions: number;
  nodesLost: number;
  handOvers: number;
  writes: number;
  writesRefused: number;
  watchdogKills: number;
  adopted: number;
  disksDeleted: number;
  imagesFetched: number;
  fetchesResumed: number;
  imagesRefused: number;
  /** Guests that ended by themselves, and were started again. */
  restarted: number;
  /** Snapshots that an agent has had taken, gone back to or removed. */
  operated: number;
}

/** What is known of a run as a whole. */
export class PlasmaState {
  readonly plan: PlasmaScenario;
  readonly cloud: PlasmaCloud;
  readonly history: PlasmaHistory;
  readonly truth: PlasmaTruth;
  readonly counts: PlasmaCounts = {
    executions: 0,
    nodesLost: 0,
    handOvers: 0,
    writes: 0,
    writesRefused: 0,
    watchdogKills: 0,
    adopted: 0,
    disksDeleted: 0,
    imagesFetched: 0,
    fetchesResumed: 0,
    imagesRefused: 0,
    restarted: 0,
    operated: 0,
  };
  /** How the last process of each virtual machine ended. */
  readonly ends = new Map<VmId, EndedProcess>();
  readonly #world: World;
  /** When the watchdog of a node ran no more, or stood still; the newest. */
  readonly #unwatchedUs = new Map<NodeName, number>();
  readonly #thawedUs = new Map<NodeName, number>();

  constructor(options: {
    readonly world: World;
    readonly plan: PlasmaScenario;
    readonly cloud: PlasmaCloud;
    readonly history: PlasmaHistory;
    readonly truth: PlasmaTruth;
  }) {
    this.#world = options.world;
    this.plan = options.plan;
    this.cloud = options.cloud;
    this.history = options.history;
    this.truth = options.truth;
  }

  get nowUs(): number {
    return this.#world.nowUs;
  }

  /** Counts what a commit shows. */
  count({ rows }: TrueCommit): void {
    for (const { table, before, after } of rows) {
      if (table === 'nodes') {
        const [was, is] = [before as Tables['nodes'] | undefined, after as Tables['nodes'] | undefined];
        if (was?.lost === undefined && is?.lost !== undefined) this.counts.nodesLost += 1;
      } else if (table === 'vms') {
        const [was, is] = [before as Tables['vms'] | undefined, after as Tables['vms'] | undefined];
        if (was?.migration?.phase === 'sending' && is?.migration?.phase === 'handing-over')
          this.counts.handOvers += 1;
      }
    }
  }

  /** The watchdog of this node does not run, though its machine does. */
  unwatched(node: NodeName): void {
    this.#unwatchedUs.set(node, this.nowUs);
  }

  /** -Infinity: never. While it lasts, it is now. */
  unwatchedUs(node: NodeName): number {
    const { watchdog, frozen, powered } = this.cloud.node(node);
    if (powered && !frozen && (!watchdog.alive || watchdog.paused)) return this.nowUs;
    return this.#unwatchedUs.get(node) ?? -Infinity;
  }

  thawed(node: NodeName): void {
    this.#thawedUs.set(node, this.nowUs);
  }

  /** When the machine as a whole went on the last time; -Infinity: it never stood still. */
  thawedUs(node: NodeName): number {
    return this.#thawedUs.get(node) ?? -Infinity;
  }
}
