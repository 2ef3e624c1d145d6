import { type NodeId } from '../../core/base/ids.ts';
import { usPerSecond } from '../../core/base/units.ts';
import { noMember } from '../../core/chainfire/alarm/alarm-state.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

/** From the damage on: an interval of comparing, an election, a restart, and the slices of a store. */
const boundUs = 20 * usPerSecond;

/**
 * A comparison of the members names a member only if its store was changed behind its back, and names it within a bound, where
 * members are compared at all. In nobody's name somebody is blamed only if somebody's was.
 *
 * Not verified: damage that goes by itself before a comparison comes to it (scenarios see to it that there is none), but for
 * that which a snapshot or the removal of the member takes away; members at which nothing is compared.
 */
export class CorruptionFound implements Checker {
  readonly name = 'corruption-found';
  /** Members with a changed row, by when it was changed. */
  readonly #rotten = new Map<NodeId, number>();
  /** All that ever were. */
  readonly #ever = new Set<number>();
  readonly #named = new Set<number>();

  onRotted(node: NodeId, nowUs: number): void {
    this.#rotten.set(node, nowUs);
    this.#ever.add(node);
  }

  onStep({ node, event, member, nowUs }: StepObservation): void {
    const { check } = member.view.checks;
    if (event.kind === 'snapshotReceived') this.#rotten.delete(node);
    for (const id of check.blamed) this.#blamed(id);
    if (check.index === 0 || this.#rotten.size === 0) return;
    for (const [rotten, sinceUs] of this.#rotten) {
      if (this.#named.has(rotten) || !isMember(member, rotten)) this.#rotten.delete(rotten);
      else if (nowUs - sinceUs > boundUs) {
        throw new Violation(
          this.name,
          `the store of member ${rotten} was changed behind its back ${nowUs - sinceUs} µs ago, and nobody has noticed`,
        );
      }
    }
  }

  #blamed(id: number): void {
    if (this.#named.has(id)) return;
    const isRight = id === Number(noMember) ? this.#ever.size > 0 : this.#ever.has(id);
    if (!isRight) {
      throw new Violation(
        this.name,
        `member ${id} was found to differ, though nobody has changed its store behind its back`,
      );
    }
    this.#named.add(id);
  }
}

function isMember({ view }: ChainfireMember, id: NodeId): boolean {
  return view.members.some((member) => member.id === BigInt(id));
}
