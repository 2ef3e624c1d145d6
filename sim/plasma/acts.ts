import { type NodeId } from '../../core/base/ids.ts';
import { type World } from '../world.ts';
import { type PlasmaFaults } from './faults.ts';
import { type PlasmaAct, type PlasmaFault } from './plan.ts';
import { type ServerProcess } from './processes.ts';
import { type PlasmaState } from './state.ts';

const patienceUs = 10_000_000;
const lookUs = 20_000;
/** From the moment at which a process has left until it is gone. */
const closeUs = 5_000;

/** Carries out what depends on who leads. One for whom it is meant may still be about to: it is waited for a while. */
export class PlasmaActs {
  readonly #world: World;
  readonly #state: PlasmaState;
  readonly #faults: PlasmaFaults;

  constructor(options: {
    readonly world: World;
    readonly state: PlasmaState;
    readonly faults: PlasmaFaults;
  }) {
    this.#world = options.world;
    this.#state = options.state;
    this.#faults = options.faults;
  }

  schedule(acts: readonly PlasmaAct[]): void {
    for (const act of acts)
      this.#world.at(act.atUs, () => {
        this.#begin(act, act.atUs + patienceUs);
      });
  }

  #begin(act: PlasmaAct, untilUs: number): void {
    const { nowUs } = this.#world;
    if (nowUs > untilUs || this.#faults.over) return;
    const leader = this.#state.cloud.servers.processes.find(
      ({ machine }) => machine?.status.role === 'leading',
    );
    if (leader === undefined) this.#world.after(lookUs, () => this.#begin(act, untilUs));
    else if (act.kind === 'stopLeader') this.#stop(leader, act.downUs);
    else this.#faults.strike(this.#faultOf(act, leader.node));
  }

  #stop(leader: ServerProcess, downUs: number): void {
    const { servers } = this.#state.cloud;
    servers.stop(leader, () => {
      this.#world.after(closeUs, () => {
        this.#faults.strike({ kind: 'crash', atUs: this.#world.nowUs, node: leader.node, downUs });
      });
    });
  }

  #faultOf(act: Exclude<PlasmaAct, { kind: 'stopLeader' }>, node: NodeId): PlasmaFault {
    const atUs = this.#world.nowUs;
    switch (act.kind) {
      case 'crashLeader':
        return { kind: 'crash', atUs, node, downUs: act.downUs };
      case 'pauseLeader':
        return { kind: 'pause', atUs, node, forUs: act.forUs };
      case 'cutLeaderFromStore': {
        const { nodes } = this.#state.cloud.chainfire;
        return { kind: 'partition', atUs, forUs: act.forUs, side: [node], otherSide: nodes };
      }
    }
  }
}
