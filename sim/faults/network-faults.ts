import { unreachable } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type Prng } from '../../core/base/prng.ts';
import { clientAddress, type Condition, cut } from '../network/conditions.ts';
import { type Fault } from '../fault.ts';
import { unlinked } from './partial-partition.ts';
import { type FaultInForce, type FaultOf, momentPatienceUs } from './scene.ts';
import { type FaultStage } from './stage.ts';

export type NetworkFault = FaultOf<
  | 'partition'
  | 'partialPartition'
  | 'oneWay'
  | 'clientCut'
  | 'lossy'
  | 'clog'
  | 'slowNetwork'
  | 'flap'
  | 'narrowLink'
  | 'longTail'
>;

/** Faults that are conditions of the network for a while. Each fires at its end, if any packet met it. */
export class NetworkFaults {
  readonly #scene: FaultStage;
  readonly #prng: Prng;
  /** Conditions that are in force, with the fault that each belongs to. */
  readonly #conditions = new Map<Fault, readonly Condition[]>();
  readonly #begunUs = new Map<Fault, number>();
  /** One-way cuts that wait for a member of theirs to be elected. */
  readonly #awaitingElection = new Set<FaultOf<'oneWay'>>();

  constructor(scene: FaultStage, prng: Prng) {
    this.#scene = scene;
    this.#prng = prng;
  }

  /** Those in force that packets have met. */
  get met(): readonly FaultInForce[] {
    return [...this.#conditions].flatMap(([fault, conditions]) =>
      conditions.some(({ hits }) => hits > 0)
        ? [{ fault, fromUs: this.#begunUs.get(fault) ?? fault.atUs }]
        : [],
    );
  }

  begin(fault: NetworkFault, prng: Prng): void {
    if (fault.kind === 'oneWay' && fault.moment !== undefined) {
      this.#awaitElection(fault);
      return;
    }
    this.#beginConditions(fault, prng);
    if (fault.kind === 'flap') this.#flap(fault, 'up');
  }

  /** This member has become the leader, and nothing that it says as one has left it yet. */
  elected(node: NodeId): void {
    for (const fault of this.#awaitingElection) {
      if (!fault.from.includes(node)) continue;
      this.#awaitingElection.delete(fault);
      this.#beginConditions(fault, this.#prng.fork(JSON.stringify(fault)));
    }
  }

  end(): void {
    for (const fault of [...this.#conditions.keys()]) this.#endConditions(fault);
    this.#awaitingElection.clear();
  }

  #beginConditions(fault: NetworkFault, prng: Prng): void {
    const conditions = conditionsOf(fault, prng);
    this.#conditions.set(fault, conditions);
    this.#begunUs.set(fault, this.#scene.world.nowUs);
    for (const condition of conditions) this.#scene.network.begin(condition);
    this.#scene.noted(`${fault.kind} begins`);
    this.#scene.world.after(fault.forUs, () => {
      this.#endConditions(fault);
    });
  }

  /** Until the fault is over, what is down comes up and what is up goes down, each at its time. */
  #flap(fault: FaultOf<'flap'>, next: 'up' | 'down'): void {
    const { network, world } = this.#scene;
    world.after(next === 'up' ? fault.downUs : fault.upUs, () => {
      const conditions = this.#conditions.get(fault);
      if (conditions === undefined) return;
      for (const condition of conditions) {
        if (next === 'up') network.end(condition);
        else network.begin(condition);
      }
      this.#flap(fault, next === 'up' ? 'down' : 'up');
    });
  }

  #awaitElection(fault: FaultOf<'oneWay'>): void {
    this.#awaitingElection.add(fault);
    this.#scene.world.after(momentPatienceUs, () => {
      this.#awaitingElection.delete(fault);
    });
  }

  #endConditions(fault: Fault): void {
    const conditions = this.#conditions.get(fault);
    if (conditions === undefined) return;
    this.#conditions.delete(fault);
    let hits = 0;
    for (const condition of conditions) {
      this.#scene.network.end(condition);
      hits += condition.hits;
    }
    if (hits > 0) this.#scene.fire(fault, `${fault.kind} ends, ${hits} packets hit`);
  }
}

function conditionsOf(fault: NetworkFault, prng: Prng): readonly Condition[] {
  switch (fault.kind) {
    case 'partition':
      return [cut(fault.side, fault.otherSide), cut(fault.otherSide, fault.side)];
    case 'oneWay':
      return [cut(fault.from, fault.to)];
    case 'flap': {
      const [left, right] = fault.between;
      return [cut([left], [right]), cut([right], [left])];
    }
    case 'clientCut': {
      const clients = fault.clients.map(clientAddress);
      const requests = fault.direction === 'answers' ? [] : [cut(clients, fault.nodes)];
      const answers = fault.direction === 'requests' ? [] : [cut(fault.nodes, clients)];
      return [...requests, ...answers];
    }
    case 'lossy': {
      const { lossPpm, duplicatePpm, reorderPpm } = fault;
      return [{ kind: 'lossy', lossPpm, duplicatePpm, reorderPpm, prng, hits: 0 }];
    }
    case 'clog':
      return [{ kind: 'clog', from: fault.from, to: fault.to, hits: 0 }];
    case 'narrowLink': {
      const { bytesPerSecond } = fault;
      const ends = { from: new Set(fault.from), to: new Set(fault.to) };
      return [{ kind: 'narrow', ...ends, bytesPerSecond, freeUs: new Map(), hits: 0 }];
    }
    case 'longTail': {
      const { tailPpm, tailUs } = fault;
      const ends = { from: new Set(fault.from), to: new Set(fault.to) };
      return [{ kind: 'tail', ...ends, tailPpm, tailUs, prng, hits: 0 }];
    }
    case 'partialPartition':
      return unlinked(fault.shape, fault.order).map(([from, to]) => cut([from], [to]));
    case 'slowNetwork':
      return [{ kind: 'slow', factor: fault.factor, hits: 0 }];
    default:
      return unreachable(fault);
  }
}
