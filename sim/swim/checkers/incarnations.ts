import { type NodeId } from '../../../core/base/ids.ts';
import { Violation } from '../../types.ts';
import { type SwimChecker, type SwimStep } from '../checker.ts';

/**
 * Incarnations: as long as a member remembers another, the incarnation that it knows of it never falls; its own never falls while
 * it runs; and nobody holds one that the member itself has not come to, in this life or an earlier one.
 *
 * Not verified: what was forgotten.
 */
export class SwimIncarnations implements SwimChecker {
  readonly name = 'swim-incarnations';
  readonly #known = new Map<NodeId, Known>();
  /** The highest that each has given itself. */
  readonly #own = new Map<string, number>();

  onStep({ process, machine }: SwimStep): void {
    const { self } = machine;
    const before = this.#known.get(process.node);
    const sameLife = before?.boot === process.boot;
    if (sameLife && self.incarnation < before.own) {
      throw new Violation(
        this.name,
        `${self.name} fell from incarnation ${before.own} to ${self.incarnation}`,
      );
    }
    this.#own.set(self.name, Math.max(this.#own.get(self.name) ?? 0, self.incarnation));
    const others = new Map<string, number>();
    for (const { record } of machine.others) {
      const { name, incarnation } = record;
      others.set(name, incarnation);
      const was = sameLife ? (before.others.get(name) ?? 0) : 0;
      if (incarnation < was) {
        const detail = `${self.name} knew ${name} in incarnation ${was}, and holds ${incarnation} now`;
        throw new Violation(this.name, detail);
      }
      if (incarnation > (this.#own.get(name) ?? 0)) {
        const detail = `${self.name} holds ${name} in incarnation ${incarnation}, which that never had`;
        throw new Violation(this.name, detail);
      }
    }
    this.#known.set(process.node, { boot: process.boot, own: self.incarnation, others });
  }
}

interface Known {
  readonly boot: number;
  readonly own: number;
  readonly others: ReadonlyMap<string, number>;
}
