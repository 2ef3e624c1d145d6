import { type NodeId } from '../../core/base/ids.ts';
import { type World } from '../world.ts';
import { type PlasmaFaults } from './faults.ts';
import { type PlasmaAct, type PlasmaFault } from './plan.ts';
import { type ServerProcess } from './processes.ts';
import { type PlasmaState } from './state.ts';

type ImageAct = Extract<PlasmaAct, { readonly image: number }>;
type GuestAct = Extract<PlasmaAct, { readonly kind: 'guestEnds' }>;
type AwaitingAct = Exclude<PlasmaAct, ImageAct | GuestAct>;

const patienceUs = 10_000_000;
const lookUs = 20_000;
/** From the moment at which a process has left until it is gone. */
const closeUs = 5_000;

/**
 * Harms servers' images, and carries out what depends on who does what by then. For one for whom it is meant it waits a while,
 * who may only be about to.
 */
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
        if (act.kind === 'guestEnds') this.#endGuest(act);
        else if ('image' in act) this.#harmImage(act);
        else this.#begin(act, act.atUs + patienceUs);
      });
  }

  #endGuest({ pick, by }: GuestAct): void {
    const { cloud } = this.#state;
    const executing = cloud.hypervisors.executing();
    const one = executing[pick % Math.max(1, executing.length)];
    if (one === undefined) return;
    const { machine } = cloud.node(one.node);
    if (by === 'die') machine.processDies(one.instance);
    else machine.guest(one.instance, by);
  }

  /** Before the end of the safety phase it is imported anew. */
  #harmImage({ kind, server, image: position, forUs }: ImageAct): void {
    const { cloud, plan } = this.#state;
    const image = cloud.images.images[position];
    if (image === undefined || server >= plan.cloud.servers) return;
    if (kind === 'loseImage') cloud.images.lose(server, image.digest);
    else cloud.images.spoil(server, image.digest);
    const untilUs = Math.min(this.#world.nowUs + forUs, plan.durationUs);
    this.#world.at(untilUs, () => cloud.images.importAnew(server, image.digest));
  }

  #begin(act: AwaitingAct, untilUs: number): void {
    const { nowUs } = this.#world;
    if (nowUs > untilUs || this.#faults.over) return;
    if (!this.#done(act)) this.#world.after(lookUs, () => this.#begin(act, untilUs));
  }

  /** @returns whether the one for whom it is meant was there */
  #done(act: AwaitingAct): boolean {
    const { nodes, servers } = this.#state.cloud;
    if (act.kind === 'crashFetching') {
      const fetching = nodes.find(({ machine }) => machine.fetching);
      if (fetching !== undefined)
        this.#world.after(act.afterUs, () => this.#crashAgent(fetching.address, act.downUs));
      return fetching !== undefined;
    }
    const leader = servers.processes.find(({ machine }) => machine?.status.role === 'leading');
    if (leader === undefined) return false;
    if (act.kind === 'stopLeader') this.#stop(leader, act.downUs);
    else this.#faults.strike(this.#faultOf(act, leader.node));
    return true;
  }

  #crashAgent(node: NodeId, downUs: number): void {
    this.#faults.strike({ kind: 'crash', atUs: this.#world.nowUs, node, scope: 'process', downUs });
  }

  #stop(leader: ServerProcess, downUs: number): void {
    const { servers } = this.#state.cloud;
    servers.stop(leader, () => {
      this.#world.after(closeUs, () => {
        this.#faults.strike({ kind: 'crash', atUs: this.#world.nowUs, node: leader.node, downUs });
      });
    });
  }

  #faultOf(act: Exclude<AwaitingAct, { kind: 'stopLeader' | 'crashFetching' }>, node: NodeId): PlasmaFault {
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
