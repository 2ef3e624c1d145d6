import { unreachable } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type Prng } from '../../core/base/prng.ts';
import { type Condition, cut } from '../network/conditions.ts';
import { type Network } from '../network/network.ts';
import { type World } from '../world.ts';
import { type SwimFault } from './plan.ts';
import { type SwimProcess } from './process.ts';

/** Puts a scenario's faults into the world, each at its time, and knows afterwards whom they have touched when. */
export class SwimFaults {
  readonly #world: World;
  readonly #network: Network;
  readonly #prng: Prng;
  readonly #processOf: (node: NodeId) => SwimProcess;
  readonly #noted: (what: string) => void;
  readonly #faults: readonly SwimFault[];
  /** Faults that have begun, by kind. */
  readonly fired = new Map<SwimFault['kind'], number>();

  constructor(parts: {
    readonly world: World;
    readonly network: Network;
    readonly prng: Prng;
    readonly faults: readonly SwimFault[];
    readonly processOf: (node: NodeId) => SwimProcess;
    readonly noted: (what: string) => void;
  }) {
    this.#world = parts.world;
    this.#network = parts.network;
    this.#prng = parts.prng;
    this.#faults = parts.faults;
    this.#processOf = parts.processOf;
    this.#noted = parts.noted;
  }

  schedule(): void {
    for (const [at, fault] of this.#faults.entries()) {
      this.#world.at(fault.atUs, () => {
        this.fired.set(fault.kind, (this.fired.get(fault.kind) ?? 0) + 1);
        this.#noted(`${fault.kind} begins`);
        this.#begin(fault, this.#prng.fork(`fault ${at}`));
      });
    }
  }

  /** Datagrams that are lost by chance disturb nobody: that is what gossip is made for. */
  disturbed(node: NodeId, fromUs: number, toUs: number): boolean {
    return this.#faults.some((fault) => {
      if (!touches(fault, node)) return false;
      return fault.atUs <= toUs && fault.atUs + lengthUs(fault) >= fromUs;
    });
  }

  #begin(fault: SwimFault, prng: Prng): void {
    switch (fault.kind) {
      case 'crash':
        this.#process(fault.node).crash();
        this.#startAfter(fault.node, fault.downUs);
        break;
      case 'leave':
        this.#process(fault.node).deliver({ kind: 'leave' });
        this.#startAfter(fault.node, fault.downUs);
        break;
      case 'move':
        this.#process(fault.node).deliver({
          kind: 'placeChanged',
          clientAddress: `moved-${fault.node}-${fault.atUs}`,
          peerAddress: '',
          note: '',
        });
        break;
      case 'pause':
        this.#process(fault.node).pause();
        this.#world.after(fault.forUs, () => {
          this.#process(fault.node).resume();
        });
        break;
      case 'partition':
        this.#during(fault.forUs, cut(fault.side, fault.otherSide));
        this.#during(fault.forUs, cut(fault.otherSide, fault.side));
        break;
      case 'oneWay':
        this.#during(fault.forUs, cut(fault.from, fault.to));
        break;
      case 'lossy': {
        const { lossPpm, duplicatePpm, reorderPpm } = fault;
        this.#during(fault.forUs, { kind: 'lossy', lossPpm, duplicatePpm, reorderPpm, prng, hits: 0 });
        break;
      }
      case 'flap':
        this.#flap(fault, this.#world.nowUs + fault.forUs);
        break;
      default:
        unreachable(fault);
    }
  }

  #flap(fault: Extract<SwimFault, { kind: 'flap' }>, endUs: number): void {
    const leftUs = endUs - this.#world.nowUs;
    if (leftUs <= 0) return;
    const [one, other] = fault.between;
    const downUs = Math.min(fault.downUs, leftUs);
    this.#during(downUs, cut([one], [other]));
    this.#during(downUs, cut([other], [one]));
    this.#world.after(fault.downUs + fault.upUs, () => {
      this.#flap(fault, endUs);
    });
  }

  #during(forUs: number, condition: Condition): void {
    this.#network.begin(condition);
    this.#world.after(forUs, () => {
      this.#network.end(condition);
    });
  }

  #startAfter(node: NodeId, downUs: number): void {
    if (downUs === Infinity) return;
    this.#world.after(downUs, () => {
      this.#process(node).start();
    });
  }

  #process(node: NodeId): SwimProcess {
    return this.#processOf(node);
  }
}

/** How long it lasts. Of what a member does itself: no time. */
export function lengthUs(fault: SwimFault): number {
  return 'forUs' in fault ? fault.forUs : 0;
}

function touches(fault: SwimFault, node: NodeId): boolean {
  switch (fault.kind) {
    case 'pause':
      return fault.node === node;
    case 'partition':
      return fault.side.includes(node) || fault.otherSide.includes(node);
    case 'oneWay':
      return fault.from.includes(node) || fault.to.includes(node);
    case 'flap':
      return fault.between.includes(node);
    // Who is down is not asked, and who comes again has a new life.
    case 'crash':
    case 'leave':
    case 'move':
    case 'lossy':
      return false;
    default:
      return unreachable(fault);
  }
}
