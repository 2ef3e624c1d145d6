import { assert } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type FaultAtlas } from '../atlas.ts';
import { type Cluster, type MemberProcess } from '../cluster.ts';
import { type FoundStart, type LogEnd } from '../found-start.ts';
import { type Network } from '../network/network.ts';
import { Recoverability, Unrecoverable } from '../recoverability.ts';
import { type Fault, type FaultKind } from '../fault.ts';
import { type World } from '../world.ts';

export type FaultOf<Kind extends FaultKind> = Extract<Fault, { readonly kind: Kind }>;

/** A fault that has hurt something and is counted only at its end, which has not come. */
export interface FaultInForce {
  readonly fault: Fault;
  readonly fromUs: number;
}

/** A fault whose moment does not come is given up. */
export const momentPatienceUs = 20_000_000;

export interface FaultSceneOptions {
  readonly world: World;
  readonly network: Network;
  readonly cluster: Cluster;
  readonly atlas: FaultAtlas;
  /** Told what happens, for the trace. */
  readonly noted: (what: string) => void;
  /** Told of a disk that has lost what it had acknowledged. */
  readonly damaged: (node: NodeId) => void;
  /** Told of a store that shows something else than was written to it. */
  readonly rotted: (node: NodeId) => void;
  /** Told of each fault as it has an effect. */
  readonly struck?: (fault: Fault) => void;
}

/** What faults of every kind share: the world that they strike, the account of what they hurt, and their count. */
export class FaultScene {
  readonly world: World;
  readonly network: Network;
  readonly cluster: Cluster;
  readonly atlas: FaultAtlas;
  readonly damaged: (node: NodeId) => void;
  readonly rotted: (node: NodeId) => void;
  readonly noted: (what: string) => void;
  readonly recoverability: Recoverability;
  readonly #struck: ((fault: Fault) => void) | undefined;
  readonly #fired = new Map<FaultKind, number>();
  #over = false;

  constructor(options: FaultSceneOptions) {
    this.world = options.world;
    this.network = options.network;
    this.cluster = options.cluster;
    this.atlas = options.atlas;
    this.noted = options.noted;
    this.damaged = options.damaged;
    this.rotted = options.rotted;
    this.recoverability = new Recoverability(options.cluster);
    this.#struck = options.struck;
  }

  /** Faults are over: none begins any more, and nobody whom one has ended before is started again. */
  get over(): boolean {
    return this.#over;
  }

  end(): void {
    this.#over = true;
  }

  /** How often each kind had an effect. */
  get fired(): Readonly<Partial<Record<FaultKind, number>>> {
    return Object.fromEntries([...this.#fired].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** This fault has had an effect. */
  fire(fault: Fault, what: string): void {
    this.#fired.set(fault.kind, (this.#fired.get(fault.kind) ?? 0) + 1);
    this.noted(what);
    this.#struck?.(fault);
  }

  /**
   * A disk was hurt: can what was promised still be kept? It is asked of every such fault, of those that keep to the atlas
   * too, so that the atlas itself is held to it.
   *
   * @throws Unrecoverable where a fault was to ignore the atlas
   */
  judge(
    fault: Fault,
    process: MemberProcess,
    struck: { readonly before: FoundStart; readonly end: LogEnd },
  ): void {
    try {
      this.recoverability.struck(process, struck);
    } catch (failure) {
      if (!(failure instanceof Unrecoverable) || ('atlas' in fault && fault.atlas === 'ignored'))
        throw failure;
      assert(false, `the atlas allows nothing that cannot be recovered from: ${failure.message}`);
    }
  }

  /**
   * Starts a process that is down, unless somebody else has by then. With faults over in between that is left to whoever
   * heals; one that ends afterwards, by what they have left behind, is started as ever.
   */
  startLater(process: MemberProcess, downUs: number): void {
    const { boot } = process;
    const over = this.#over;
    this.world.after(downUs, () => {
      if (this.#over !== over || process.boot !== boot || process.alive || process.stopped) return;
      this.noted(`start of n${process.node}`);
      process.start();
    });
  }
}
