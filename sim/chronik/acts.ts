import { type NodeId, nodeId } from '../../core/base/ids.ts';
import { unreachable } from '../../core/base/assert.ts';
import { type World } from '../world.ts';
import { type SimulatedAdmin } from './clients/admin.ts';
import { type ChronikFaults } from './faults.ts';
import { type Act, type Role } from './plan.ts';
import { type ChronikState } from './state.ts';

/** Where nobody has the role yet, it is looked again so often, so long after one another. */
const attemptsMax = 100;
const againUs = 50_000;

/** Carries out what a scenario has done to whoever has a role at the time. */
export class Acts {
  readonly #world: World;
  readonly #state: ChronikState;
  readonly #faults: ChronikFaults;
  readonly #admin: SimulatedAdmin;

  constructor(options: {
    readonly world: World;
    readonly state: ChronikState;
    readonly faults: ChronikFaults;
    readonly admin: SimulatedAdmin;
  }) {
    this.#world = options.world;
    this.#state = options.state;
    this.#faults = options.faults;
    this.#admin = options.admin;
  }

  schedule(acts: readonly Act[]): void {
    for (const act of acts) {
      this.#world.at(act.atUs, () => {
        this.#begin(act, attemptsMax);
      });
    }
  }

  #begin(act: Act, attempts: number): void {
    if (act.kind === 'reassign') {
      this.#admin.reassign(act.topic, act.partition, act.replicas);
      return;
    }
    const node = this.#who(act.who);
    if (node !== undefined) {
      this.#do(act, node);
    } else if (attempts > 0) {
      this.#world.after(againUs, () => {
        this.#begin(act, attempts - 1);
      });
    }
  }

  #do(act: Exclude<Act, { kind: 'reassign' }>, node: NodeId): void {
    const atUs = this.#world.nowUs;
    switch (act.kind) {
      case 'crash': {
        const { downUs, scope = 'machine' } = act;
        this.#faults.strike({ kind: 'crash', atUs, node, downUs, scope });
        break;
      }
      case 'pause':
        this.#faults.strike({ kind: 'pause', atUs, node, forUs: act.forUs });
        break;
      case 'isolate': {
        const otherSide = this.#state.cluster.nodes.filter((other) => other !== node);
        this.#faults.strike({ kind: 'partition', atUs, forUs: act.forUs, side: [node], otherSide });
        break;
      }
      case 'diskFull':
        this.#faults.strike({ kind: 'diskFull', atUs, node, forUs: act.forUs });
        break;
      default:
        unreachable(act);
    }
  }

  #who(role: Role): NodeId | undefined {
    if (role.kind === 'controller') {
      return this.#state.cluster.nodes.find(
        (node) => this.#state.cluster.process(node).machine?.view.metadata.role === 'leader',
      );
    }
    const known = this.#state.partitionNamed(role.topic, role.partition);
    if (known === undefined || known.state.leader < 0) return undefined;
    const { leader, replicas } = known.state;
    if (role.kind === 'leader') return nodeId(leader);
    return replicas.filter((node) => node !== leader)[role.nth];
  }
}
