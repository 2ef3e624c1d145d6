import { assert } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type FaultAtlas } from '../atlas.ts';
import { type Cluster, type MemberProcess } from '../cluster.ts';
import { type FoundStart, type LogEnd } from '../found-start.ts';
import { Recoverability, Unrecoverable } from '../recoverability.ts';
import { type Fault, type FaultKind } from '../fault.ts';
import { FaultStage, type FaultStageOptions } from './stage.ts';

export type FaultOf<Kind extends FaultKind> = Extract<Fault, { readonly kind: Kind }>;

/** A fault that has hurt something and is counted only at its end, which has not come. */
export interface FaultInForce {
  readonly fault: Fault;
  readonly fromUs: number;
}

/** A fault whose moment does not come is given up. */
export const momentPatienceUs = 20_000_000;

export interface FaultSceneOptions extends FaultStageOptions<MemberProcess> {
  readonly cluster: Cluster;
  readonly atlas: FaultAtlas;
  /** Told of a disk that has lost what it had acknowledged. */
  readonly damaged: (node: NodeId) => void;
  /** Told of a store that shows something else than was written to it. */
  readonly rotted: (node: NodeId) => void;
  /** Told of each fault as it has an effect. */
  readonly struck?: (fault: Fault) => void;
}

/** The stage of faults that strike Chainfire's members, with the account of what they hurt. */
export class FaultScene extends FaultStage<MemberProcess> {
  declare readonly cluster: Cluster;
  readonly atlas: FaultAtlas;
  readonly damaged: (node: NodeId) => void;
  readonly rotted: (node: NodeId) => void;
  readonly recoverability: Recoverability;
  readonly #struck: ((fault: Fault) => void) | undefined;

  constructor(options: FaultSceneOptions) {
    super(options);
    this.atlas = options.atlas;
    this.damaged = options.damaged;
    this.rotted = options.rotted;
    this.recoverability = new Recoverability(options.cluster);
    this.#struck = options.struck;
  }

  override fire(fault: Fault, what: string): void {
    super.fire(fault, what);
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
}
